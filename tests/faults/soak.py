"""Train small runs over and over in one process, and watch what it holds.

    python -m tests.faults.soak --minutes=60 --out=soak.json

A round trains a group of two through the real runner, with evaluations and checkpoints; takes away
its end and resumes it; evaluates a checkpoint; and writes, now and then, the report over the last
rounds' runs. After every round the process is asked for its memory, descriptors and threads, and
the work folder for its files. The first third warms up. From there on descriptors, threads, files
and memory a log point must not rise by more than the constants below let pass. Prints a line a
minute; the exit code is 1 where something grows. Rounds are at least `LEAST`, by which memory
cannot be judged closely: that takes some hundred.
"""

import argparse
import gc
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import psutil

from lstmx import config as cfg
from lstmx import report, runs
from lstmx.parallel import mesh
from lstmx.runs import checkpoint, meta

MEMORY = 20 * 1024
"""Bytes a log point; what was measured when this was written is about 13 KiB."""
SPREAD = 64 * 2**20
"""Bytes that allocators take and give back from round to round, which is no growth."""
FILES = 1.05
"""Share of what the work folder held in the warm-up: orbax cuts its files now so and now so."""
THREADS = 4
"""Threads more than in the warm-up: the pools of orbax and XLA end theirs when they please."""
KEPT = 3  # rounds whose runs stay, and after which a report is written
LEAST = 4 * KEPT  # rounds, however short the time is: the warm-up sees two reports
WARM_UP = 1 / 3  # of all rounds: caches of programs, fonts and pools fill up
SHOWN = 240  # samples in the record
CELLS, REPLICAS = ("rnn", "gru"), 2


class Sample(NamedTuple):
    """What the process and its work folder hold after a round.

    Attributes:
        seconds: since the start.
        points: log points written so far.
        memory: bytes of the process in memory, without files that are mapped into it: these the
            kernel drops and reads again.
        descriptors: open files, sockets and pipes.
        threads: of the process.
        files: in the work folder.
        bytes: of these files.
    """

    seconds: float
    points: int
    memory: int
    descriptors: int
    threads: int
    files: int
    bytes: int


class Verdict(NamedTuple):
    """One thing that must not grow.

    Attributes:
        name: what it is.
        found: how much it grew, or how much there was.
        allowed: the most that is let pass.
    """

    name: str
    found: float
    allowed: float

    @property
    def held(self) -> bool:
        """Whether it kept to what is allowed."""
        return self.found <= self.allowed


