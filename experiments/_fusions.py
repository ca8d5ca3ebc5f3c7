"""The errors of every cell with XLA's YNN fusion and without it.

XLA reads its flags once, so each setting has a separate process, which runs this module. The module
`lstmx.xla` describes the fusion; at the size of the certificate's other table no group is formed.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import _certificate as certificate
from lstmx import cells, engines, precision, xla
from lstmx.testing import _compare, oracles
from lstmx.testing import cells as questions
from lstmx.types import Cell

SIZE = 48
"""Hidden size: the library gets groups of more cells than with 24; blocks of 2 and 3 divide it."""
INPUTS = {"batch_size": 8, "length": 7, "X": 37}
SCALE = 0.2
"""Scale of the parameters: makes sums over 48 units about as large as those over 6 by default."""
ROUNDING = _compare.ROUNDING["float32"]


class Measurement(NamedTuple):
    """The errors of one cell under one setting.

    Attributes:
        groups: number of groups of operations that the library got, in the programs of all engines.
        value: largest error of the reference engine against the oracle, in float64.
        slope: largest error of its gradient against finite differences of the oracle.
        engines: engine -> differences of float32 to that reference in (outputs, gradients).
    """

    groups: int
    value: float
    slope: float
    engines: dict[str, tuple[float, float]]

    def right(self) -> bool:
        """Whether all errors are within the limits of the tests; NaN is not."""
        of_engines = all(error <= ROUNDING for pair in self.engines.values() for error in pair)
        return self.value <= oracles.VALUES and self.slope <= oracles.SLOPES and of_engines


def measure(name: str, oracle: Any) -> Measurement:
    """The errors of a cell in this process.

    Args:
        oracle: the module `tests/reference/<name>.py`.
    """
    cell = cells.make(name, hidden_size=SIZE)
    xs = oracles.inputs(oracle, {}, **INPUTS)
    with precision.scope("float64"):
        options = {"hidden_size": SIZE}
        errors = oracles.oracle_errors(cell, oracle, options, scale=SCALE, **INPUTS)
        outputs, gradients, _ = _run(cell, xs, "scan", "float64")
    by_engine, groups = {}, 0
    with precision.scope("float32"):
        for engine in engines.names():
            if engines.refusal(engine, cell, resets=True, mask=True, return_trace=True):
                continue
            values, slopes, count = _run(cell, xs, engine, "float32")
            pairs = zip(jax.tree.leaves(slopes), jax.tree.leaves(gradients))
            of_slopes = float(np.max([_compare.difference(a, b) for a, b in pairs]))
            by_engine[engine] = (_compare.difference(values, outputs), of_slopes)
            groups += count
    # NumPy's maximum: Python's may ignore a NaN.
    value, slope = (float(np.max(list(by.values()))) for by in errors)
    return Measurement(groups, value, slope, by_engine)


def _run(cell: Cell, xs: np.ndarray, engine: str, dtype: str) -> tuple[Any, Any, int]:
    """(outputs, gradients, groups in the program), with resets and masked steps."""
    cast = lambda a: jnp.asarray(a, dtype)
    params = jax.tree.map(cast, oracles.sample_params(cell, xs.shape[-1], SCALE))
    state = jax.tree.map(cast, cell.initial_state(params, (xs.shape[0], *xs.shape[2:-1])))
    case = questions.Case(cell, params, cast(xs), state, jax.random.key(0))
    now = (params, case.xs, state, *questions.resets_and_mask(*xs.shape[:2]))
    program: Any = questions.compiled(case, engine)[0]
    compiled = program.lower(*now).compile()
    (_, result), gradients = compiled(*now)
    return result.outputs, gradients, xla.groups(compiled.as_text())


def known_error() -> float:
    """Relative error in this process of a program that the fusion computes wrongly."""
    rows = np.random.default_rng(0).normal(size=(3, 37, 37)).astype(np.float32)
    program = jax.jit(lambda m: ((m @ jnp.full_like(m, 0.5)) * m).sum(-1))
    # Every entry of m @ 0.5 is half the sum of its row.
    expected = rows.astype(float).sum(-1) ** 2 / 2
    return float(np.abs(program(rows) - expected).max() / np.abs(expected).max())


class Both(NamedTuple):
    """The measurements of all processes.

    Attributes:
        known: setting -> `known_error`.
        cells: name -> {setting: its measurement}.
    """

    known: dict[str, float]
    cells: dict[str, dict[str, Measurement]]


def both(
    names: Sequence[str], tests: Path, *, settings: Mapping[str, str] | None = None
) -> Iterator[Both]:
    """Yields the measurements so far after each cell; a process per setting, run concurrently.

    Args:
        names: cells.
        tests: the folder that holds `reference`.
        settings: setting -> its XLA_FLAGS; those of `xla.settings` if None.

    Raises:
        ChildProcessError: a process ended early; its error is on stderr.
    """
    settings = xla.settings() if settings is None else settings
    with contextlib.ExitStack() as stack:
        started = {
            setting: stack.enter_context(_process(names, tests, xla_flags))
            for setting, xla_flags in settings.items()
        }
        result = Both({s: float(_read(p, s)) for s, p in started.items()}, {})
        for name in names:
            lines = {setting: _read(process, setting) for setting, process in started.items()}
            result.cells[name] = {s: Measurement(*line) for s, line in lines.items()}
            yield result


@contextlib.contextmanager
def _process(names: Sequence[str], tests: Path, xla_flags: str) -> Iterator[Any]:
    root = str(Path(__file__).parents[2])
    paths = [root, str(tests), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, *names],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "XLA_FLAGS": xla_flags, "PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _read(process: Any, setting: str) -> Any:
    line = process.stdout.readline()
    if not line:
        code = process.wait()
        raise ChildProcessError(f"the process with the fusion {setting} ended with code {code}")
    return json.loads(line)


def markdown(result: Both) -> str:
    """The section of the certificate: a line per cell and setting."""
    ran = dict.fromkeys(e for by in result.cells.values() for f in by.values() for e in f.engines)
    head = ["Cell", "Fusion", "Groups", "Oracle", "Gradient", *ran, "Right"]
    sizes = ", ".join(f"{name}={size}" for name, size in INPUTS.items())
    known = ", ".join(f"{setting} {error:.0e}" for setting, error in result.known.items())
    alone = ", which has no fusion that is known to be wrong, and so no other setting"
    caption = (
        f"jaxlib {xla.JAXLIB}{alone if len(result.known) == 1 else ''}. `off` is how the launchers "
        "start JAX, `on` how jaxlib comes: see [docs/xla.md](docs/xla.md). Each setting has a "
        f"process of its own, with hidden_size={SIZE}, {sizes}; with H={certificate.SIZE}, as "
        "above, no group is formed. A group that is known to be wrong has there an error of: "
        f"{known}."
    )
    lines = [
        "## With XLA's YNN fusion and without it",
        "",
        *textwrap.wrap(caption, 100),
        "",
        "* Groups: how many of more than a single product the library got, in the float32 programs",
        "  of all engines.",
        "* Oracle, Gradient: of the reference engine in float64, as above.",
        "* Engines: difference of float32 to that, in outputs and gradients.",
        f"* Right: oracle and gradient within the tests' limits, engines within {ROUNDING:.0e}.",
        "",
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
    ]
    for name, by in result.cells.items():
        for setting, row in by.items():
            errors = [row.engines.get(engine) for engine in ran]
            columns = (
                f"`{name}`",
                setting,
                str(row.groups),
                f"{row.value:.0e}",
                f"{row.slope:.0e}",
                *("refused" if e is None else f"{e[0]:.0e} / {e[1]:.0e}" for e in errors),
                "yes" if row.right() else "**no**",
            )
            lines.append(f"| {' | '.join(columns)} |")
    return "\n".join(lines) + "\n"


def main(names: Sequence[str]) -> None:
    """The process of one setting: prints `known_error`, then a line per cell."""
    print(json.dumps(known_error()), flush=True)
    for name in names:
        print(json.dumps(measure(name, importlib.import_module(f"reference.{name}"))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
