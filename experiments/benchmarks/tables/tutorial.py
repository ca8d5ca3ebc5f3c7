"""A tutorial's program: LSTM and Dense(1) on windows of 100 steps of 10 features, batches of 64."""

from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import draw, peers, text, timing, training
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Row, Settings
from lstmx import tables

TITLE = "A tutorial's program"
SIZE, WINDOWS = Size(64, 100, 10, 50), 10_000
QUICK_SIZE, QUICK_WINDOWS = Size(4, 5, 2, 3), 8
COMPILING, TURN = 40.0, 20.0  # seconds: the programs of a part; a turn of its contestants, an epoch
ACTIVATIONS = ("relu", "tanh")


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
    calls: dict[str, Any] = {
        "lstmx": training.tutorial(size, activation, steps),
        **peers.make(training.TUTORIALS[activation], size, steps, settings.device),
    }
    times = timing.interleaved({k: v for k, v in calls.items() if callable(v)}, settings.repeats)
    of_one = lambda name, call: timing.of_one(times[name], steps) if name in times else call
    rows = [
        {"name": f"{name}, {activation}", **size._asdict(), "steps": steps}
        | timing.row(of_one(name, call))
        for name, call in calls.items()
    ]
    return [{**row, "over lstmx": timing.ratio(row, rows[0])} for row in rows]


def markdown(rows: Sequence[Row]) -> str:
    """A line per contestant."""
    first = rows[0]
    caption = (
        f"LSTM({first['H']}) and Dense(1) on windows of {first['T']} steps of {first['X']} "
        f"features, batches of {first['B']}, Adam, mean squared error; with ReLU for candidate and "
        "cell, as tutorials of Keras have it, and with tanh, the only one that torch's layer has. "
        f"Milliseconds per update: median (minimum) over calls of {first['steps']} updates, an "
        "epoch, data in memory: `fit` of Keras on JAX, a Python loop of torch, a chunk of lstmx."
    )
    lines = [[row["name"], text.milliseconds(row), text.ratio(row["over lstmx"])] for row in rows]
    table = tables.markdown(["", "ms per update", "times lstmx"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Milliseconds per update by contestant."""
    lines = {row["name"]: {"median": row["ms"]} for row in rows if row["ms"]}
    return {"tutorial": draw.dots(lines, "milliseconds per update", zero=True)}
