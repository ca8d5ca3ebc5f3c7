"""The record of a checkpoint: its run, its log points, and the digests of arrays and files."""

import base64
import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

METADATA = "_CHECKPOINT_METADATA"
"""The JSON file in which orbax keeps the custom metadata of a step."""
FILES = "lstmx_files.json"
"""The list of a step's files: path -> SHA-256. Absent after a kill just before it was written."""

Points = Sequence[Mapping[str, Any]]


class Damaged(ValueError):
    """A checkpoint that cannot be read, or that belongs to another run."""


class Record(NamedTuple):
    """What a checkpoint says of itself.

    Attributes:
        run: id of the run that wrote it; "" in checkpoints of versions before 0.2.
        digest: SHA-256 of its arrays and of this record; "" likewise.
        points: the run's log points up to this step, None likewise.
        step: the step it was written at, 0 likewise: a folder may have been renamed.
        interim: it was written because the run was stopped, between two regular checkpoints.
    """

    run: str
    digest: str
    points: list[dict[str, Any]] | None
    step: int
    interim: bool


def metadata(tree: Any, run: str, step: int, points: Points, interim: bool) -> dict[str, Any]:
    """What a checkpoint is to say of itself, as JSON."""
    about = {"run": run, "step": step, "log": _packed(points), "interim": interim}
    return {**about, "digest": _digest(tree, about)}


def record(folder: Path, step: int) -> Record:
    """What the checkpoint of a step says of itself; reads no arrays, so checks no digest.

    Raises:
        Damaged: its metadata are not there or cannot be read.
    """
    file = folder / str(step) / METADATA
    try:
        found = json.loads(file.read_text("utf-8"))["custom_metadata"] or {}
        if not found:
            return Record("", "", None, 0, False)
        return Record(
            str(found["run"]),
            str(found["digest"]),
            _unpacked(found["log"]),
            int(found["step"]),
            bool(found["interim"]),
        )
    except (OSError, ValueError, KeyError, TypeError, zlib.error) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise Damaged(f"{file} cannot be read ({reason})") from error


def without_nan(points: Points) -> list[dict[str, Any]]:
    """Log points as JSON has them: null for what is not finite."""
    endless = lambda value: isinstance(value, float) and not math.isfinite(value)
    return [{k: None if endless(v) else v for k, v in point.items()} for point in points]


def with_nan(points: Points) -> list[dict[str, Any]]:
    """Log points from JSON: NaN for null."""
    return [{k: math.nan if v is None else v for k, v in point.items()} for point in points]


def _packed(points: Points) -> str:
    """Log points as compressed text: a tenth of their JSON, in which NaN is null."""
    text = json.dumps(without_nan(points), separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode("ascii")


def _unpacked(text: str) -> list[dict[str, Any]]:
    return with_nan(json.loads(zlib.decompress(base64.b64decode(text, validate=True))))


def list_files(place: Path) -> None:
    """Write the digests of all files of a step into it."""
    (place / FILES).write_text(json.dumps(_file_digests(place)), "utf-8")


def check_files(place: Path) -> None:
    """Refuse a step of which a listed file is missing or changed. Raises Damaged."""
    listed = place / FILES
    if not listed.exists():
        return
    try:
        known = dict(json.loads(listed.read_text("utf-8")))
        found = _file_digests(place)
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(f"{listed} cannot be read ({error})") from error
    for name, digest in known.items():
        if found.get(name) != digest:
            state = "damaged" if name in found else "missing"
            raise Damaged(f"{place / name} is {state}")


def check_arrays(place: Path, known: Record, tree: Any) -> None:
    """Refuse arrays that are not those that were written. Raises Damaged."""
    if not known.digest:
        return
    log = _packed(known.points or ())
    about = {"run": known.run, "step": known.step, "log": log, "interim": known.interim}
    if _digest(tree, about) != known.digest:
        raise Damaged(f"{place} is damaged: its arrays are not those that were written")


def _file_digests(place: Path) -> dict[str, str]:
    return {
        file.relative_to(place).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(place.rglob("*"))
        if file.is_file() and file.name != FILES
    }


def _digest(tree: Any, about: Mapping[str, Any]) -> str:
    """SHA-256 of all arrays with their names, types and shapes, and of what is said about them.

    Names do not tell a NamedTuple from the dict of its fields, nor a tuple from a list: without
    the structure to restore into, orbax gives dicts and lists.
    """
    whole = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    named = {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    for name in sorted(named):
        array = named[name]
        whole.update(f"{name} {array.dtype.name} {array.shape} ".encode())
        whole.update(array.tobytes())
    return whole.hexdigest()
