"""What XLA has to be told before it starts, so that what it compiles computes the right numbers.

XLA's CPU backend can hand groups of operations to the YNN library. From jaxlib 0.10.2 on it does so
unless told otherwise, and one such group is wrong: a batched product with a broadcast operand that
is multiplied and summed, as in `((m @ ones_like(m)) * m).sum(-1)`. The error differs from run to
run: 1 to 1e34 times the result in jaxlib 0.10.2, 0.11.1, 0.11.2, 0.12.0 and 0.12.0.1. Right to
rounding are 0.10.0 and 0.10.1, all of them where the library gets nothing, and 0.10.2 and 0.12.0.1
where it gets single products only (the others were not tried so). Single products it must get:
without them products of bfloat16 over two axes are not implemented in jaxlib 0.10.2.
"""

import os

import jaxlib

FLAG = "--xla_cpu_experimental_ynn_fusion_type"
"""The flag that names what the library gets."""
ONLY = "INDIVIDUAL_DOT"
"""Single products, which are right."""
WRONG = ((0, 10, 2), (0, 13))
"""The first jaxlib that is wrong, and the first one that was not tried and is not allowed."""


def use_right_fusions() -> None:
    """Switch off what is wrong in this jaxlib, for this process and those that it starts.

    XLA reads the variable XLA_FLAGS once, as the first array is made: later this has no effect.
    The launchers, the tests and `mesh.use_cores` do it; a mere import of lstmx changes nothing.
    """
    version = tuple(int(part) for part in jaxlib.__version__.split(".")[:3])
    os.environ["XLA_FLAGS"] = flags(version, os.environ.get("XLA_FLAGS", ""))


def flags(version: tuple[int, ...], given: str) -> str:
    """XLA_FLAGS for this version of jaxlib where `given` are set: what they say themselves, holds.

    A version that is right gets no flag: XLA ends the process where it does not know one.
    """
    first, end = WRONG
    if FLAG in given or not first <= version < end:
        return given
    return f"{given} {FLAG}={ONLY}".strip()
