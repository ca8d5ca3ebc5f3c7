"""Starts: the time to the end of the first training step, in new processes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.benchmarks import draw, peers, processes, text, timing
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables

TITLE = "Starts"
SIZE, QUICK = Size(32, 100, 2, 64), Size(8, 5, 2, 4)
NAMES = ("lstmx", "lstmx, without the runner", "flax", "torch")
UNCACHED = ("torch",)  # compiles nothing that a cache could hold


class Row(NamedTuple):
    """The starts of a library.

    Attributes:
        name: of the library.
        start: "cold" or "warm", of the folder of compiled programs.
        size: of the model and its batch.
        times: from the start of the process to the end of its first training step.
    """

    name: str
    start: str
    size: Size
    times: timing.Measured


KEYS = {"size": "*", "times": "*"}


def parts(settings: Settings) -> list[Part]:
    """One part: all contestants start in turns."""
    return [Part("all", lambda: measure(settings), _count(settings) * 7 * 2.5)]


def measure(settings: Settings) -> list[Row]:
    """A row per library and state of the compilation cache."""
    size = QUICK if settings.quick else SIZE
    seconds: dict[tuple[str, str], list[float]] = {}
    failed = {name: peers.MISSING for name in NAMES if peers.missing(name)}
    for _ in range(_count(settings)):
        for name in NAMES:
            with tempfile.TemporaryDirectory() as folder:
                for state in ("cold", "warm"):
                    if name in failed or (state == "warm" and name in UNCACHED):
                        continue
                    result = processes.start(name, size, settings.device, Path(folder))
                    if isinstance(result, str):
                        failed[name] = result
                    else:
                        seconds.setdefault((name, state), []).append(result)
    rows = []
    for name in NAMES:
        for state in ("cold", "warm"):
            measured = seconds.get((name, state), [])
            if measured or name in failed:
                times = failed.get(name) or timing.times(measured)
                rows.append(Row(name, state, size, times))
    return rows


def _count(settings: Settings) -> int:
    return max(1, settings.repeats // 2)


def markdown(rows: Sequence[Row]) -> str:
    """A line per library."""
    size = rows[0].size
    caption = (
        "From the start of a fresh process to the end of its first training step: "
        f"T={size.T}, B={size.B}, H={size.H}, Adam. Seconds, median (minimum). "
        "Cold: the folder of compiled programs is empty; warm: an earlier process has filled it. "
        "torch compiles nothing."
    )
    found = {(row.name, row.start): row.times for row in rows}
    seconds = lambda ms: f"{ms / 1e3:.2f}"
    lines = [
        [name, *(text.times(found.get((name, state)), seconds) for state in ("cold", "warm"))]
        for name in dict.fromkeys(row.name for row in rows)
    ]
    return "\n\n".join(
        [caption, tables.markdown(["", "cold", "warm"], lines), text.notes(rows)]
    ).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Seconds by library, cold and warm."""
    lines: dict[str, dict[str, float]] = {}
    for row in rows:
        if not isinstance(row.times, str):
            lines.setdefault(row.name, {})[row.start] = row.times.median / 1e3
    return {"start": draw.dots(lines, "seconds to the end of the first training step", zero=True)}
