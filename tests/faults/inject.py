"""Inject faults into real command lines, again and again at random moments, and count outcomes.

    python -m tests.faults.inject --count=1000 --out=experiments/measured/faults/injected.json

Faults come in turns. A turn disturbs one job several times, one after the other, or spoils a file
of every run of a job, or interrupts launchers that read runs; then the same command again must end
with the very numbers of the job that nobody disturbed. A fault that came too late is counted as
missed, not as injected. Every turn has a seed of its own, so that it can be had again with
`--only=<turn>`. The same command goes on where it was stopped.
"""

import argparse
import collections
import itertools
import json
import math
import multiprocessing
import multiprocessing.util
import platform
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any, NamedTuple

from lstmx import runs
from tests.faults.bench import JOBS, Bench, Launchers, Missed, Wrong, clean, compare, finished, make
from tests.faults.reading import LAUNCHERS, READING, words
from tests.faults.running import RUNNING
from tests.faults.spoilt import HALF, LOG_LOST, WHOLE, check_said, lose_log

CHAIN = 6
"""The most faults after each other before the outcome is compared."""
VALUES = ("", "nan", "inf", "-inf", "1e39", "-9999", "a", "1e400", '"', "1,2")
"""What a cell of a table may hold that is no plain number."""


class Told(NamedTuple):
    """What came of a fault.

    Attributes:
        job: the job that it was injected into.
        kind: its name.
        outcome: in a word; None where it came too late; "WRONG: ..." where something is not right.
    """

    job: str
    kind: str
    outcome: str | None


Turn = Callable[[Bench], Iterator[tuple[str, str | None]]]


def running(bench: Bench, kinds: Sequence[str] = ()) -> Iterator[tuple[str, str | None]]:
    """Several faults of one job after each other; random ones, if none are named."""
    folder = bench.copy(bench.random.choice(["new", "half"]))
    for kind in kinds or bench.random.sample(list(RUNNING), CHAIN):
        yield kind, _outcome(kind, bench, folder)
        if finished(bench, folder):
            break
    bench.settle(folder)


def _outcome(kind: str, bench: Bench, folder: Path) -> str | None:
    """What came of a fault of a job that runs or is read; None where it came too late."""
    try:
        return (RUNNING | READING)[kind](bench, folder)
    except Missed:
        return None
    except Wrong as wrong:
        raise Wrong(f"{kind}: {wrong}") from wrong


def spoilt(of: str) -> Turn:
    """One thing is spoilt in every run of a job that was killed, or that had ended."""
    kinds = {"half": HALF, "whole": WHOLE}[of]

    def turn(bench: Bench) -> Iterator[tuple[str, str | None]]:
        folder = bench.copy(of)
        found = bench.saved(folder)
        chosen = bench.random.sample(list(kinds), len(found))
        named = [kinds[kind](bench, run) for kind, run in zip(chosen, found, strict=True)]
        said = bench.settle(folder)
        for kind, path in zip(chosen, named, strict=True):
            check_said(kind, said, path)
            yield kind, "mended" if path is None else "named and mended"

    return turn


def reading(bench: Bench) -> Iterator[tuple[str, str | None]]:
    """Launchers that read runs are interrupted, and started again."""
    folder = bench.copy("whole")
    launcher = bench.random.choice(LAUNCHERS[: None if bench.name == "series" else -1])
    for kind in (kind for kind in READING if kind.endswith(launcher)):
        yield kind, _outcome(kind, bench, folder)
    clean(bench.launch(words(launcher, folder), folder), 0)
    compare(bench.whole, folder)


def lost(bench: Bench) -> Iterator[tuple[str, str | None]]:
    """Runs without a checkpoint lose log points."""
    way = bench.random.choice(LOG_LOST)
    yield f"log without a checkpoint: {way}", lose_log(bench, bench.copy("whole"), way)


def data(bench: Bench) -> Iterator[tuple[str, str | None]]:
    """The data hold what are no numbers: refused in one line, or trained with finite metrics."""
    folder = bench.copy("new")
    file = folder / "series.csv"
    rows = [line.split(",") for line in file.read_text("utf-8").splitlines()]
    for _ in range(bench.random.randrange(1, 6)):
        bench.random.choice(rows[1:])[bench.random.randrange(2)] = bench.random.choice(VALUES)
    file.write_text("\n".join(map(",".join, rows)) + "\n", "utf-8")
    clean(ended := bench.start(folder).wait(), 0, 2)
    for path in runs.find(folder / "runs"):
        run = runs.load(path)
        values = [v for point in run.metrics for k, v in point.items() if "loss" in k or "/" in k]
        if run.done and run.done["reason"] == "steps" and not all(map(math.isfinite, values)):
            raise Wrong(f"{file.read_text('utf-8')}: ended as if all were well: {run.metrics[-1]}")
    yield "no number in the data", "refused in one line" if ended.code else "trained, all finite"


