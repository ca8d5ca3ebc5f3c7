"""Progress of a long job: a live line on a terminal, plain lines elsewhere, always a log file."""

import math
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from lstmx.tables import brief, clock

PLAIN_EVERY = 10.0
"""Seconds between two plain lines, so that a redirected log stays readable."""


class Progress:
    """Counts and prints the progress of a job of `total` steps; a context manager.

    A class because it owns the terminal's last line and an open log file.
    """

    def __init__(self, total: int, log: Path, quiet: bool = False, side_by_side: int = 1) -> None:
        """Start counting; `moved` is the monotonic time of the last sign of progress.

        Args:
            total: steps of the whole job, all runs together.
            log: file to which plain lines are appended.
            quiet: write to the log file only.
            side_by_side: number of groups that run at the same time.
        """
        self._total, self._done, self._began = total, 0, time.monotonic()
        self._timed, self._seconds, self._side_by_side = 0, 0.0, side_by_side
        self._printed = 0.0
        self.moved = self._began
        self._lock = threading.RLock()  # concurrent groups share this object
        self._quiet = quiet
        self._log = log.open("a", encoding="utf-8")
        console = Console(stderr=True)
        live = console.is_terminal and not quiet
        self._live = Live(console=console, transient=True, refresh_per_second=8) if live else None

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
        self._log.close()

    def say(self, line: str) -> None:
        """Print a line that stays, on the terminal or in redirected output, and log it."""
        self.moved = time.monotonic()
        self.remark(line)

    def remark(self, line: str) -> None:
        """Print a line as `say` does, without counting it as a sign of progress."""
        with self._lock:
            self._write(line)
            if self._live:
                self._live.console.print(Text(line))
            elif not self._quiet:
                print(line, file=sys.stderr, flush=True)

    def advance(
        self, steps: int, where: str, numbers: Mapping[str, float], seconds: float | None = None
    ) -> None:
        """Count steps as done.

        Args:
            steps: number of steps just done, of all runs together.
            where: the group that is running, and its step.
            numbers: values to print after it: loss, metrics.
            seconds: the time that they took; None where a program was compiled first, which says
                nothing about the steps to come.
        """
        with self._lock:
            self._done += steps
            self.moved = time.monotonic()
            elapsed = time.monotonic() - self._began
            if seconds is not None:
                self._timed, self._seconds = self._timed + steps, self._seconds + seconds
            rate = self._side_by_side * self._timed / self._seconds if self._seconds else math.nan
            steps_left = self._total - self._done
            left = steps_left / rate if rate and steps_left else math.nan if steps_left else 0.0
            formatted = "  ".join(f"{k} {brief(v, none='nan')}" for k, v in numbers.items())
            speed = f"{rate:.0f}" if math.isfinite(rate) else "?"
            line = (
                f"{self._done / max(1, self._total):4.0%}  {where}  {formatted}  "
                f"{speed} steps/s  {clock(left)} left"
            )
            if self._live:
                self._live.update(Text(line, style="cyan", no_wrap=True, overflow="ellipsis"))
            if elapsed - self._printed >= PLAIN_EVERY:
                self._printed = elapsed
                self._write(line)
                if not self._live and not self._quiet:
                    print(line, file=sys.stderr, flush=True)

    def skip(self, steps: int) -> None:
        """Reduce the total by steps that a run does not need, as it stopped early."""
        with self._lock:
            self._total -= steps

    def _write(self, line: str) -> None:
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")
        self._log.flush()
