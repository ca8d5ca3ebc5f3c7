"""Measurements in child processes: memory, and the time that a process takes to start."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import experiments.benchmarks.child as child
from experiments.benchmarks.contestant import Size

TIMEOUT = 600.0  # seconds; the longest measurement takes 300
CACHE = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


class Long(NamedTuple):
    """What a process says of a long sequence.

    Attributes:
        seconds: of each call.
        bytes: of memory at the peak.
        size: of the gradients, the sum of their magnitudes.
    """

    seconds: list[float]
    bytes: int
    size: float


def long(
    size: Size, *, engine: str, remat_every: int | tuple[int, int] | None, last: bool = False
) -> Long | str:
    """Forward and backward over one long sequence; the error message, if it failed.

    Args:
        last: differentiate the output of the last step alone.
    """
    options = {"size": list(size), "engine": engine, "remat_every": remat_every, "last": last}
    line = _run("long", options, {})[0]
    return Long(**json.loads(line)) if line.startswith("{") else line


def start(name: str, size: Size, device: str, cache: Path) -> float | str:
    """Seconds from the start of a process to the end of its first training step, or the error.

    Args:
        name: a contestant of `experiments.benchmarks.child.STARTS`.
        cache: folder of compiled programs; empty for a cold start.
    """
    options = {"name": name, "size": list(size), "device": device}
    line, seconds = _run("start", options, {**CACHE, "JAX_COMPILATION_CACHE_DIR": str(cache)})
    return seconds if line == child.READY else line


def _run(
    what: str, options: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[str, float]:
    """(the first line that the process printed, or an error message; seconds until then)."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", child.__name__, what, json.dumps(options)]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    start_time = time.perf_counter()
    with tempfile.TemporaryFile(
        "w+", encoding="utf-8", errors="replace"
    ) as errors:  # a file: a full pipe that no one reads would block the process
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", env=settings
        )
        clock = threading.Timer(TIMEOUT, process.kill)
        clock.start()
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        seconds = time.perf_counter() - start_time
        process.communicate()
        clock.cancel()
        errors.seek(0)
        lines = errors.read().strip().splitlines()
    if first:
        return first, seconds
    message = lines[-1] if lines else f"exit code {process.returncode} after {seconds:.0f} s"
    return f"not measured: {message}", seconds
