"""Searches: trials per hour of a study whose trials each have a width of their own."""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks import child, draw, peers, study, text, timing
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Settings
from lstmx import search, tables

TITLE = "Searches"
TURN = 60.0  # seconds of a contestant
FILE = Path(study.__file__)
WAYS = ("lstmx, masked widths", "lstmx, a program a width", "lstmx, a process a trial")
LOOPS = {"flax, a loop a trial": "flax", "torch, a loop a trial": "torch"}
AT_ONCE = 2
"""Processes side by side, where a contestant is several processes."""

Words = list[str]
"""A command line."""


class Row(NamedTuple):
    """A way to work the study off.

    Attributes:
        name: of the contestant.
        trials: of the study.
        T: steps of a sequence.
        B: sequences of a batch.
        steps: updates of a trial.
        times: of the whole study.
        rate: trials per hour.
        over_flax: how many times as fast as the loop of flax.
    """

    name: str
    trials: int
    T: int
    B: int
    steps: int
    times: timing.Measured
    rate: timing.Rate | None
    over_flax: timing.Ratio | None


KEYS = {"times": "*", "rate": "trials per hour", "over_flax": "over flax"}


def parts(settings: Settings) -> list[Part]:
    """One part: all contestants work the study off in turns."""
    seconds = count(settings) * TURN * len([*WAYS, *LOOPS])
    return [Part("all", functools.partial(measure, settings), seconds)]


def count(settings: Settings) -> int:
    """Whole studies are long: a third of the usual turns."""
    return max(1, settings.repeats // 3)


def measure(settings: Settings) -> list[Row]:
    """A row per way to work the study off."""
    mode = "quick" if settings.quick else "full"
    failed = {name: peers.MISSING for name, module in LOOPS.items() if peers.missing(module)}
    seconds: dict[str, list[float]] = {}
    for _ in range(count(settings)):
        for name in (*WAYS, *LOOPS):
            if name in failed:
                continue
            with tempfile.TemporaryDirectory() as folder:
                result = _seconds(commands(name, mode, settings.device, folder), folder)
            if isinstance(result, str):
                failed[name] = result
            else:
                seconds.setdefault(name, []).append(result)
    trials, config = _points(mode), study.get_config(mode)
    found: dict[str, timing.Measured] = {
        name: failed[name] if name in failed else timing.times(seconds[name])
        for name in (*WAYS, *LOOPS)
    }
    flax = found["flax, a loop a trial"]
    return [
        Row(
            name=name,
            trials=len(trials),
            T=config.task.length,
            B=config.task.batch_size,
            steps=config.steps,
            times=times,
            rate=timing.rate(times, len(trials), 3600.0),
            over_flax=timing.ratio(flax, times),
        )
        for name, times in found.items()
    ]


def commands(name: str, mode: str, device: str, folder: str) -> list[Words]:
    """The command lines of the processes that do the whole study.

    Args:
        name: one of `WAYS` or `LOOPS`.
        mode: of `experiments.benchmarks.study`.
        device: "cpu" or "gpu".
        folder: the working directory of runs.
    """
    python = [sys.executable, "-m"]
    trials = _points(mode)
    common = [f"--config={FILE}:{mode}", f"--workdir={folder}"]
    if name == "lstmx, a process a trial":
        return [
            [
                *(*python, "experiments.train", *common),
                *(f"--config.{key}={value}" for key, value in point.items()),
            ]
            for point in trials
        ]
    if name in WAYS:
        mask = str(name == "lstmx, masked widths").lower()
        return [[*python, "experiments.search", *common, f"--mask_widths={mask}"]]
    config = study.get_config(mode)
    size = Size(config.task.batch_size, config.task.length, 2, 0)
    widths = [point["model.cell.hidden_size"] for point in trials]
    # Every process has its share of the trials, so that imports are paid once by each.
    return [
        [
            *(*python, child.__name__, "trials"),
            json.dumps(
                {
                    "library": LOOPS[name],
                    "size": list(size),
                    "widths": widths[first::AT_ONCE],
                    "steps": config.steps,
                    "device": device,
                }
            ),
        ]
        for first in range(AT_ONCE)
    ]


def _points(mode: str) -> list[dict[str, Any]]:
    asked = study.search(mode)
    found = search.points(asked, 0, asked.trials or 0)
    return [dict(search.point(asked, values, number)) for number, values in enumerate(found)]


def _seconds(lines: Sequence[Words], folder: str) -> float | str:
    """Seconds until all processes have ended, `AT_ONCE` at a time; or the error of one."""
    root = str(FILE.parents[2])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    # Compiled programs of this turn only: none is left from an earlier one.
    environment = {**os.environ, "PYTHONPATH": paths, "XDG_CACHE_HOME": f"{folder}/cache"}
    waiting, running = list(lines), list[subprocess.Popen[bytes]]()
    began = time.perf_counter()
    try:
        with tempfile.TemporaryFile() as said:
            while waiting or running:
                while waiting and len(running) < AT_ONCE:
                    running.append(
                        subprocess.Popen(
                            waiting.pop(0), cwd=root, env=environment, stdout=said, stderr=said
                        )
                    )
                time.sleep(0.01)
                for process in [p for p in running if p.poll() is not None]:
                    running.remove(process)
                    if process.returncode:
                        said.seek(0)
                        last = said.read().decode("utf-8", "replace").strip().splitlines()
                        return f"not measured: {last[-1] if last else process.returncode}"
    finally:
        for process in running:
            process.kill()
            process.wait()
    return time.perf_counter() - began


def markdown(rows: Sequence[Row]) -> str:
    """A line per way."""
    first = rows[0]
    caption = (
        f"A study of {first.trials} random trials of an LSTM on the adding problem, "
        f"T={first.T}, B={first.B}, {first.steps} updates of Adam; every "
        "trial has a hidden size of its own, log-uniform in 20 to 100. From the start of the first "
        "process to the end of the last one, compilation included; the folder of compiled programs "
        f"is empty before. lstmx writes logs and checkpoints, and evaluates; a search is one "
        f"process on all cores, a process a trial means {AT_ONCE} at a time. Peers: the loop of "
        f"table Sweeps, {AT_ONCE} processes with half of the trials each; they train only, and "
        "write nothing. Trials per hour: median (best). Ratio of medians (of minima)."
    )
    lines = [[row.name, text.rate(row.rate, row.times), text.ratio(row.over_flax)] for row in rows]
    table = tables.markdown(["", "trials per hour", "over flax"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Trials per hour by contestant."""
    lines = {row.name: {"median": row.rate.median} for row in rows if row.rate}
    return {"search": draw.dots(lines, "trials per hour", zero=True)}
