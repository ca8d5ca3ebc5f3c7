"""Files of a run, spoilt while nobody runs it: what can be mended is, and the damage is named."""

import shutil
from collections.abc import Callable
from pathlib import Path

from lstmx import runs
from lstmx.runs import checkpoint
from tests.faults.bench import Bench, Wrong, clean, lines_about

STEPS = {"a step not saved": b'"step": 44', "an older step": b'"step": 40'}
"""What DONE may say instead of the last step."""
Spoil = Callable[[Bench, Path], Path | None]
"""Spoils something of a run directory; returns the path that must then be named, None where nothing
need be said."""


def checkpoint_by(way: str) -> Spoil:
    """The latest checkpoint, or a file of it."""

    def spoil(bench: Bench, run: Path) -> Path | None:
        folder = run / "checkpoints"
        latest = folder / str(checkpoint.steps(folder)[-1])
        if way == "of an older step":  # under the name of the next one
            return Path(shutil.copytree(latest, folder / str(int(latest.name) + 8)))
        if way == "empty later step":
            (folder / "99999").mkdir()
            return folder / "99999"
        if way == "removed":
            shutil.rmtree(latest)
            return None  # an older one is as good
        if way == "of another seed":  # of the same step
            strange = sorted(bench.place.glob("foreign/runs/*/*/checkpoints/[0-9]*"))[-1]
            shutil.rmtree(latest)
            shutil.copytree(strange, latest)
        else:
            files = sorted(file for file in latest.rglob("*") if file.is_file())
            file = bench.random.choice(files)
            if not _change(bench, file, way):
                return None
        return latest

    return spoil


def file_by(name: str, way: str) -> Spoil:
    """A file of the run directory."""

    def spoil(bench: Bench, run: Path) -> Path | None:
        file = run / name
        before = file.read_bytes()
        _change(bench, file, way)
        harmless = way == "bit" or (file.exists() and file.read_bytes().strip() == before.strip())
        # A log may be longer than its checkpoint: what it loses behind it is done again. A run
        # without DONE is one that was stopped.
        silent = name == "metrics.jsonl" or (name, way) == ("DONE", "removed")
        return None if harmless or silent else file

    return spoil


def _change(bench: Bench, file: Path, way: str) -> bool:
    """Change a file; whether its content is another one."""
    if way in ("removed", "file removed"):
        file.unlink()
        return True
    before = file.read_bytes()
    content = bytearray(before)
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
    elif way == "foreign lines":
        content += b'{"step": 4, "train/loss": 0.5}\n{"step": 999, "eval/mse": 0.0}\n[]\n'
    elif way in STEPS:
        content[:] = content.replace(b'"step": 48', STEPS[way])
    file.write_bytes(bytes(content))
    return bytes(content) != before


def lock_left(bench: Bench, run: Path) -> None:
    """The lock file of a process that is gone."""
    del bench
    (run / "LOCK").write_text("1234")


def check_said(kind: str, said: str, path: Path | None) -> None:
    """The output names what was spoilt. Raises Wrong where it does not."""
    if path is not None and not lines_about(said, path):
        raise Wrong(f"{kind}: {path} was spoilt and is not named: {said[-1500:]}")


def lose_log(bench: Bench, folder: Path, way: str) -> str:
    """The log of a run that diverged, of which no checkpoint has a copy: the loss is told."""
    run = bench.random.choice(runs.find(folder / "runs"))
    count = len(runs.load(run).metrics)
    _change(bench, run / "metrics.jsonl", way)
    found = runs.load(run)
    if len(found.metrics) < count and not (found.lost and found.remarks):
        raise Wrong(f"{run}: {len(found.metrics)} of {count} log points, and no word of it")
    clean(ended := bench.launch("report --workdir=runs", folder), 0)
    if found.lost and not lines_about(ended.out, run):
        raise Wrong(f"{run}: lost {found.lost}, and the report does not say so: {ended.out[-800:]}")
    return "told"


HALF: dict[str, Spoil] = {
    **{
        f"checkpoint: {way}": checkpoint_by(way)
        for way in ("bit", "cut", "emptied", "garbage", "file removed", "removed")
    },
    "checkpoint of another seed": checkpoint_by("of another seed"),
    "checkpoint of an older step": checkpoint_by("of an older step"),
    "empty folder of a later step": checkpoint_by("empty later step"),
    **{
        f"{name}: {way}": file_by(name, way)
        for name in ("metrics.jsonl", "config.json", "meta.json")
        for way in ("cut", "emptied", "garbage", "a list", "removed")
    },
    # A bit of config.json may make another config of it, which is refused and not mended.
    "meta.json: bit": file_by("meta.json", "bit"),
    "metrics.jsonl: bit": file_by("metrics.jsonl", "bit"),
    "metrics.jsonl: foreign lines": file_by("metrics.jsonl", "foreign lines"),
    "LOCK left": lock_left,
}
"""What is spoilt in a run that was killed, by its name."""
WHOLE: dict[str, Spoil] = {
    f"DONE: {way}": file_by("DONE", way)
    for way in ("cut", "emptied", "garbage", "a list", "removed", *STEPS)
}
"""What is spoilt in a run that had ended."""
LOG_LOST = ("cut", "emptied", "garbage", "removed")
