"""Help: how long a command line takes that computes nothing, of every launcher."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.benchmarks import draw, text, timing
from experiments.benchmarks.tables import Part, Settings
from lstmx import _command, tables

TITLE = "Help"
EMPTY = "python -c pass"
LIMIT = 0.5
"""Seconds that `--help` may take; a user waits for it."""
ROOT = Path(__file__).parents[3]


class Row(NamedTuple):
    """A command line.

    Attributes:
        name: of the launcher, or `EMPTY`.
        times: of its process.
        over_empty: time over that of the empty process.
    """

    name: str
    times: timing.Measured
    over_empty: timing.Ratio | None


KEYS = {"times": "*", "over_empty": "over empty"}


def parts(settings: Settings) -> list[Part]:
    """One part: all launchers and the empty process in turns."""
    names = list(_command.launchers())
    seconds = (settings.repeats + 2) * 0.3 * (len(names) + 1)
    return [Part("all", lambda: measure(names, settings), seconds)]


def measure(names: Sequence[str], settings: Settings) -> list[Row]:
    """A row for a process that does nothing, and one for each launcher."""
    commands = {EMPTY: ["-c", "pass"]}
    commands |= {name: ["-m", f"experiments.{name}", "--help"] for name in names}
    calls = {
        name: lambda words=words: _run(words)  # type: ignore[misc]
        for name, words in commands.items()
    }
    found = timing.interleaved(calls, settings.repeats)
    return [Row(name, times, timing.ratio(times, found[EMPTY])) for name, times in found.items()]


def _run(words: Sequence[str]) -> None:
    ended = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    if ended.returncode:
        raise ChildProcessError(ended.stderr or f"exit code {ended.returncode}")


def markdown(rows: Sequence[Row]) -> str:
    """A line per launcher, and which ones take too long."""
    caption = (
        "`python -m experiments.NAME --help` in a fresh process, in turns with one that does "
        "nothing. Milliseconds, median (minimum)."
    )
    lines = [[row.name, text.times(row.times), text.ratio(row.over_empty)] for row in rows]
    slow = [name for name, ms in _medians(rows).items() if ms > 1e3 * LIMIT]
    verdict = f"Over {LIMIT:g} s: {', '.join(slow) or 'none'}."
    table = tables.markdown(["", "ms", f"times {EMPTY}"], lines)
    return "\n\n".join([caption, table, verdict, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Milliseconds by launcher."""
    lines = {name: {"--help": ms} for name, ms in _medians(rows).items()}
    return {"help": draw.dots(lines, "milliseconds", zero=True)}


def _medians(rows: Sequence[Row]) -> dict[str, float]:
    """Name -> milliseconds of the command lines that have ended well."""
    return {row.name: row.times.median for row in rows if not isinstance(row.times, str)}
