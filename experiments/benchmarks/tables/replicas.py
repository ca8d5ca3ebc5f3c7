"""Small networks: replicas of one program, side by side or one after the other."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from experiments.benchmarks import draw, text, timing
from experiments.benchmarks.tables import Part, Settings
from lstmx import config as cfg
from lstmx import experiment, tables
from lstmx.runs import group

TITLE = "Replicas of small networks"
SIZES = ((4, 1), (8, 1), (16, 1), (32, 1), (64, 1), (8, 8), (12, 32), (64, 32))
"""Units and sequences in a batch."""
REPLICAS, LENGTH, STEPS = 16, 30, 20
QUICK_SIZES, QUICK_REPLICAS, QUICK_LENGTH, QUICK_STEPS = ((4, 1), (64, 1)), 4, 5, 2
COMPILING, TURN = 20.0, 0.5  # seconds of a size: three programs; a turn of all
WAYS = ("one by one", "chosen", "all at once")


class Row(NamedTuple):
    """A size of network.

    Attributes:
        name: of the size.
        H: units.
        B: sequences of a batch.
        T: steps of a sequence.
        N: replicas.
        times: of the update of a run, by way.
        ratios: speed over one by one, by way.
        blocks: replicas of a vmap, by way.
    """

    name: str
    H: int
    B: int
    T: int
    N: int
    times: dict[str, timing.Measured]
    ratios: dict[str, timing.Ratio | None]
    blocks: dict[str, int]


KEYS: dict[str, str] = {}


def parts(settings: Settings) -> list[Part]:
    """A part per size of network."""
    sizes = QUICK_SIZES if settings.quick else SIZES
    return [
        Part(
            f"H={units}, B={rows}",
            functools.partial(measure, units, rows, settings),
            COMPILING + settings.repeats * TURN,
        )
        for units, rows in sizes
    ]


def measure(units: int, batch_size: int, settings: Settings) -> list[Row]:
    """A row for one size: the update of a run, in each way to compute its group."""
    count = QUICK_REPLICAS if settings.quick else REPLICAS
    steps = QUICK_STEPS if settings.quick else STEPS
    length = QUICK_LENGTH if settings.quick else LENGTH
    c = cfg.base()
    c.task = cfg.task("adding", length=length, batch_size=batch_size)
    c.model.cell = cfg.cell("lstm", hidden_size=units)
    c.steps = c.log_every = c.eval_every = steps
    c.evals = {}
    built = experiment.build(c)
    calls: dict[str, timing.Call | str] = {}
    blocks = {}
    for way, block in zip(WAYS, (1, 0, count)):
        configs = [
            cfg.resolve(c, {"seed": seed, "replicas_per_vmap": block}) for seed in range(count)
        ]
        made = group.make(built, configs)
        together = group.side_by_side(built, configs[0], made.mesh, count)
        blocks[way] = min(together, made.on_device)
        calls[way] = _call(made)
    found = timing.interleaved(calls, settings.repeats)
    each = {way: timing.of_one(found[way], steps * count) for way in WAYS}
    ratios = {way: timing.ratio(each[WAYS[0]], each[way]) for way in WAYS}
    name = f"H={units}, B={batch_size}"
    return [Row(name, units, batch_size, length, count, each, ratios, blocks)]


def _call(made: group.Group) -> timing.Call:
    """A call that trains all replicas for a chunk."""
    state = made.init(made.hparams, made.seeds)

    def run() -> Any:
        nonlocal state
        state, metrics = made.chunks[0](state, made.hparams, made.seeds)
        return jax.block_until_ready(metrics)

    return run


def markdown(rows: Sequence[Row]) -> str:
    """A line per size."""
    first = rows[0]
    caption = (
        f"An update of one of N = {first.N} runs that share a program: an LSTM with Adam on the "
        f"adding problem of {first.T} steps, on all devices. Milliseconds: median (minimum) "
        "over calls of a chunk, divided by the updates of all runs. k replicas at a time are one "
        "vmap; a device computes those vmaps one after the other. Speed: over one by one, ratio of "
        "medians (of minima)."
    )
    lines = [
        [
            row.name,
            way,
            str(row.blocks[way]),
            text.times(row.times[way]),
            text.ratio(row.ratios[way], tables.number),
        ]
        for row in rows
        for way in WAYS
    ]
    return f"{caption}\n\n{tables.markdown(['network', 'way', 'k', 'update, ms', 'speed'], lines)}"


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """The speed over one by one, by size."""
    lines = {
        row.name: {
            way: ratio.median for way, ratio in row.ratios.items() if ratio and way != WAYS[0]
        }
        for row in rows
    }
    return {"replicas": draw.dots(lines, "times as fast as one by one", zero=True)}
