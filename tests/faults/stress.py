"""Start the launchers again and again, several at a time, and count the starts that hang.

    python -m tests.faults.stress --starts=300 --at_once=2,3 --out=starts.json

Every start is a command line of `experiments.train` or `experiments.sweep` in a process of its own,
with as many devices as there are cores, that trains eight updates; the kinds take turns. Half of
them hung when an orthogonal start of several matrices was one batched QR, see
`lstmx.initializers`. Numbers of starts at once are given as a list, and share the starts evenly.
A start hangs when it uses no processor time for a while: a busy machine makes it slow, and no more.
Prints a line for each start that is not well, and exits with 1 if there is one.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.launching import Launchers, Started

ROOT = Path(__file__).resolve().parents[2]
STILL = 40
"""Seconds without processor time after which a start counts as hung. JAX's own threads that wait
use some milliseconds a minute."""
LIMIT = 3600
"""Seconds after which a start that still works is ended, and has failed."""
ASLEEP = 0.1
"""Seconds of processor time that count as none."""
RECIPE = '''"""Short runs, several replicas at once."""

from lstmx import config as cfg
from lstmx import sweep as sw


def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=10, batch_size=4)
    c.steps, c.log_every, c.eval_every = 8, 4, 8
    c.replicas_per_vmap = 3
    return c


def sweep():
    return sw.product({"seed": range(6)})
'''
CELL = "--config.model.cell.name={} --config.model.cell.hidden_size={}"
KINDS = {
    "train, LSTM of 256 units in 4 heads": (
        f"train {CELL.format('lstm', 256)} --config.model.cell.heads=4"
    ),
    "train, sLSTM of 128 units in 2 heads": (
        f"train {CELL.format('slstm', 128)} --config.model.cell.heads=2"
    ),
    "sweep, 6 GRUs of 64 units, 3 a vmap": f"sweep {CELL.format('gru', 64)}",
    "train, LSTM of 16 units": f"train {CELL.format('lstm', 16)}",
}
"""What is started, by what it is; the last one never draws several matrices at once."""


class End(NamedTuple):
    """How a start ended.

    Attributes:
        kind: a key of `KINDS`.
        at_once: how many ran beside each other.
        seconds: from its start to its end.
        how: "ended", "hung" or "failed".
        said: what it printed last.
    """

    kind: str
    at_once: int
    seconds: float
    how: str
    said: str


class Running(NamedTuple):
    """A start that has not ended.

    Attributes:
        kind: a key of `KINDS`.
        began: when, on the monotonic clock.
        used: seconds of processor time when it was last seen to work.
        worked: when that was.
        workdir: its folder.
    """

    kind: str
    began: float
    used: float
    worked: float
    workdir: Path


def stress(launch: Launchers, folder: Path, starts: int, at_once: int) -> Iterator[End]:
    """Start so many, so many at a time, in folders of their own; how each of them ended."""
    (folder / "short.py").write_text(RECIPE, "utf-8")
    waiting = [list(KINDS)[n % len(KINDS)] for n in range(starts)][::-1]
    running: dict[Started, Running] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            kind, workdir = waiting.pop(), Path(tempfile.mkdtemp(dir=folder))
            words = f"{KINDS[kind]} --config={folder / 'short.py'} --workdir={workdir}"
            now = time.monotonic()
            running[launch.start(words, ROOT)] = Running(kind, now, 0.0, now, workdir)
        time.sleep(0.1)
        for started, seen in list(running.items()):
            now, runs = time.monotonic(), started.runs()
            if runs:
                used = sum(psutil.Process(started.process).cpu_times()[:2])
                if used > seen.used + ASLEEP:
                    running[started] = seen._replace(used=used, worked=now)
                    continue
                if now < seen.worked + STILL:
                    continue
                started.send(signal.SIGKILL)
            ended = started.wait()
            how = "hung" if runs else "failed" if ended.code else "ended"
            lines = (ended.out + ended.err).strip().splitlines()
            yield End(seen.kind, at_once, now - seen.began, how, lines[-1] if lines else "")
            del running[started]
            shutil.rmtree(seen.workdir)


def counts(ends: list[End]) -> dict[str, Any]:
    """The record: how many ended how, in all, by kind and by how many ran at once."""
    import jax
    import jaxlib

    def tally(chosen: list[End]) -> dict[str, Any]:
        seconds = sorted(end.seconds for end in chosen)
        found = {how: sum(end.how == how for end in chosen) for how in ("ended", "hung", "failed")}
        median, longest = (round(s, 1) for s in (seconds[len(seconds) // 2], seconds[-1]))
        return {"starts": len(chosen), **found, "median_s": median, "longest_s": longest}

    return {
        "all": tally(ends),
        "kinds": {kind: tally([e for e in ends if e.kind == kind]) for kind in KINDS},
        "at_once": {
            str(n): tally([e for e in ends if e.at_once == n])
            for n in sorted({e.at_once for e in ends})
        },
        "hung_after_s": STILL,
        "cores": len(os.sched_getaffinity(0)),
        "versions": {
            "python": platform.python_version(),
            "jax": jax.__version__,
            "jaxlib": jaxlib.__version__,
        },
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        "date": time.strftime("%Y-%m-%d"),
        "command": f"python -m tests.faults.stress {' '.join(sys.argv[1:])}",
    }


def main() -> int:
    """Start, count, and say so."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--starts", type=int, default=300)
    parser.add_argument("--at_once", default="2,3", help="a number, or several in turn")
    parser.add_argument("--out", type=Path, help="where to write the counts as JSON")
    said = parser.parse_args()
    numbers, ends = [int(n) for n in said.at_once.split(",")], []
    with tempfile.TemporaryDirectory() as folder:
        launch = Launchers(Path(folder, "cache"), LIMIT)
        for k, at_once in enumerate(numbers):
            part = said.starts * (k + 1) // len(numbers) - said.starts * k // len(numbers)
            for end in stress(launch, Path(folder), part, at_once):
                ends.append(end)
                if end.how != "ended":
                    print(f"{end.how} after {end.seconds:.0f} s: {end.kind}: {end.said}")
                elif len(ends) % 20 == 0:
                    print(f"{len(ends)} of {said.starts}", flush=True)
        launch.close()
    record = counts(ends)
    text = json.dumps(record, indent=1) + "\n"
    print(json.dumps(record["all"]))
    if said.out:
        said.out.parent.mkdir(parents=True, exist_ok=True)
        said.out.write_text(text, "utf-8")
    return int(record["all"]["ended"] < len(ends))


if __name__ == "__main__":
    sys.exit(main())
