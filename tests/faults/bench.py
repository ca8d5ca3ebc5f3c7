"""Jobs to disturb, each with what it ends as when nobody does, and what must hold after a fault."""

import functools
import itertools
import random
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a program: beside the tests

from event_files import check_events
from launching import Ended, Launchers, Started

from lstmx import runs
from lstmx.runs import checkpoint

LIMIT = 30.0
"""Seconds within which a job must have ended after a signal, however busy the machine is."""
RECIPE = """
from lstmx import config as cfg
from lstmx import sweep as sw

def get_config():
    c = cfg.base()
    c.task = {task}
    c.model.cell = cfg.cell("lstm", hidden_size=4)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 48, 2, 8, 1
    return c

def sweep():
    return {points}
"""
ADDING = 'cfg.task("adding", length=10, batch_size=8)'
SERIES = 'cfg.task("forecast", file="series.csv", window=5, horizon=2, season=4, batch_size=8)'
DIVERGING = '"hparams.learning_rate": [1e38]'
JOBS = {
    "train": ("train", ADDING, "[{}]"),
    # One replica diverges: the others must not notice, and each must end as it would alone.
    "sweep": (
        "sweep",
        ADDING,
        f'sw.product({{"seed": range(4)}}) + sw.product({{"seed": [4], {DIVERGING}}})',
    ),
    "diverging": ("sweep", ADDING, f'sw.product({{"seed": range(2), {DIVERGING}}})'),
    "series": ("train", SERIES, "[{}]"),
}
"""Name -> launcher, task, and points of its sweep."""


class Wrong(AssertionError):
    """Something that must hold after a fault does not."""


class Missed(Exception):
    """The fault came too late: the job had ended. It is not counted."""


class Bench(NamedTuple):
    """One job.

    Attributes:
        launch: starts command lines.
        name: a key of `JOBS`.
        place: folder of the folders below, and of copies.
        seconds: how long the job takes.
        random: chooses moments and places.
    """

    launch: Launchers
    name: str
    place: Path
    seconds: float
    random: random.Random

    @property
    def words(self) -> str:
        """The command line."""
        return f"{JOBS[self.name][0]} --config=tiny.py --workdir=runs"

    @property
    def whole(self) -> Path:
        """The folder of the job that was never disturbed."""
        return self.place / "whole"

    def copy(self, of: str) -> Path:
        """A fresh folder: "new", "half" as a kill in mid job left it, or "whole"."""
        folder = self.place / "case"
        shutil.rmtree(folder, ignore_errors=True)
        return Path(shutil.copytree(self.place / of, folder))

    def start(self, folder: Path, **environment: str) -> Started:
        """Start the job in a folder."""
        return self.launch.start(self.words, folder, **environment)

    def saved(self, folder: Path) -> list[Path]:
        """The run directories of a folder that have a checkpoint, in a random order."""
        found = [p for p in runs.find(folder / "runs") if checkpoint.steps(p / "checkpoints")]
        return self.random.sample(found, len(found))

    def pause(self, job: Started, seconds: float | None = None) -> None:
        """Wait for a random moment of a job, or of its first seconds; or for its end."""
        until = time.monotonic() + self.random.uniform(0, seconds or self.seconds)
        while time.monotonic() < until and job.runs():
            time.sleep(0.002)

    def settle(self, folder: Path) -> str:
        """The same command again ends as the reference did, bit for bit; what it said.

        Raises:
            Wrong: it does not.
        """
        ended = self.launch(self.words, folder)
        clean(ended, 0)
        if strange := re.findall(r"(?m)^(?:[EWI]\d{4} |.*Warning: ).*", ended.err):
            raise Wrong(f"a library speaks: {strange}")
        compare(self.whole, folder)
        return ended.out + ended.err


def make(launch: Launchers, name: str, place: Path) -> Bench:
    """A bench with its references, made in an empty folder."""
    bench = Bench(launch, name, place, 0.0, random.Random())
    _, task, points = JOBS[name]
    (place / "new").mkdir(parents=True)
    (place / "new" / "tiny.py").write_text(RECIPE.format(task=task, points=points))
    (place / "new" / "series.csv").write_text(series())
    for part in ("whole", "half", "foreign"):
        shutil.copytree(place / "new", place / part)
    clean(bench.start(bench.whole).wait(), 0)
    began, count = time.monotonic(), len(runs.find(bench.whole))
    job = bench.start(place / "half")
    while logged(place / "half") < 6 * count and job.runs():
        time.sleep(0.002)
    job.send(signal.SIGKILL)
    job.wait()
    bench = bench._replace(seconds=2 * (time.monotonic() - began))
    # Runs of another seed, as far as those that were killed.
    saved = (checkpoint.steps(path / "checkpoints") for path in runs.find(place / "half"))
    steps = max(itertools.chain.from_iterable(saved), default=8)
    foreign = RECIPE.format(task=task, points=f'[{{"seed": 7, "steps": {steps}}}]')
    (place / "foreign" / "tiny.py").write_text(foreign)
    clean(launch("sweep --config=tiny.py --workdir=runs", place / "foreign"), 0)
    return bench


