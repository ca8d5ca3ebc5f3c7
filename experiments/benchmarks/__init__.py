"""Benchmarks of lstmx, its peers and the limit of the machine: tables and figures.

    python -m experiments.benchmark --out=benchmark

Importing this package imports no jax.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.benchmarks import store, tables
from experiments.benchmarks.tables import DEVICES, NAMES, Part, Settings
from lstmx import checks


def check(only: Sequence[str], settings: Settings) -> list[str]:
    """The requested tables, in the order of `NAMES`; all of them if `only` is empty.

    Raises:
        ValueError: an unknown table or device, or fewer than one repeat.
    """
    for name in only:
        checks.one_of("table", name, NAMES)
    checks.one_of("device", settings.device, DEVICES)
    if settings.repeats < 1:
        raise ValueError(f"repeats={settings.repeats}; expected 1 or more turns")
    return [name for name in NAMES if name in only or not only]


def prepare(device: str) -> None:
    """Choose the devices of JAX through the environment; must be called before jax is imported."""
    if device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    else:
        # Peers and child processes need some of the accelerator's memory too.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def run(
    out: Path | str,
    only: Sequence[str] = (),
    *,
    settings: Settings,
    force: bool = False,
    command: str = "",
) -> list[Path]:
    """Measure the tables that `out` does not hold yet; returns the written files.

    After every part of a table, `benchmark.json` and `benchmark.md` are written again, so that the
    same call resumes after an interruption.

    Args:
        only: names of tables; all if empty.
        force: measure finished tables again.
        command: the command line, for the record.

    Raises:
        ValueError: as `check`; no GPU where one is requested.
        OSError: the folder cannot be written.
    """
    names = check(only, settings)
    _check_device(settings.device)
    from experiments.benchmarks import machine, report

    folder = Path(out)
    stored = store.load(folder)
    todo = []
    for name in names:
        entry = store.table(stored, name, settings, force=force)
        every = tables.load(name).parts(settings)
        parts = [part for part in every if part.name not in entry["parts"]]
        todo += [(name, part) for part in parts]
        if not parts:
            say(f"{name}: measured already; --force measures again")
    report.markdown(stored)  # rows that cannot be read are refused now, not after an hour
    store.save(folder, stored)
    say(_estimate([part for _, part in todo], settings))
    say(machine.sentence(machine.describe(command)))
    if todo and machine.allocator() == machine.DEFAULT:
        tuned = " ".join(f"{name}={value}" for name, value in machine.ALLOCATOR.items())
        say(f"to measure with an allocator that keeps memory, to another --out: {tuned}")
    files = [folder / store.FILE]
    for number, (name, part) in enumerate(todo):
        start_time = time.monotonic()
        entry = store.table(stored, name, settings, force=False)
        say(f"[{number + 1}/{len(todo)}] {name} {part.name}")
        entry["machine"] = machine.describe(command)
        entry["parts"][part.name] = store.written(tables.load(name), part.measure())
        last = number + 1 == len(todo) or todo[number + 1][0] != name
        store.save(folder, stored)
        files = [folder / store.FILE, *report.write(folder, stored)]
        seconds = time.monotonic() - start_time
        say(f"[{number + 1}/{len(todo)}] {name} {part.name}: done in {seconds:.0f} s")
        if last:
            print(f"{report.section(name, settings.device, stored)}\n", flush=True)
    return files if todo else [folder / store.FILE, *report.write(folder, stored)]


def say(line: str) -> None:
    """Print a line of progress to stderr; tables go to stdout."""
    print(line, file=sys.stderr, flush=True)


def _check_device(device: str) -> None:
    """Raise ValueError unless JAX runs on this kind of device; starts jax."""
    import jax

    platform = jax.devices()[0].platform
    if platform != device:
        hint = "; lstmx[cuda13] brings JAX for NVIDIA's" if device == "gpu" else ""
        raise ValueError(f"device={device!r}, but JAX sees {platform} devices only{hint}")


def _estimate(parts: Sequence[Part], settings: Settings) -> str:
    minutes = sum(part.seconds for part in parts) / 60
    if settings.quick or not parts:
        return f"{len(parts)} part(s) to measure"
    return (
        f"{len(parts)} part(s) to measure with repeats={settings.repeats}: about {minutes:.0f} "
        "minutes, estimated for two CPU cores; leave the machine alone meanwhile"
    )
