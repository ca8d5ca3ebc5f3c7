"""Every kind of fault: it is injected into a bench, and the outcome is checked.

A kind is a function of a bench that returns in a word what came of it, and raises `Wrong` where
something is lost, corrupted, or not said in one line.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lstmx import checkpoint, runs
from tests.faults.bench import BACKWARDS, RECIPE, Bench, Wrong, clean, logged

Kind = Callable[[Bench], str]
SIGNALS = {signal.SIGTERM: (143, "terminated"), signal.SIGINT: (130, "interrupted")}


def kill(bench: Bench) -> str:
    """Kill -9 at two random moments of one job."""
    folder = bench.copy("new")
    for _ in range(2):
        job = bench.launch.start(bench.words, folder)
        bench.pause(job)
        job.send(signal.SIGKILL)
        job.wait()
    bench.settle(folder)
    return "resumed"


def kill_in_checkpoint(bench: Bench) -> str:
    """Kill -9 while a checkpoint is being written."""
    folder = bench.copy("half")
    job = bench.launch.start(bench.words, folder)
    while job.runs() and not list(folder.rglob("checkpoints/*tmp*")):
        time.sleep(0.0005)
    job.send(signal.SIGKILL)
    job.wait()
    bench.settle(folder)
    return "resumed"


def stop(sent: signal.Signals, times: int = 1) -> Kind:
    """A signal at a random moment; what was logged before it is saved."""

    def kind(bench: Bench) -> str:
        folder = bench.copy("new")
        job = bench.launch.start(bench.words, folder)
        bench.pause(job)
        before = {path: runs.read_metrics(path) for path in runs.find(folder / "runs")}
        for _ in range(times):
            job.send(sent)
        ended = job.wait()
        code, word = SIGNALS[sent]
        clean(ended, 0, code)
        if ended.code == code:
            if ended.err.splitlines()[-1] != f"{word}; the same command resumes":
                raise Wrong(f"the last line is not the one that it should be: {ended.err}")
            if times == 1:
                _nothing_lost(before)
        bench.settle(folder)
        return "saved and resumed" if ended.code else "had ended"

    return kind


def _nothing_lost(before: dict[Path, list]) -> None:
    for path, points in before.items():
        saved = max(checkpoint.steps(path / "checkpoints"), default=0)
        done = runs.read_done(path)
        if points and done is None and saved < points[-1]["step"]:
            raise Wrong(f"{path}: logged step {points[-1]['step']}, saved step {saved}")


def kill_in(launcher: str) -> Kind:
    """Kill -9 in a launcher that reads runs; they stay as they are, and it can be started again."""

    def kind(bench: Bench) -> str:
        folder = bench.copy("whole")
        path = bench.one(folder).relative_to(folder)
        words = {"report": "report --workdir=runs", "evaluate": f"evaluate --run={path}"}[launcher]
        job = bench.launch.start(words, folder)
        bench.pause(job)
        job.send(signal.SIGKILL)
        job.wait()
        clean(bench.launch(words, folder), 0)
        bench.settle(folder)
        return "started again"

    return kind


def spoil(name: str, way: str, of: str = "half") -> Kind:
    """A file or folder of a run is spoilt while nobody runs it."""

    def kind(bench: Bench) -> str:
        folder = bench.copy(of)
        path = bench.one(folder)
        if name == "checkpoint":
            steps = checkpoint.steps(path / "checkpoints")
            inside = path / "checkpoints" / str(steps[-1])
            files = sorted(f for f in inside.rglob("*") if f.is_file())
            place = inside if way in ("removed", "replaced") else bench.random.choice(files)
        else:
            place = path / name
        _spoil(bench, place, way)
        bench.settle(folder)
        return "mended"

    return kind


def _spoil(bench: Bench, place: Path, way: str) -> None:
    if way == "removed":
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    elif way == "replaced":  # by the checkpoint of another run, if there is another one
        shutil.rmtree(place)
        other = bench.random.choice(runs.find(bench.whole))
        if steps := checkpoint.steps(other / "checkpoints"):
            shutil.copytree(other / "checkpoints" / str(steps[-1]), place)
    else:
        content = bytearray(place.read_bytes() if place.exists() else b"")
        where = bench.random.randrange(max(1, len(content)))
        if way == "bit" and content:
            content[where] ^= 1 << bench.random.randrange(8)
        elif way == "cut":
            del content[where:]
        elif way == "emptied":
            content.clear()
        elif way == "garbage":
            content[where:where] = bench.random.randbytes(40)
        elif way == "a list":
            content[:] = b"[1, 2, 3]"
        place.write_bytes(bytes(content))


def empty_step(bench: Bench) -> str:
    """An empty folder that is named like a later step."""
    folder = bench.copy("half")
    (bench.one(folder) / "checkpoints" / "99999").mkdir(parents=True)
    bench.settle(folder)
    return "mended"


def lock_left(bench: Bench) -> str:
    """The lock file of a process that is gone."""
    folder = bench.copy("half")
    (bench.one(folder) / "LOCK").write_text("1234")
    bench.settle(folder)
    return "resumed"


def two_processes(bench: Bench) -> str:
    """The same command twice at once."""
    folder = bench.copy("half")
    jobs = [bench.launch.start(bench.words, folder) for _ in range(2)]
    ended = [job.wait() for job in jobs]
    for one in ended:
        clean(one, 0, 2)
    if all(one.code == 2 for one in ended):
        raise Wrong("both were refused")
    bench.settle(folder)
    return "one was refused" if any(one.code for one in ended) else "one after the other"


def taken_away(how: str) -> Kind:
    """The folder of the runs is removed or renamed in mid run."""

    def kind(bench: Bench) -> str:
        folder = bench.copy("new")
        job = bench.launch.start(bench.words, folder)
        while job.runs() and logged(folder) < 1 + bench.random.randrange(20):
            time.sleep(0.002)
        with contextlib.suppress(OSError):  # a file that was made meanwhile
            if how == "removed":
                shutil.rmtree(folder / "runs" / "tiny")
            else:
                (folder / "runs" / "tiny").rename(folder / "elsewhere")
        ended = job.wait()
        clean(ended, 0, 2)
        shutil.rmtree(folder / "elsewhere", ignore_errors=True)
        bench.settle(folder)
        return "told" if ended.code else "had ended"

    return kind


@contextlib.contextmanager
def _small_disk(place: Path, kilobytes: int) -> Iterator[bool]:
    """A file system of its own at a folder, where this user may mount one."""
    place.mkdir(parents=True)
    options = f"size={kilobytes}k"
    mounted = not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True
    ).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", place], check=True)


def disk(how: str) -> Kind:
    """The disk is full, or becomes read-only, in mid run."""

    def kind(bench: Bench) -> str:
        folder = bench.copy("new")
        size = bench.random.randrange(40, 900) if how == "full" else 50_000
        with _small_disk(folder / "runs", size) as mounted:
            if not mounted:
                return "skipped: this user may not mount a file system"
            job = bench.launch.start(bench.words, folder)
            if how == "read-only":
                bench.pause(job)
                remount = ["mount", "-o", "remount,ro", folder / "runs"]
                # Refused by the kernel while a file is being written: then try again.
                while job.runs() and subprocess.run(remount, capture_output=True).returncode:
                    time.sleep(0.005)
            ended = job.wait()
            clean(ended, 0, 2)
            subprocess.run(["mount", "-o", "remount,rw,size=50m", folder / "runs"], check=True)
            bench.settle(folder)
        return "told and resumed" if ended.code else "had ended"

    return kind


def limit(what: int, low: int, high: int) -> Kind:
    """The system limits the process in mid run: the size of files, or its memory."""

    def kind(bench: Bench) -> str:
        folder = bench.copy("half")
        job = bench.launch.start(bench.words, folder)
        bench.pause(job)
        bound = bench.random.randrange(low, high)
        if what == resource.RLIMIT_AS:
            bound += _memory(job.process)
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(job.process, what, (bound, bound))
        ended = job.wait()
        if what != resource.RLIMIT_AS:
            clean(ended, 0, 2)
        bench.settle(folder)
        if not ended.code:
            return "had ended"
        return "told and resumed" if ended.code == 2 else f"ended with {ended.code}, resumed"

    return kind


def _memory(process: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 1 << 30


def clock(bench: Bench) -> str:
    """The clock was set back before the command is started again."""
    folder = bench.copy("half")
    (folder / "tiny.py").write_text(BACKWARDS + RECIPE)
    clean(bench.launch(bench.words, folder), 0)
    path = bench.one(folder)
    if len(list(path.glob("events.out.*"))) != 1:
        raise Wrong(f"{path}: event files of two clocks")
    (folder / "tiny.py").write_text(RECIPE)
    bench.settle(folder)
    return "resumed"


KINDS: dict[str, Kind] = {
    "kill -9": kill,
    "kill -9 in a checkpoint": kill_in_checkpoint,
    "SIGTERM": stop(signal.SIGTERM),
    "Ctrl-C": stop(signal.SIGINT),
    "Ctrl-C twice": stop(signal.SIGINT, 2),
    "kill -9 in a report": kill_in("report"),
    "kill -9 in evaluate": kill_in("evaluate"),
    **{
        f"checkpoint: {way}": spoil("checkpoint", way)
        for way in ("bit", "cut", "emptied", "garbage", "removed", "replaced")
    },
    "checkpoint: empty later step": empty_step,
    **{
        f"{name}: {way}": spoil(name, way)
        for name in ("metrics.jsonl", "config.json", "meta.json")
        for way in ("bit", "cut", "emptied", "garbage", "a list", "removed")
        if (name, way) != ("config.json", "bit")
    },
    **{
        f"DONE: {way}": spoil("DONE", way, "whole")
        for way in ("cut", "emptied", "garbage", "a list", "removed")
    },
    "LOCK left": lock_left,
    "two processes": two_processes,
    "folder removed": taken_away("removed"),
    "folder renamed": taken_away("renamed"),
    "disk full": disk("full"),
    "disk read-only": disk("read-only"),
    "file size limit": limit(resource.RLIMIT_FSIZE, 100, 60_000),
    "memory limit": limit(resource.RLIMIT_AS, 0, 1 << 26),
    "clock set back": clock,
}
"""Every kind by its name. A NaN is in all sweeps: one of the replicas diverges."""
