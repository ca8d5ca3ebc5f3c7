"""Flags that XLA needs before it starts: for the right numbers, and for fast small loops.

**Fusions.** XLA's CPU backend can compile groups of operations with the YNN library. From jaxlib
0.10.2 on it does so by default, and one such group computes wrong numbers: a batched product with a
broadcast operand that is multiplied and summed, as in `((m @ ones_like(m)) * m).sum(-1)`. The error
differs from run to run: 1 to 1e34 times the result in jaxlib 0.10.2, 0.11.1, 0.11.2, 0.12.0 and
0.12.0.1. Results are right to rounding in 0.10.0 and 0.10.1, in all versions where the library is
switched off, and in 0.10.2 and 0.12.0.1 where it gets single products only (not tried in the
others). It must get single products: without them products of bfloat16 over two axes are not
implemented in jaxlib 0.10.2.

**Small loops.** XLA's CPU backend starts the operations of a loop one by one, some thirty for a
step of an LSTM, which for a few units takes longer than to compute them. A loop whose step reads
and writes few bytes, and has no product of matrices, it compiles as one function: by default up to
1024 bytes in jaxlib 0.10.2, which is an LSTM of two units.
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
EXTRA = "--xla_backend_extra_options"
"""The flag that holds the options of a backend."""
SMALL_LOOPS = "xla_cpu_small_while_loop_byte_threshold=262144"
"""The bytes of a step up to which a loop is one function. An LSTM with one sequence an update
trains 4.3 times as fast with it at 4 units, 2.4 times at 16, 2.5 times at 32, and 1.5 times at 64,
for which 64 KiB are too few (2 cores, jaxlib 0.10.2; `experiments.benchmark --only=small`). Several
sequences, whose loops have products of matrices, are as fast as without."""
WRONG = ((0, 10, 2), (0, 13))
"""The first jaxlib that is wrong; the first one that was not tried and that lstmx excludes."""


def use_right_fusions() -> None:
    """Switch off the wrong fusions of this jaxlib in this process and those that it starts.

    XLA reads the variable XLA_FLAGS once, when the first array is made: later this has no effect.
    The launchers, the tests and `mesh.use_cores` call it; importing lstmx changes nothing.
    """
    os.environ["XLA_FLAGS"] = flags(_version(), os.environ.get("XLA_FLAGS", ""))


def use_small_loops() -> None:
    """Have XLA compile small loops on a CPU as one function, in this process and those it starts.

    To be called like `use_right_fusions`, before the first array is made. Results differ by
    rounding from those of a process without it.
    """
    os.environ["XLA_FLAGS"] = with_small_loops(os.environ.get("XLA_FLAGS", ""))


def with_small_loops(given: str) -> str:
    """The value of XLA_FLAGS with the option for small loops; one that is given is kept."""
    name = SMALL_LOOPS.partition("=")[0]
    if name in given:
        return given
    words = given.split()
    # XLA reads the last flag of a name only: the option joins those that are there.
    there = [word for word in words if word.startswith(f"{EXTRA}=")]
    option = f"{there[-1]},{SMALL_LOOPS}" if there else f"{EXTRA}={SMALL_LOOPS}"
    return " ".join([*(word for word in words if word not in there), option])


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
