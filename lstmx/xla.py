"""Flags that XLA needs before it starts, so that compiled programs compute the right numbers.

XLA's CPU backend can compile groups of operations with the YNN library. From jaxlib 0.10.2 on it
does so by default, and one such group computes wrong numbers: a batched product with a broadcast
operand that is multiplied and summed, as in `((m @ ones_like(m)) * m).sum(-1)`. The error differs
from run to run: 1 to 1e34 times the result in jaxlib 0.10.2, 0.11.1, 0.11.2, 0.12.0 and 0.12.0.1.
Results are right to rounding in 0.10.0 and 0.10.1, in all versions where the library is switched
off, and in 0.10.2 and 0.12.0.1 where it gets single products only (not tried in the others). It
must get single products: without them products of bfloat16 over two axes are not implemented in
jaxlib 0.10.2.
"""

import os

import jaxlib

FLAG = "--xla_cpu_experimental_ynn_fusion_type"
"""The flag that selects the operations that the library compiles."""
ONLY = "INDIVIDUAL_DOT"
"""The value for single products, which are computed right."""
WRONG = ((0, 10, 2), (0, 13))
"""The first jaxlib that is wrong; the first one that was not tried and that lstmx excludes."""


def use_right_fusions() -> None:
    """Switch off the wrong fusions of this jaxlib in this process and those that it starts.

    XLA reads the variable XLA_FLAGS once, when the first array is made: later this has no effect.
    The launchers, the tests and `mesh.use_cores` call it; importing lstmx changes nothing.
    """
    version = tuple(int(part) for part in jaxlib.__version__.split(".")[:3])
    os.environ["XLA_FLAGS"] = flags(version, os.environ.get("XLA_FLAGS", ""))


def flags(version: tuple[int, ...], given: str) -> str:
    """The value of XLA_FLAGS for a version of jaxlib.

    A version that computes right gets no flag, since XLA ends the process at an unknown one.

    Args:
        version: of jaxlib, (major, minor, patch).
        given: the value so far; it is kept, and returned as it is if it has the flag.
    """
    first, end = WRONG
    if FLAG in given or not first <= version < end:
        return given
    return f"{given} {FLAG}={ONLY}".strip()
