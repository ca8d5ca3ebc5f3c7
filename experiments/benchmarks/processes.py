"""Measurements in a process of their own: memory, and the start of a process itself."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import experiments.benchmarks.child as child
from experiments.benchmarks.contestant import Size

TIMEOUT = 600.0  # seconds; the longest measurement takes 20
CACHE = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def long(size: Size, *, engine: str, remat_every: int | None) -> dict[str, Any] | str:
    """One long sequence: {"seconds": of each call, "bytes": at the peak, "size": of gradients}.

    A line that says why, where it failed.
    """
    asked = {"size": list(size), "engine": engine, "remat_every": remat_every}
    said = _run("long", asked, {})[0]
    return json.loads(said) if said.startswith("{") else said


def start(name: str, size: Size, device: str, cache: Path) -> float | str:
    """Seconds from the start of a process to the end of its first training step, or why not.

    Args:
        name: a contestant of `experiments.benchmarks.child.STARTS`.
        cache: folder of compiled programs; empty for a cold start.
    """
    asked = {"name": name, "size": list(size), "device": device}
    said, seconds = _run("start", asked, {**CACHE, "JAX_COMPILATION_CACHE_DIR": str(cache)})
    return seconds if said == child.READY else said


def _run(what: str, asked: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, float]:
    """(first line that the process printed, or why it printed none; seconds until then)."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", child.__name__, what, json.dumps(asked)]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    began = time.perf_counter()
    with tempfile.TemporaryFile(
        "w+", encoding="utf-8", errors="replace"
    ) as errors:  # a pipe nobody reads would stop the process
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", env=settings
        )
        clock = threading.Timer(TIMEOUT, process.kill)
        clock.start()
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        seconds = time.perf_counter() - began
        process.communicate()
        clock.cancel()
        errors.seek(0)
        lines = errors.read().strip().splitlines()
    if first:
        return first, seconds
    said = lines[-1] if lines else f"exit code {process.returncode} after {seconds:.0f} s"
    return f"not measured: {said}", seconds
