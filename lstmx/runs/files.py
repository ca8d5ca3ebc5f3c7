"""The small files of a run directory: JSON, written atomically, and the lock."""

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ValueError: the file is missing, is not JSON, or contains something other than an object.
    """
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{file} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{file} is damaged ({reason})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} is damaged (a JSON {type(content).__name__}; expected an object)")
    return content


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically: a kill leaves the old content or the new one."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    os.replace(part, file)


@contextlib.contextmanager
def locked(path: Path, *, timeout: float = 0) -> Iterator[None]:
    """Hold the lock of a run; the system releases it when the process ends, however it ends.

    Args:
        path: the folder of the run.
        timeout: seconds to wait for another process.

    Raises:
        ValueError: another process holds it.
    """
    lock = filelock.FileLock(path / "LOCK", timeout=timeout)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ValueError(
            f"{path} is being written by another process; wait for it or choose another --workdir"
        ) from None
    try:
        yield
    finally:
        lock.release()


def portable(command: str | Sequence[str]) -> str:
    """A command line of `meta.json` for readers elsewhere: of absolute paths the last part is left.

    >>> portable("python -m experiments.train --workdir=/data/me/runs")
    'python -m experiments.train --workdir=runs'
    """
    text = command if isinstance(command, str) else " ".join(map(str, command))
    return re.sub(r"(?<![^\s='\"])/[^\s'\"]*/(?=[^/\s])", "", text)