def soak(workdir: Path, enough: Callable[[], bool], tell: Callable[[Sample], None]) -> list[Sample]:
    """Rounds until it is enough; a sample after each."""
    began, points, samples = time.monotonic(), 0, []  # type: ignore[var-annotated]
    while len(samples) < LEAST or not enough():
        points += _round(workdir, len(samples))
        gc.collect()
        samples.append(_sample(workdir, time.monotonic() - began, points))
        tell(samples[-1])
    return samples


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """What grew after the warm-up."""
    warm = int(len(samples) * WARM_UP)
    before, after = samples[:warm], samples[warm:]
    passed = after[-1].points - after[0].points
    slope = np.polyfit([s.points for s in after], [s.memory for s in after], 1)[0]
    most = lambda part, field: max(getattr(sample, field) for sample in part)
    return [
        Verdict("memory, bytes a log point", round(float(slope)), MEMORY + SPREAD // passed),
        Verdict("descriptors", most(after, "descriptors"), most(before, "descriptors")),
        Verdict("threads", most(after, "threads"), most(before, "threads") + THREADS),
        Verdict("files", most(after, "files"), FILES * most(before, "files")),
        Verdict("bytes of files", most(after, "bytes"), FILES * most(before, "bytes")),
    ]


def line(sample: Sample) -> str:
    """A sample for people."""
    return (
        f"{sample.seconds / 60:6.1f} min  {sample.points:7d} log points  "
        f"{sample.memory / 2**20:7.1f} MiB  {sample.descriptors:4d} descriptors  "
        f"{sample.threads:4d} threads  {sample.files:5d} files  {sample.bytes / 2**20:6.2f} MiB"
    )


def _round(workdir: Path, number: int) -> int:
    """Train, resume, evaluate and report; returns how many log points were written."""
    c = cfg.base()
    c.name = f"round{number:06d}"
    c.task = cfg.task("adding", length=10, batch_size=8)
    c.model.cell = cfg.cell(CELLS[number % len(CELLS)], hidden_size=4)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 80, 2, 20, 2
    configs = [cfg.resolve(c, {"seed": REPLICAS * number + n}) for n in range(REPLICAS)]
    labels = [f"seed={config.seed}" for config in configs]
    paths = runs.train(configs, workdir, labels=labels, quiet=True)
    newest = [_cut(path) for path in paths]
    paths = runs.train(configs, workdir, labels=labels, quiet=True)
    counts = [len(runs.load(path).metrics) for path in paths]
    if counts != [c.steps // c.log_every] * REPLICAS:
        raise AssertionError(f"round {number}: {counts} log points of {c.steps // c.log_every}")
    runs.evaluate(paths[0], ["length=15"], batches=1)
    if number % KEPT == 0:
        report.write(workdir)
    old = workdir / f"round{number - KEPT:06d}"
    if old.exists():
        shutil.rmtree(old)
        old.with_suffix(".log").unlink(missing_ok=True)
        for file in (workdir / "report").glob(f"{old.name}*"):
            file.unlink()
    return sum(counts) + sum((c.steps - step) // c.log_every for step in newest)


def _cut(path: Path) -> int:
    """Take the end of a run away, as a kill would have; returns the step that it resumes from."""
    (path / "DONE").unlink()
    folder = path / "checkpoints"
    last, *_ = reversed(checkpoint.steps(folder))
    shutil.rmtree(folder / str(last))
    return checkpoint.steps(folder)[-1]


def _sample(workdir: Path, seconds: float, points: int) -> Sample:
    process = psutil.Process()
    found = [path for path in workdir.rglob("*") if path.is_file()]
    memory = process.memory_info()
    held = process.num_handles() if sys.platform == "win32" else process.num_fds()
    return Sample(
        round(seconds, 1),
        points,
        memory.rss - getattr(memory, "shared", 0),
        held,
        process.num_threads(),
        len(found),
        sum(path.stat().st_size for path in found),
    )


def _record(samples: Sequence[Sample], judged: Sequence[Verdict]) -> dict[str, Any]:
    """The outcome as JSON: verdicts, and samples enough to draw them."""
    every = -(-len(samples) // SHOWN)
    last = samples[-1]
    return {
        "command": "python -m tests.faults.soak " + " ".join(sys.argv[1:]),
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": meta.versions(),
        "minutes": round(last.seconds / 60, 1),
        "rounds": len(samples),
        "log_points": last.points,
        "held": all(verdict.held for verdict in judged),
        "verdicts": [{**verdict._asdict(), "held": verdict.held} for verdict in judged],
        "samples": [sample._asdict() for sample in samples[::every]],
    }


def main() -> None:
    """Soak, judge, and write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, help="JSON file of the record")
    asked = parser.parse_args()
    mesh.use_cores()
    # Programs run for a moment: what the compiler could save would not be noticed.
    jax.config.update("jax_disable_most_optimizations", True)
    began, shown = time.monotonic(), [-60.0]

    def tell(sample: Sample) -> None:
        if sample.seconds - shown[0] >= 60:
            shown[0] = sample.seconds
            print(line(sample), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        mesh.cache_programs(Path(folder) / "programs")
        enough = lambda: time.monotonic() - began >= 60 * asked.minutes
        samples = soak(Path(folder) / "runs", enough, tell)
    print(line(samples[-1]))
    judged = verdicts(samples)
    for verdict in judged:
        state = "held" if verdict.held else "GREW"
        print(f"{state}  {verdict.name}: {verdict.found:g}, allowed {verdict.allowed:g}")
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        written = json.dumps(_record(samples, judged), indent=1) + "\n"
        asked.out.write_text(written, "utf-8")
    sys.exit(not all(verdict.held for verdict in judged))


if __name__ == "__main__":
    main()