TURNS: list[tuple[Turn, Sequence[str]]] = [
    (running, ("sweep", "train", "series")),
    (spoilt("half"), ("sweep", "sweep", "train", "series")),
    (running, ("train", "sweep", "diverging")),
    (spoilt("whole"), ("sweep", "train", "series")),
    (reading, ("series", "sweep")),
    (running, ("series", "train", "sweep")),
    (spoilt("half"), ("sweep", "series")),
    (lost, ("diverging",)),
    (running, ("sweep", "train", "diverging")),
    (data, ("series",)),
]
"""Kinds of turns, taken in this order, and the jobs that they may disturb."""


def inject(number: int, seed: int) -> list[Told]:
    """Take a turn; what came of each of its faults."""
    turn, jobs = TURNS[number % len(TURNS)]
    own = random.Random(f"{seed} {number}")
    bench = _benches[own.choice(jobs)]._replace(random=own)
    told = []
    try:
        for kind, outcome in turn(bench):
            told.append(Told(bench.name, kind, outcome))
    except AssertionError as wrong:
        told.append(Told(bench.name, f"turn {number}", f"WRONG: {wrong}"))
    return told


_benches: dict[str, Bench] = {}
"""Of this process: every job, made where it is first needed."""


def prepare(names: Sequence[str] = tuple(JOBS)) -> None:
    """Make the references of the jobs, in a folder of this process that is removed at its end."""
    place = Path(tempfile.mkdtemp())
    launch = Launchers(place / "programs")
    multiprocessing.util.Finalize(None, _end, (launch, place), exitpriority=0)
    _benches.update({name: make(launch, name, place / name) for name in names})


def _end(launch: Launchers, place: Path) -> None:
    launch.close()
    shutil.rmtree(place)


def count(counts: dict[str, Any], number: int, told: Sequence[Told]) -> None:
    """Add what came of a turn to the record."""
    counts["turns"] = number + 1
    for job, kind, outcome in told:
        if outcome is None:
            counts["missed"] += 1
        elif outcome.startswith("WRONG"):
            before = ", ".join(t.kind for t in told[:-1])
            said = re.sub(r"/[\w./~=+-]*/", "", outcome)  # no folders: of this machine
            counts["wrong"].append(f"{kind}, {job}, after {before or 'nothing'}: {said}"[:2500])
        else:
            counts["injected"] += 1
            found = counts["kinds"].setdefault(kind, {})
            found[outcome] = found.get(outcome, 0) + 1


def turns(counts: dict[str, Any], most: int, jobs: int) -> Iterator[list[Told]]:
    """What comes of the turns that are left, in order; `jobs` at a time."""
    context = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(jobs, context, prepare) as pool:
        numbers = itertools.count(counts["turns"])
        waiting: collections.deque[futures.Future[list[Told]]] = collections.deque()
        while counts["injected"] < most:
            while len(waiting) < 2 * jobs:
                waiting.append(pool.submit(inject, next(numbers), counts["seed"]))
            yield waiting.popleft().result()
        for left in waiting:
            left.cancel()


def main() -> None:
    """Inject faults, and write their counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="of faults injected")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="turns at a time")
    parser.add_argument("--only", type=int, help="take the turn of this number")
    parser.add_argument("--out", type=Path, default=Path("injected.json"))
    asked = parser.parse_args()
    if asked.only is not None:
        prepare()
        print(*inject(asked.only, asked.seed), sep="\n")
        return
    counts = {"seed": asked.seed, "turns": 0, "injected": 0, "missed": 0, "kinds": {}, "wrong": []}
    if asked.out.exists():
        counts = json.loads(asked.out.read_text("utf-8"))
    began, before = time.monotonic(), counts["injected"]
    for told in turns(counts, asked.count, asked.jobs):
        count(counts, counts["turns"], told)
        counts |= {
            "command": f"python -m tests.faults.inject {' '.join(sys.argv[1:])}",
            "date": time.strftime("%Y-%m-%d"),
            "python": platform.python_version(),
        }
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n", "utf-8")
        rate = (time.monotonic() - began) / max(1, counts["injected"] - before)
        what = "; ".join(f"{kind}: {outcome or 'missed'}" for _, kind, outcome in told)
        line = f"{counts['injected']}/{asked.count}  {rate:.1f} s each  {told[0].job}: {what}"
        print(line[:400], flush=True)
    sys.exit(1 if counts["wrong"] else 0)


if __name__ == "__main__":
    main()
