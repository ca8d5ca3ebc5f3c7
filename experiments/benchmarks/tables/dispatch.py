"""Dispatch: the cost of a training step whose computation takes next to no time."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.benchmarks import draw, peers, text, timing, training
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables

TITLE = "Dispatch"
SIZE = Size(4, 10, 2, 16)
STEPS, QUICK_STEPS = 100, 3
COMPILING, TURN = 15.0, 0.6  # seconds: all programs; a turn of all contestants


class Row(NamedTuple):
    """A way to run a training step.

    Attributes:
        name: of the contestant.
        size: of the model and its batch.
        steps: in a call.
        times: of a call.
        over_chunk: time over that of the chunk of lstmx.
    """

    name: str
    size: Size
    steps: int
    times: timing.Measured
    over_chunk: timing.Ratio | None


KEYS = {"size": "*", "times": "*", "over_chunk": "over lstmx chunk"}


def parts(settings: Settings) -> list[Part]:
    """One part: all contestants are compared with the chunk of lstmx."""
    return [Part("all", lambda: measure(settings), COMPILING + settings.repeats * TURN)]


def measure(settings: Settings) -> list[Row]:
    """A row per way to run a training step."""
    steps = QUICK_STEPS if settings.quick else STEPS
    calls: dict[str, timing.Call | str] = {
        "lstmx chunk": training.ours(SIZE, 1, steps),
        "jax.jit of the step": training.single(SIZE, steps),
        **peers.make(training.PEERS, SIZE, steps, settings.device),
    }
    found = timing.interleaved(calls, settings.repeats)
    chunk = found["lstmx chunk"]
    return [
        Row(name, SIZE, steps, times, timing.ratio(times, chunk)) for name, times in found.items()
    ]


def markdown(rows: Sequence[Row]) -> str:
    """A line per way."""
    caption = (
        f"A training step of a tiny model, B={SIZE.B} T={SIZE.T} H={SIZE.H}, Adam. Microseconds, "
        f"median (minimum), over loops of {rows[0].steps} steps that wait at their end only."
    )
    lines = [[row.name, _microseconds(row), text.ratio(row.over_chunk)] for row in rows]
    table = tables.markdown(["", "us per step", "times the lstmx chunk"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def _microseconds(row: Row) -> str:
    scale = 1e3 / row.steps
    return text.times(row.times, lambda ms: tables.number(scale * ms))


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Microseconds per step by way."""
    lines = {
        row.name: {"median": 1e3 * row.times.median / row.steps}
        for row in rows
        if not isinstance(row.times, str)
    }
    return {"dispatch": draw.dots(lines, "microseconds per training step", zero=True)}
