"""Faults in a job that trains, each injected at a random moment of it.

A fault is a function of a bench and a folder whose job is not finished. It starts the job, disturbs
it, and returns in a word what came of it. It raises `Missed` where the job had ended before, and
`Wrong` where something was lost, hung, or was not said in one line. Whether the job can go on, the
caller sees.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lstmx import runs
from lstmx.runs import checkpoint
from tests.faults.bench import Bench, Missed, Wrong, clean, end, logged
from tests.launching import Ended, Started

Fault = Callable[[Bench, Path], str]
Moment = Callable[[Bench, Path, Started], None]
ENDS = {
    signal.SIGKILL: (-9, ""),
    signal.SIGTERM: (143, "terminated"),
    signal.SIGINT: (130, "interrupted"),
}
"""Signal -> exit code and the word that says so."""
START = 0.4
"""Seconds in which a job parses its command line, reads its recipe and starts JAX."""
CLOCK = """
import time
_now, _from = time.time, time.time() + {after}
time.time = lambda: _now() - (400 * 86400 if _now() >= _from else 0)
"""
FILES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, resource.RLIM_INFINITY))
"""


def anywhere(bench: Bench, folder: Path, job: Started) -> None:
    """Any moment of the job."""
    del folder
    bench.pause(job)


def at_start(bench: Bench, folder: Path, job: Started) -> None:
    """Before it trains."""
    del folder
    bench.pause(job, START)


def in_checkpoint(bench: Bench, folder: Path, job: Started) -> None:
    """While a checkpoint is being written, any of them."""
    left = _being_written(folder)  # by a job that was killed
    for _ in range(bench.random.randrange(1, 4)):
        while job.runs() and not _being_written(folder) - left:
            time.sleep(0.0005)


def _being_written(folder: Path) -> set[Path]:
    """The temporary folders of checkpoints; none while one of them goes away."""
    with contextlib.suppress(FileNotFoundError):
        return set(folder.glob("runs/*/*/checkpoints/*tmp*"))
    return set()


def sent(number: signal.Signals, moment: Moment = anywhere, times: int = 1) -> Fault:
    """A signal, once or several times; what was logged before one of them is saved."""

    def fault(bench: Bench, folder: Path) -> str:
        there = _logged(folder)
        job = bench.start(folder)
        moment(bench, folder, job)
        before = {
            path: steps for path, steps in _logged(folder).items() if there.get(path) != steps
        }
        for n in range(times):
            time.sleep(bench.random.uniform(0, 0.3) if n else 0)
            job.send(number)
        ended = end(job, times)
        stopped(ended, number)
        if times == 1 and number != signal.SIGKILL:
            _nothing_lost(before)
        return "stopped"

    return fault


def while_compiling(number: signal.Signals) -> Fault:
    """A signal while XLA compiles, which takes no notice of signals: no program is cached."""

    def fault(bench: Bench, folder: Path) -> str:
        with tempfile.TemporaryDirectory() as empty:
            job = bench.start(folder, XDG_CACHE_HOME=empty)
            bench.pause(job)
            job.send(number)
            stopped(end(job, 1), number)
        return "stopped"

    return fault


def stopped(ended: Ended, number: signal.Signals) -> None:
    code, word = ENDS[number]
    if ended.code == 0:
        raise Missed
    if number == signal.SIGKILL:
        return
    early = ended.err.rstrip().endswith("KeyboardInterrupt")
    if ended.code == -number or (early and "_app.run(" not in ended.err):
        raise Missed("the launcher had not begun yet: Python itself ended")
    clean(ended, code)
    if ended.err.splitlines()[-1] != f"{word}; the same command resumes":
        raise Wrong(f"the last line is not the one that it should be: {ended.err[-800:]}")


def _logged(folder: Path) -> dict[Path, list[int]]:
    """The steps that each run has logged so far."""
    found = runs.find(folder / "runs")
    return {path: [point["step"] for point in runs.read_metrics(path)] for path in found}


