"""Reference runs, copies of them to spoil, and what must hold after a fault."""

import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a program: beside the tests

from launching import Ended, Launchers, Started

from lstmx import checkpoint, runs

RECIPE = """
from lstmx import config as cfg
from lstmx import sweep as sw

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=10, batch_size=8)
    c.model.cell = cfg.cell("lstm", hidden_size=4)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 48, 2, 8, 1
    return c

def sweep():
    # One of the replicas diverges: the others must not notice, and it must end as it would alone.
    return sw.product({"hparams.learning_rate": [1e-3, 1e38], "seed": range(2)})
"""
BACKWARDS = """
import time
now = time.time
time.time = lambda: now() - 400 * 86400  # the clock was set back by more than a year
time.strftime = lambda *_: "2001-01-01 00:00:00"
"""
WORDS = "{} --config=tiny.py --workdir=runs"


class Wrong(AssertionError):
    """Something that must hold after a fault does not."""


class Bench(NamedTuple):
    """One launcher with its reference.

    Attributes:
        launch: starts command lines.
        name: of the launcher, train or sweep.
        whole: folder of a job that was never disturbed.
        half: folder of a job that was killed in the middle.
        scratch: folder for copies.
        random: chooses moments and places.
    """

    launch: Launchers
    name: str
    whole: Path
    half: Path
    scratch: Path
    random: random.Random

    @property
    def words(self) -> str:
        """The command line."""
        return WORDS.format(self.name)

    def copy(self, of: str) -> Path:
        """A fresh folder: "whole", "half", or "new" with the recipe alone."""
        folder = self.scratch / "case"
        shutil.rmtree(folder, ignore_errors=True)
        if of == "new":
            folder.mkdir(parents=True)
            (folder / "tiny.py").write_text(RECIPE)
        else:
            shutil.copytree(getattr(self, of), folder)
        return folder

    def one(self, folder: Path) -> Path:
        """One of the run directories of a folder; of those with checkpoints where there are any."""
        found = runs.find(folder / "runs")
        saved = [path for path in found if checkpoint.steps(path / "checkpoints")]
        return self.random.choice(saved or found)

    def pause(self, job: Started) -> None:
        """Wait for a random moment of a job, or for its end."""
        until = time.monotonic() + self.random.uniform(0, 2.5)
        while time.monotonic() < until and job.runs():
            time.sleep(0.002)

    def settle(self, folder: Path) -> None:
        """The same command again ends as the reference did, bit for bit.

        Raises:
            Wrong: it does not.
        """
        ended = self.launch(self.words, folder)
        clean(ended, 0)
        compare(self.whole, folder)


def make(launch: Launchers, name: str, place: Path, seed: int) -> Bench:
    """A bench with its reference, made in an empty folder."""
    for part in ("whole", "half", "scratch"):
        (place / part).mkdir(parents=True)
    bench = Bench(
        launch, name, place / "whole", place / "half", place / "scratch", random.Random(seed)
    )
    for folder in (bench.whole, bench.half):
        (folder / "tiny.py").write_text(RECIPE)
    clean(launch(bench.words, bench.whole), 0)
    job = launch.start(bench.words, bench.half)
    while logged(bench.half) < 15:
        if not job.runs():
            raise Wrong(f"the job ended too early: {job.wait()}")
        time.sleep(0.002)
    job.send(signal.SIGKILL)
    job.wait()
    return bench


def logged(folder: Path) -> int:
    """How many log points all runs of a folder have written together."""
    logs = folder.glob("runs/*/*/metrics.jsonl")
    return sum(len(log.read_bytes().splitlines()) for log in logs)


def clean(ended: Ended, *codes: int) -> None:
    """It ended with one of these codes and without a traceback; refusals are one line."""
    if ended.code not in codes or "Traceback" in ended.err:
        raise Wrong(f"exit code {ended.code}, expected {codes}: {ended.err[-800:]}")
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
        places = [run.path / "checkpoints" for run in (one, two)]
        steps = checkpoint.steps(places[0])
        if checkpoint.steps(places[1]) != steps:
            raise Wrong(f"{name}: checkpoints are {checkpoint.steps(places[1])}, expected {steps}")
        for step in steps:
            records = [checkpoint.record(place, step) for place in places]
            digests = [_digest(checkpoint.restore(place, step)) for place in places]
            if digests[0] != digests[1] or records[0].run != records[1].run:
                raise Wrong(f"{name}: the checkpoints of step {step} differ")


def _untimed(points: object) -> object:
    if isinstance(points, dict):
        return {key: value for key, value in points.items() if key != "seconds"}
    return [_untimed(point) for point in points] if isinstance(points, list) else points


def _digest(tree: object) -> list[bytes]:
    import jax
    import numpy as np

    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