def series() -> str:
    """A CSV file of 60 days with a season of four."""
    values = (f"{day + (0, 3, 1, -2)[day % 4]}.{day * 7919 % 1000:03d}" for day in range(60))
    dates = (f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}" for day in range(60))
    rows = (f"{date},{value}" for date, value in zip(dates, values, strict=True))
    return "\n".join(["date,a", *rows]) + "\n"


def logged(folder: Path) -> int:
    """How many log points all runs of a folder have written together."""
    count = 0
    for log in folder.glob("runs/*/*/metrics.jsonl"):
        count += log.read_bytes().count(b"\n")
    return count


def finished(bench: Bench, folder: Path) -> bool:
    """Whether all runs of a job say that they have ended."""
    names = [path.relative_to(bench.whole) for path in runs.find(bench.whole)]
    return all((folder / name / "DONE").exists() for name in names)


def end(job: Started, signals: int = 0) -> Ended:
    """How a job ends; after a signal it must do so soon."""
    until = time.monotonic() + LIMIT
    while signals and job.runs():
        if time.monotonic() > until:
            job.send(signal.SIGKILL)
            raise Wrong(f"still runs {LIMIT:.0f} s after a signal: {job.wait().err[-400:]}")
        time.sleep(0.005)
    return job.wait()


def clean(ended: Ended, *codes: int) -> None:
    """It ended with one of these codes and without a traceback; refusals are one line."""
    if ended.code not in codes or "Traceback" in ended.err:
        raise Wrong(
            f"exit code {ended.code}, expected {codes}: {ended.err[:1200]} ... {ended.err[-500:]}"
        )
    errors = [line for line in ended.err.splitlines() if line.startswith("error:")]
    if ended.code == 2 and len(errors) != 1:
        raise Wrong(f"expected one line that says what is wrong: {ended.err[-800:]}")


def compare(whole: Path, folder: Path) -> None:
    """All runs of a folder equal those of the reference but for what a clock says."""
    names = [path.relative_to(whole) for path in runs.find(whole)]
    there = [path.relative_to(folder) for path in runs.find(folder)]
    if there != names:
        raise Wrong(f"runs are {there}, expected {names}")
    for name in names:
        one, two = runs.load(whole / name), runs.load(folder / name)
        if two.remarks or two.lost:
            raise Wrong(f"{name}: {two.remarks}")
        for part in ("metrics", "done"):
            first, second = (_untimed(getattr(run, part)) for run in (one, two))
            if repr(first) != repr(second):
                raise Wrong(f"{name}: {part} differ: {first} and {second}")
        known = _digests(one.path / "checkpoints")
        try:
            found = _digests.__wrapped__(two.path / "checkpoints")
        except checkpoint.Damaged as error:
            raise Wrong(f"{name}: {error}") from error
        if found != known:
            raise Wrong(f"{name}: checkpoints of steps {list(found)} differ from {list(known)}")
        if left := list(two.path.glob("checkpoints/*tmp*")):
            raise Wrong(f"{name}: {left} is left")
        if two.done and two.done["reason"] == "steps":  # NaN would not equal itself
            check_events(two)


def _untimed(points: Any) -> Any:
    if isinstance(points, dict):
        return {key: value for key, value in points.items() if key != "seconds"}
    return [_untimed(point) for point in points] if isinstance(points, list) else points


@functools.cache  # of the references, which never change
def _digests(folder: Path) -> dict[int, tuple[str, list[bytes]]]:
    """Of every checkpoint the id of its run and its arrays, which are checked as they are read."""
    import jax
    import numpy as np

    arrays = lambda tree: [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
    return {
        step: (checkpoint.record(folder, step).run, arrays(checkpoint.restore(folder, step)))
        for step in checkpoint.steps(folder)
    }


def lines_about(said: str, path: Path) -> list[str]:
    """The lines of an output that name a run directory, or a file and the run that it is of."""
    at = next(n for n, part in enumerate(path.parts) if "~" in part)
    return [line for line in said.splitlines() if all(p in line for p in path.parts[at : at + 2])]
