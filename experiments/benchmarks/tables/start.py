"""Starts: the time to the end of the first training step, in new processes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks import draw, peers, processes, text, timing
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Row, Settings
from lstmx import tables

TITLE = "Starts"
SIZE, QUICK = Size(32, 100, 2, 64), Size(8, 5, 2, 4)
NAMES = ("lstmx", "lstmx, without the runner", "flax", "torch")
UNCACHED = ("torch",)  # compiles nothing that a cache could hold


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
                rows.append({"name": name, "start": state, **size._asdict(), **timing.row(times)})
    return rows


def _count(settings: Settings) -> int:
    return max(1, settings.repeats // 2)


def markdown(rows: Sequence[Row]) -> str:
    """A line per library."""
    caption = (
        "From the start of a fresh process to the end of its first training step: "
        f"T={rows[0]['T']}, B={rows[0]['B']}, H={rows[0]['H']}, Adam. Seconds, median (minimum). "
        "Cold: the folder of compiled programs is empty; warm: an earlier process has filled it. "
        "torch compiles nothing."
    )
    by_name = {(row["name"], row["start"]): row for row in rows}
    lines = [
        [name, *(_seconds(by_name.get((name, state))) for state in ("cold", "warm"))]
        for name in dict.fromkeys(row["name"] for row in rows)
    ]
    return "\n\n".join(
        [caption, tables.markdown(["", "cold", "warm"], lines), text.notes(rows)]
    ).strip()


def _seconds(row: Row | None) -> str:
    if row is None or row["ms"] is None:
        return text.milliseconds(row)
    return f"{row['ms'] / 1e3:.2f} ({row['ms_min'] / 1e3:.2f})"


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Seconds by library, cold and warm."""
    lines: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["ms"] is not None:
            lines.setdefault(row["name"], {})[row["start"]] = row["ms"] / 1e3
    return {"start": draw.dots(lines, "seconds to the end of the first training step", zero=True)}
