"""Sweeps: training steps per second of all runs together."""

from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import draw, peers, text, timing, training
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Row, Settings
from lstmx import tables

TITLE = "Sweeps"
SIZE, QUICK = Size(32, 100, 2, 64), Size(8, 5, 2, 4)
RUNS = {"cpu": (1, 4, 16), "gpu": (1, 4, 16, 64, 256, 1024)}
STEPS = 10  # of every run in a call
COMPILING, TURN = 25.0, 1.4  # seconds: all programs; a turn of all contestants


def parts(settings: Settings) -> list[Part]:
    """One part: all contestants are compared with the peers' loops."""
    return [Part("all", lambda: measure(settings), COMPILING + settings.repeats * TURN)]


def measure(settings: Settings) -> list[Row]:
    """A row per number of runs of lstmx, and one per peer."""
    size = QUICK if settings.quick else SIZE
    counts = (1, 2) if settings.quick else RUNS[settings.device]
    calls: dict[str, Any] = {
        f"lstmx, {n} run{'s' * (n > 1)}": training.ours(size, n, STEPS) for n in counts
    }
    runs = dict(zip(calls, counts))
    calls |= peers.make(training.PEERS, size, STEPS, settings.device)
    times = timing.interleaved({k: v for k, v in calls.items() if callable(v)}, settings.repeats)
    rows = []
    for name, call in calls.items():
        row = {"name": name, **size._asdict(), "runs": runs.get(name, 1), "steps": STEPS}
        row |= timing.row(times.get(name, call))
        steps = row["runs"] * STEPS
        rate = (
            {"median": 1e3 * steps / row["ms"], "best": 1e3 * steps / row["ms_min"]}
            if row["ms"]
            else {}
        )
        rows.append({**row, "steps per second": rate})
    flax = _fastest([row for row in rows if row["name"].startswith("flax")])
    torch = _fastest([row for row in rows if row["name"] == "torch"])
    return [
        {**row, "over flax": _ratio(row, flax), "over torch": _ratio(row, torch)} for row in rows
    ]


def _fastest(rows: Sequence[Row]) -> Row | None:
    measured = [row for row in rows if row["steps per second"]]
    return max(measured, key=lambda row: row["steps per second"]["median"], default=None)


def _ratio(row: Row, reference: Row | None) -> dict[str, float]:
    if not row["steps per second"] or reference is None:
        return {}
    mine, other = row["steps per second"], reference["steps per second"]
    return {"median": mine["median"] / other["median"], "minimum": mine["best"] / other["best"]}


def markdown(rows: Sequence[Row]) -> str:
    """A line per contestant."""
    size = Size(**{field: rows[0][field] for field in Size._fields})
    caption = (
        f"Adding problem, T={size.T}, B={size.B}, H={size.H}, Adam; batches are made on the device "
        "within the step, by all. Training steps per second of all runs together: median (best). "
        f"lstmx: chunks of {STEPS} steps as the runner does them; peers: a Python loop of one run. "
        "Ratios of medians (of the best) over the faster flax loop and over torch."
    )
    lines = [
        [
            row["name"],
            _rate(row),
            text.ratio(row["over flax"]),
            text.ratio(row["over torch"]),
        ]
        for row in rows
    ]
    table = tables.markdown(["", "runs x steps / s", "over flax", "over torch"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def _rate(row: Row) -> str:
    rate = row["steps per second"]
    if not rate:
        return str(row["note"]).partition(":")[0]
    return f"{rate['median']:,.0f} ({rate['best']:,.0f})"


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Steps per second by contestant."""
    lines = {
        row["name"]: {"median": row["steps per second"]["median"]}
        for row in rows
        if row["steps per second"]
    }
    return {"sweep": draw.dots(lines, "training steps per second, all runs together", zero=True)}
