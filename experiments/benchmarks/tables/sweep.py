"""Sweeps: training steps per second of all runs together."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.benchmarks import draw, peers, text, timing, training
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables

TITLE = "Sweeps"
SIZE, QUICK = Size(32, 100, 2, 64), Size(8, 5, 2, 4)
RUNS = {"cpu": (1, 4, 16), "gpu": (1, 4, 16, 64, 256, 1024)}
STEPS = 10  # of every run in a call
COMPILING, TURN = 25.0, 1.4  # seconds: all programs; a turn of all contestants


class Row(NamedTuple):
    """A contestant.

    Attributes:
        name: of the contestant.
        size: of a run.
        runs: side by side.
        steps: of every run in a call.
        times: of a call.
        rate: training steps per second of all runs together.
        over_flax: its rate over that of the faster flax loop.
        over_torch: its rate over that of torch.
    """

    name: str
    size: Size
    runs: int
    steps: int
    times: timing.Measured
    rate: timing.Rate | None
    over_flax: timing.Ratio | None
    over_torch: timing.Ratio | None


KEYS = {
    "size": "*",
    "times": "*",
    "rate": "steps per second",
    "over_flax": "over flax",
    "over_torch": "over torch",
}


def parts(settings: Settings) -> list[Part]:
    """One part: all contestants are compared with the peers' loops."""
    return [Part("all", lambda: measure(settings), COMPILING + settings.repeats * TURN)]


def measure(settings: Settings) -> list[Row]:
    """A row per number of runs of lstmx, and one per peer."""
    size = QUICK if settings.quick else SIZE
    counts = (1, 2) if settings.quick else RUNS[settings.device]
    calls: dict[str, timing.Call | str] = {
        f"lstmx, {n} run{'s' * (n > 1)}": training.ours(size, n, STEPS) for n in counts
    }
    runs = dict(zip(calls, counts))
    calls |= peers.make(training.PEERS, size, STEPS, settings.device)
    found = timing.interleaved(calls, settings.repeats)
    rates = {name: timing.rate(found[name], runs.get(name, 1) * STEPS) for name in found}
    flax = _fastest([rate for name, rate in rates.items() if name.startswith("flax")])
    torch = rates["torch"]
    return [
        Row(
            name=name,
            size=size,
            runs=runs.get(name, 1),
            steps=STEPS,
            times=times,
            rate=rates[name],
            over_flax=_ratio(rates[name], flax),
            over_torch=_ratio(rates[name], torch),
        )
        for name, times in found.items()
    ]


def _fastest(rates: Sequence[timing.Rate | None]) -> timing.Rate | None:
    return max(filter(None, rates), default=None)


def _ratio(mine: timing.Rate | None, other: timing.Rate | None) -> timing.Ratio | None:
    if mine is None or other is None:
        return None
    return timing.Ratio(mine.median / other.median, mine.best / other.best)


def markdown(rows: Sequence[Row]) -> str:
    """A line per contestant."""
    size = rows[0].size
    caption = (
        f"Adding problem, T={size.T}, B={size.B}, H={size.H}, Adam; batches are made on the device "
        "within the step, by all. Training steps per second of all runs together: median (best). "
        f"lstmx: chunks of {STEPS} steps as the runner does them; peers: a Python loop of one run. "
        "Ratios of medians (of the best) over the faster flax loop and over torch."
    )
    lines = [
        [
            row.name,
            text.rate(row.rate, row.times),
            text.ratio(row.over_flax),
            text.ratio(row.over_torch),
        ]
        for row in rows
    ]
    table = tables.markdown(["", "runs x steps / s", "over flax", "over torch"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Steps per second by contestant."""
    lines = {row.name: {"median": row.rate.median} for row in rows if row.rate}
    return {"sweep": draw.dots(lines, "training steps per second, all runs together", zero=True)}