def _nothing_lost(before: dict[Path, list[int]]) -> None:
    """What this job had logged before the signal is in a checkpoint."""
    for path, steps in before.items():
        saved = max(checkpoint.steps(path / "checkpoints"), default=0)
        if steps and not (path / "DONE").exists() and saved < steps[-1]:
            raise Wrong(f"{path}: logged step {steps[-1]}, saved step {saved}")


def two_processes(bench: Bench, folder: Path) -> str:
    """The same command twice at once."""
    first = bench.start(folder)
    bench.pause(first, START)
    ended = [job.wait() for job in (first, bench.start(folder))]
    for one in ended:
        clean(one, 0, 2)
    if all(one.code == 2 for one in ended):
        raise Wrong("both were refused")
    if not any(one.code for one in ended):
        raise Missed  # one after the other
    return "one refused"


def changed(how: str) -> Fault:
    """What belongs to the runs is taken away or written to by somebody else in mid run."""

    def fault(bench: Bench, folder: Path) -> str:
        runs_of, elsewhere = folder / "runs" / "tiny", folder / "elsewhere"
        job = bench.start(folder)
        until = logged(folder) + bench.random.randrange(1, 15)
        while job.runs() and logged(folder) < until:
            time.sleep(0.002)
        whole = False
        with contextlib.suppress(OSError):  # a file that was made meanwhile
            if how == "removed":
                shutil.rmtree(runs_of)
                whole = True
            elif how == "renamed":
                runs_of.rename(elsewhere)
            elif open_ones := [p for p in runs.find(runs_of) if not (p / "DONE").exists()]:
                with (bench.random.choice(open_ones) / "metrics.jsonl").open("a") as log:
                    log.write('{"step": 3, "train/loss": 0.5}\nnot JSON\n')
        ended = end(job)
        clean(ended, 0, 2)
        if how == "removed" and not whole:  # what the job made while it was being removed
            shutil.rmtree(runs_of, ignore_errors=True)
        if how == "renamed" and elsewhere.exists():
            # Renamed when all was written, it had ended but for its process.
            late = all((path / "DONE").exists() for path in runs.find(elsewhere))
            if not ended.code and not late:
                raise Wrong("it ended as if finished, though its folder is another")
            shutil.rmtree(elsewhere)
        if not ended.code and how != "written to":
            raise Missed
        return "said in one line" if ended.code else "mended"

    return fault


@contextlib.contextmanager
def _own_disk(place: Path, kilobytes: int) -> Iterator[None]:
    """Put a folder on a file system of its own for a while. Raises Missed where none may be."""
    before = place.with_name("before")
    place.mkdir(exist_ok=True)
    shutil.copytree(place, before)
    options = f"size={kilobytes}k"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        shutil.rmtree(before)
        raise Missed("this user may not mount a file system")
    try:
        shutil.copytree(before, place, dirs_exist_ok=True)
        shutil.rmtree(before)
        yield
        shutil.copytree(place, before)
    finally:
        subprocess.run(["umount", place], check=True)
        if before.exists():
            shutil.rmtree(place)
            before.rename(place)


