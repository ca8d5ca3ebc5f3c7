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
import re

import jaxlib

JAXLIB = jaxlib.__version__
FLAG = "--xla_cpu_experimental_ynn_fusion_type"
"""The flag that names what the library gets."""
ONLY = "INDIVIDUAL_DOT"
"""Single products, which are right."""
SINGLE = {"parameter", "dot", "bitcast", "convolution"}
"""Operations in what is a single product."""
WRONG = ((0, 10, 2), (0, 13))
"""The first jaxlib that is wrong, and the first one that was not tried and is not allowed."""


def use_right_fusions() -> None:
    """Switch off what is wrong in this jaxlib, for this process and those that it starts.

    XLA reads the variable XLA_FLAGS once, as the first array is made: later this has no effect.
    The launchers, the tests and `mesh.use_cores` do it; a mere import of lstmx changes nothing.
    """
    os.environ["XLA_FLAGS"] = flags(_version(), os.environ.get("XLA_FLAGS", ""))


def flags(version: tuple[int, ...], given: str) -> str:
    """XLA_FLAGS for this version of jaxlib where `given` are set: what they say themselves, holds.

    A version that is right gets no flag: XLA ends the process where it does not know one.
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
