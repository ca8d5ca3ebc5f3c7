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
import re

import jaxlib

JAXLIB = jaxlib.__version__
FLAG = "--xla_cpu_experimental_ynn_fusion_type"
"""The flag that selects the operations that the library compiles."""
ONLY = "INDIVIDUAL_DOT"
"""The value for single products, which are computed right."""
SINGLE = {"parameter", "dot", "bitcast", "convolution"}
"""The operations of a single product."""
WRONG = ((0, 10, 2), (0, 13))
"""The first jaxlib that is wrong; the first one that was not tried and that lstmx excludes."""


def use_right_fusions() -> None:
    """Switch off the wrong fusions of this jaxlib in this process and those that it starts.

    XLA reads the variable XLA_FLAGS once, when the first array is made: later this has no effect.
    The launchers, the tests and `mesh.use_cores` call it; importing lstmx changes nothing.
    """
    os.environ["XLA_FLAGS"] = flags(_version(), os.environ.get("XLA_FLAGS", ""))


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


def settings(version: tuple[int, ...] | None = None, given: str | None = None) -> dict[str, str]:
    """What to put into XLA_FLAGS of a process to compute without and with the wrong fusions.

    {"off": flags of the launchers, "on": flags under which this jaxlib does as it comes}. What
    `given` says of the fusions is left out. A jaxlib that is right as it comes has "on" alone.

    Args:
        version: of jaxlib; that of this process if None.
        given: other flags to keep; those of this process if None.
    """
    version = version or _version()
    given = os.environ.get("XLA_FLAGS", "") if given is None else given
    on = " ".join(word for word in given.split() if not word.startswith(FLAG))
    off = flags(version, on)
    return {"on": on} if on == off else {"off": off, "on": on}


def groups(program: str) -> int:
    """How many groups of more than one product the YNN library gets in a compiled program.

    Args:
        program: its text, `jax.jit(f).lower(...).compile().as_text()`.
    """
    bodies = dict(re.findall(r"(?ms)^%(\S+) \([^\n]*\{\n(.*?)^\}", program))
    called = re.findall(r"calls=%([\w.-]+)[^\n]*\"__ynn_fusion\"", program)
    work = (set(re.findall(r"= (?:\(.*?\)|\S+) ([\w-]+)\(", bodies[name])) for name in called)
    return sum(not found <= SINGLE for found in work)


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in JAXLIB.split(".")[:3])