def _size(folder: Path) -> int:
    return sum(4096 + file.stat().st_size // 4096 * 4096 for file in folder.rglob("*"))


def full_disk(bench: Bench, folder: Path) -> str:
    """The disk has room for a part of what the job writes."""
    there, more = _size(folder / "runs"), _size(bench.whole / "runs")
    room = there + bench.random.randrange(40_000, max(60_000, more - there))
    with _own_disk(folder / "runs", 20 + room // 1000):
        ended = end(bench.start(folder))
        clean(ended, 0, 2)
    return _refused(ended)


def read_only_disk(bench: Bench, folder: Path) -> str:
    """The disk becomes read-only."""
    with _own_disk(folder / "runs", 50_000):
        job = bench.start(folder)
        bench.pause(job)
        remount = ["mount", "-o", "remount,ro", str(folder / "runs")]
        # Refused by the kernel while a file is being written: then try again.
        while job.runs() and subprocess.run(remount, capture_output=True).returncode:
            time.sleep(0.002)
        ended = end(job)
        clean(ended, 0, 2)
    return _refused(ended)


def small_files(bench: Bench, folder: Path) -> str:
    """The system refuses files beyond a size."""
    recipe = folder / "tiny.py"
    text = recipe.read_text("utf-8")
    largest = max(file.stat().st_size for file in (bench.whole / "runs").rglob("*"))
    recipe.write_text(FILES.format(bench.random.randrange(100, largest)) + text, "utf-8")
    ended = end(bench.start(folder))
    recipe.write_text(text, "utf-8")
    clean(ended, 0, 2)
    return _refused(ended)


def little_memory(bench: Bench, folder: Path) -> str:
    """The system refuses memory from some moment on: all of it, or all but some megabytes."""
    job = bench.start(folder)
    bench.pause(job)
    bound = _memory(job.process) + bench.random.choice([0, 1 << 20, 1 << 23, 1 << 26])
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(job.process, resource.RLIMIT_AS, (bound, resource.RLIM_INFINITY))
    ended = end(job)
    # Where C++ asks for memory in a place that cannot fail, the process is aborted: as by a kill.
    if ended.code not in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS):
        clean(ended, 0, 2)
        return _refused(ended)
    return f"ended by {signal.Signals(-ended.code).name}"


def _memory(process: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 1 << 30


def _refused(ended: Ended) -> str:
    if not ended.code:
        raise Missed
    return "said in one line"


def clock(running: bool) -> Fault:
    """The clock is set back by more than a year, before the job goes on or in the middle of it."""

    def fault(bench: Bench, folder: Path) -> str:
        after = bench.random.uniform(0, bench.seconds) if running else 0
        recipe = folder / "tiny.py"
        text = recipe.read_text("utf-8")
        recipe.write_text(CLOCK.format(after=after) + text, "utf-8")
        job = bench.start(folder)
        bench.pause(job, 2 * bench.seconds)
        job.send(signal.SIGTERM)
        ended = end(job, 1)
        recipe.write_text(text, "utf-8")
        if ended.code == -signal.SIGTERM:
            raise Missed("the launcher had not begun yet: the system ended Python")
        clean(ended, 0, 143)
        for path in runs.find(folder / "runs"):
            if len(list(path.glob("events.out.*"))) > 1:
                raise Wrong(f"{path}: event files of two clocks")
        return "no difference"

    return fault


RUNNING: dict[str, Fault] = {
    "kill -9": sent(signal.SIGKILL),
    "kill -9 in a checkpoint": sent(signal.SIGKILL, in_checkpoint),
    "kill -9 at the start": sent(signal.SIGKILL, at_start),
    "SIGTERM": sent(signal.SIGTERM),
    "SIGTERM in a checkpoint": sent(signal.SIGTERM, in_checkpoint),
    "SIGTERM at the start": sent(signal.SIGTERM, at_start),
    "SIGTERM while compiling": while_compiling(signal.SIGTERM),
    "Ctrl-C": sent(signal.SIGINT),
    "Ctrl-C in a checkpoint": sent(signal.SIGINT, in_checkpoint),
    "Ctrl-C at the start": sent(signal.SIGINT, at_start),
    "Ctrl-C while compiling": while_compiling(signal.SIGINT),
    "Ctrl-C twice": sent(signal.SIGINT, times=2),
    "two processes": two_processes,
    "folder removed": changed("removed"),
    "folder renamed": changed("renamed"),
    "log written to": changed("written to"),
    "disk full": full_disk,
    "disk read-only": read_only_disk,
    "file size limit": small_files,
    "memory limit": little_memory,
    "clock set back before": clock(running=False),
    "clock set back in a run": clock(running=True),
}
"""Every fault by its name."""
