"""Signals to launchers that read runs: the runs stay as they are, and it can be started again."""

import signal
from pathlib import Path

from lstmx import runs
from lstmx.runs import checkpoint
from tests.faults.bench import Bench, end
from tests.faults.running import Fault, stopped

SECONDS = 3.0
"""How long the launchers take that read a few runs."""


def sent(launcher: str, number: signal.Signals) -> Fault:
    """A signal at a random moment of a launcher that reads runs."""

    def fault(bench: Bench, folder: Path) -> str:
        job = bench.launch.start(words(launcher, folder), folder)
        bench.pause(job, SECONDS)
        job.send(number)
        stopped(end(job, 1), number)
        return "stopped"

    return fault


def words(launcher: str, folder: Path) -> str:
    """Its command line."""
    if launcher == "report":
        return "report --workdir=runs"
    found = (p for p in runs.find(folder / "runs") if checkpoint.steps(p / "checkpoints"))
    return f"{launcher} --run={next(found).relative_to(folder)}"


LAUNCHERS = ("report", "evaluate", "forecast")
NAMES = {signal.SIGKILL: "kill -9", signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}
READING: dict[str, Fault] = {
    f"{name} in {launcher}": sent(launcher, number)
    for number, name in NAMES.items()
    for launcher in LAUNCHERS
}
"""Every fault by its name; those in forecast need the job of a series."""
