"""Dispatch: the cost of a training step whose computation takes next to no time."""

from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import draw, peers, text, timing, training
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Row, Settings
from lstmx import tables

TITLE = "Dispatch"
SIZE = Size(4, 10, 2, 16)
STEPS, QUICK_STEPS = 100, 3
COMPILING, TURN = 15.0, 0.6  # seconds: all programs; a turn of all contestants


def parts(settings: Settings) -> list[Part]:
    """One part: all contestants are compared with the chunk of lstmx."""
    return [Part("all", lambda: measure(settings), COMPILING + settings.repeats * TURN)]


def measure(settings: Settings) -> list[Row]:
    """A row per way to run a training step."""
    steps = QUICK_STEPS if settings.quick else STEPS
    calls: dict[str, Any] = {
        "lstmx chunk": training.ours(SIZE, 1, steps),
        "jax.jit of the step": training.single(SIZE, steps),
        **peers.make(training.PEERS, SIZE, steps, settings.device),
    }
    times = timing.interleaved({k: v for k, v in calls.items() if callable(v)}, settings.repeats)
    rows = [
        {"name": name, **SIZE._asdict(), "steps": steps, **timing.row(times.get(name, call))}
        for name, call in calls.items()
    ]
    chunk = rows[0]
    return [{**row, "over lstmx chunk": timing.ratio(row, chunk)} for row in rows]


def markdown(rows: Sequence[Row]) -> str:
    """A line per way."""
    caption = (
        f"A training step of a tiny model, B={SIZE.B} T={SIZE.T} H={SIZE.H}, Adam. Microseconds, "
        f"median (minimum), over loops of {rows[0]['steps']} steps that wait at their end only."
    )
    lines = [[row["name"], _microseconds(row), text.ratio(row["over lstmx chunk"])] for row in rows]
    table = tables.markdown(["", "us per step", "times the lstmx chunk"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def _microseconds(row: Row) -> str:
    if row["ms"] is None:
        return text.milliseconds(row)
    scale = 1e3 / row["steps"]
    return f"{tables.number(scale * row['ms'])} ({tables.number(scale * row['ms_min'])})"


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Microseconds per step by way."""
    lines = {row["name"]: {"median": 1e3 * row["ms"] / row["steps"]} for row in rows if row["ms"]}
    return {"dispatch": draw.dots(lines, "microseconds per training step", zero=True)}
