"""A tutorial's program: LSTM and Dense(1) on windows of 100 steps of 10 features, batches of 64."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.benchmarks import draw, peers, text, timing, training
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables

TITLE = "A tutorial's program"
SIZE, WINDOWS = Size(64, 100, 10, 50), 10_000
QUICK_SIZE, QUICK_WINDOWS = Size(4, 5, 2, 3), 8
COMPILING, TURN = 40.0, 20.0  # seconds: the programs of a part; a turn of its contestants, an epoch
ACTIVATIONS = ("relu", "tanh")


class Row(NamedTuple):
    """A contestant.

    Attributes:
        name: of the contestant, with the activation.
        size: of the model and its batch.
        steps: in a call.
        times: of an update.
        over_lstmx: time over that of lstmx with this activation.
    """

    name: str
    size: Size
    steps: int
    times: timing.Measured
    over_lstmx: timing.Ratio | None


KEYS = {"size": "*", "times": "*", "over_lstmx": "over lstmx"}


def parts(settings: Settings) -> list[Part]:
    """A part per activation of candidate and cell; torch has only the second."""
    return [
        Part(
            name,
            lambda name=name: measure(name, settings),  # type: ignore[misc]
            COMPILING + settings.repeats * TURN,
        )
        for name in ACTIVATIONS
    ]


def measure(activation: str, settings: Settings) -> list[Row]:
    """A row per contestant: an epoch."""
    size = QUICK_SIZE if settings.quick else SIZE
    steps = (QUICK_WINDOWS if settings.quick else WINDOWS) // size.B
    calls: dict[str, timing.Call | str] = {
        "lstmx": training.tutorial(size, activation, steps),
        **peers.make(training.TUTORIALS[activation], size, steps, settings.device),
    }
    found = timing.interleaved(calls, settings.repeats)
    each = {name: timing.of_one(times, steps) for name, times in found.items()}
    return [
        Row(f"{name}, {activation}", size, steps, times, timing.ratio(times, each["lstmx"]))
        for name, times in each.items()
    ]


def markdown(rows: Sequence[Row]) -> str:
    """A line per contestant."""
    size = rows[0].size
    caption = (
        f"LSTM({size.H}) and Dense(1) on windows of {size.T} steps of {size.X} features, batches "
        f"of {size.B}, Adam, mean squared error; with ReLU for candidate and cell, as tutorials of "
        "Keras have it, and with tanh, the only one that torch's layer has. Milliseconds per "
        f"update: median (minimum) over calls of {rows[0].steps} updates, an epoch, data in "
        "memory: `fit` of Keras on JAX, a Python loop of torch, a chunk of lstmx."
    )
    lines = [[row.name, text.times(row.times), text.ratio(row.over_lstmx)] for row in rows]
    table = tables.markdown(["", "ms per update", "times lstmx"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Milliseconds per update by contestant."""
    lines = {
        row.name: {"median": row.times.median} for row in rows if not isinstance(row.times, str)
    }
    return {"tutorial": draw.dots(lines, "milliseconds per update", zero=True)}
