"""Ablations of the LSTM: a program for each variant, or one program with traced flags for all."""

import functools
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from experiments.benchmarks import draw, flagged, text, timing
from experiments.benchmarks.tables import Part, Settings
from lstmx import config as cfg
from lstmx import experiment, tables
from lstmx.constants import CONSTANTS, joined, split_constants
from lstmx.runs import group

TITLE = "Ablations as data"
SIZES, QUICK = ((32, 1, 60), (64, 32, 100), (128, 32, 100)), ((4, 2, 5),)
"""Units, sequences in a batch, steps; the first is a piece of JSB Chorales."""
RUNS, STEPS = 4, 10  # of each variant; updates in a call
COMPILING, TURN = 70.0, 6.0  # seconds of a size: nine programs; a turn of both ways
WAYS = ("a program each", "one program")


class Row(NamedTuple):
    """A size.

    Attributes:
        name: of the size.
        runs: of each variant.
        variants: number of them.
        compiling: seconds until all programs are compiled, by way.
        times: of the update of a run, by way.
        ratio: update of one program over that of a program each.
        pays_until: updates of a run up to which one program is sooner done; None where always.
    """

    name: str
    runs: int
    variants: int
    compiling: dict[str, float]
    times: dict[str, timing.Measured]
    ratio: timing.Ratio | None
    pays_until: float | None


KEYS = {"pays_until": "pays until"}


def parts(settings: Settings) -> list[Part]:
    """A part per size."""
    return [
        Part(
            f"H={units}, B={rows}, T={length}",
            functools.partial(measure, units, rows, length, settings),
            COMPILING + settings.repeats * TURN,
        )
        for units, rows, length in (QUICK if settings.quick else SIZES)
    ]


def measure(units: int, batch_size: int, length: int, settings: Settings) -> list[Row]:
    """A row: seconds to compile, the update of a run, and after how many updates a way pays."""
    c = cfg.base()
    c.task = cfg.task("adding", length=length, batch_size=batch_size)
    c.steps = c.log_every = c.eval_every = 2 if settings.quick else STEPS
    c.evals = {}
    own, one = [], []
    for variant in flagged.VARIANTS:
        c.model.cell = cfg.cell("lstm", hidden_size=units, variant=variant)
        own.append(_Trained(c, [variant] * RUNS))
    c.model.cell = cfg.cell("experiments.benchmarks.flagged", hidden_size=units)
    one.append(_Trained(c, [v for v in flagged.VARIANTS for _ in range(RUNS)]))
    calls: dict[str, timing.Call | str] = dict(zip(WAYS, (_all(own), _all(one))))
    found = timing.interleaved(calls, settings.repeats)
    updates = c.steps * RUNS * len(flagged.VARIANTS)
    each = {way: timing.of_one(found[way], updates) for way in WAYS}
    compiled = {way: sum(t.compiling for t in made) for way, made in zip(WAYS, (own, one))}
    return [
        Row(
            name=f"H={units}, B={batch_size}, T={length}",
            runs=RUNS,
            variants=len(flagged.VARIANTS),
            compiling=compiled,
            times=each,
            ratio=timing.ratio(each["one program"], each["a program each"]),
            pays_until=_until(compiled, each),
        )
    ]


class _Trained:
    """Runs of one program; a class because a call keeps the state for the next one.

    Attributes:
        compiling: seconds that its program took to be traced and compiled.
    """

    def __init__(self, config: Any, variants: Sequence[str]) -> None:
        configs = [cfg.resolve(config, {"seed": seed}) for seed in range(len(variants))]
        made = group.make(experiment.build(config), configs)
        state = made.init(made.hparams, made.seeds)
        trained, constants = split_constants(state.params)
        if constants:
            layer = {"layer_0": {CONSTANTS: flagged.flags_of(variants)}}
            state = state._replace(params=joined(trained, {"layers": layer}))
        self._state, self._group = state, made
        began = time.perf_counter()
        lowered = made.chunks[0].lower(state, made.hparams, made.seeds)
        self._program = lowered.compile()
        self.compiling = time.perf_counter() - began

    def __call__(self) -> Any:
        made = self._group
        self._state, metrics = self._program(self._state, made.hparams, made.seeds)
        return jax.block_until_ready(metrics)


def _all(trained: Sequence[_Trained]) -> timing.Call:
    return lambda: [one() for one in trained]


def _until(compiled: dict[str, float], each: dict[str, timing.Measured]) -> float | None:
    """Updates of a run up to which one program is sooner done; None where it always is."""
    own, one = (each[way] for way in WAYS)
    if isinstance(own, str) or isinstance(one, str):
        return None
    slower = one.median - own.median
    saved = compiled["a program each"] - compiled["one program"]
    count = RUNS * len(flagged.VARIANTS)
    return None if slower <= 0 else 1e3 * saved / (slower * count)


def markdown(rows: Sequence[Row]) -> str:
    """A line per size."""
    first = rows[0]
    caption = (
        f"The LSTM V and seven ablations (all but FGR), {first.runs} runs of each, on the "
        "adding problem with Adam. A program each: the cell of a variant has its own gates and "
        "weights only. One program: all runs are replicas, a variant is its flags; what it "
        "lacks is computed and not used. Seconds to compile all programs, one after the other; "
        "milliseconds of an update of one run on all cores, median (minimum); the ratio of the "
        "two updates; the number of updates of a run up to which one program is sooner done."
    )
    lines = [
        [
            row.name,
            *(f"{row.compiling[way]:.1f}" for way in WAYS),
            *(text.times(row.times[way]) for way in WAYS),
            text.ratio(row.ratio),
            tables.NONE if row.pays_until is None else f"{row.pays_until:,.0f}",
        ]
        for row in rows
    ]
    head = ["", *(f"compiling {way}, s" for way in WAYS), *(f"{way}, ms" for way in WAYS)]
    return f"{caption}\n\n{tables.markdown([*head, 'ratio', 'pays until'], lines)}"


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Milliseconds of an update, by size."""
    lines = {
        row.name: {
            way: times.median for way, times in row.times.items() if not isinstance(times, str)
        }
        for row in rows
    }
    return {"flags": draw.dots(lines, "milliseconds of an update of one run", zero=True)}
