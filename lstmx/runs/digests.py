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
"""The list of a step's files: path -> SHA-256. Missing after a kill just before it was written."""

Point = dict[str, Any]
"""A log point: step (int), seconds and the value of each metric, NaN where it diverged."""
Points = Sequence[Mapping[str, Any]]
"""Log points in the order of their steps."""


class Damaged(ValueError):
    """A checkpoint that cannot be read, or that belongs to another run."""


class Record(NamedTuple):
    """The metadata that a checkpoint stores on itself.

    Attributes:
        run: id of the run that wrote it; "" in checkpoints of versions before 0.2.
        digest: SHA-256 of its arrays and of this record; "" before 0.2.
        points: the run's log points up to this step; None before 0.2.
        step: the step at which it was written, as its folder may have been renamed; 0 before 0.2.
        interim: whether it was written because the run was stopped, between two regular
            checkpoints.
    """

    run: str
    digest: str
    points: list[Point] | None
    step: int
    interim: bool


def metadata(tree: object, run: str, step: int, points: Points, interim: bool) -> dict[str, Any]:
    """The metadata to store with a checkpoint, as JSON values; `record` reads them back."""
    about = {"run": run, "step": step, "log": _packed(points), "interim": interim}
    return {**about, "digest": _digest(tree, about)}


def record(folder: Path, step: int) -> Record:
    """The metadata of the checkpoint of a step; reads no arrays, so checks no digest.

    Raises:
        Damaged: its metadata are missing or cannot be read.
    """
    file = folder / str(step) / METADATA
    try:
        stored = json.loads(file.read_text("utf-8"))["custom_metadata"] or {}
        if not stored:
            return Record("", "", None, 0, False)
        return Record(
            str(stored["run"]),
            str(stored["digest"]),
            _unpacked(stored["log"]),
            int(stored["step"]),
            bool(stored["interim"]),
        )
    except (OSError, ValueError, KeyError, TypeError, zlib.error) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise Damaged(f"{file} cannot be read ({reason})") from error


def without_nan(points: Points) -> list[dict[str, float | None]]:
    """Log points as JSON stores them: null for what is not finite."""
    not_finite = lambda value: isinstance(value, float) and not math.isfinite(value)
    return [{k: None if not_finite(v) else v for k, v in point.items()} for point in points]


def with_nan(points: Points) -> list[Point]:
    """Log points from JSON: NaN for null."""
    return [{k: math.nan if v is None else v for k, v in point.items()} for point in points]


def _packed(points: Points) -> str:
    """Log points as compressed text: a tenth of their JSON, in which NaN is null."""
    text = json.dumps(without_nan(points), separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode("ascii")


def _unpacked(text: str) -> list[Point]:
    return with_nan(json.loads(zlib.decompress(base64.b64decode(text, validate=True))))


def list_files(place: Path) -> None:
    """Write the digests of all files of a step into its folder."""
    (place / FILES).write_text(json.dumps(_file_digests(place)), "utf-8")


def check_files(place: Path) -> None:
    """Raise Damaged where a listed file of a step is missing or changed."""
    list_file = place / FILES
    if not list_file.exists():
        return
    try:
        listed = dict(json.loads(list_file.read_text("utf-8")))
        present = _file_digests(place)
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(f"{list_file} cannot be read ({error})") from error
    for name, digest in listed.items():
        if present.get(name) != digest:
            state = "damaged" if name in present else "missing"
            raise Damaged(f"{place / name} is {state}")


def check_arrays(place: Path, stored: Record, tree: object) -> None:
    """Raise Damaged where the arrays read are not those that were written."""
    if not stored.digest:
        return
    log = _packed(stored.points or ())
    about = {"run": stored.run, "step": stored.step, "log": log, "interim": stored.interim}
    if _digest(tree, about) != stored.digest:
        raise Damaged(f"{place} is damaged: its arrays are not those that were written")


def _file_digests(place: Path) -> dict[str, str]:
    return {
        file.relative_to(place).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(place.rglob("*"))
        if file.is_file() and file.name != FILES
    }


def _digest(tree: object, about: Mapping[str, object]) -> str:
    """SHA-256 of all arrays with their names, types and shapes, and of their metadata.

    The names are the same for a NamedTuple and the dict of its fields, and for a tuple and a list:
    without the structure to restore into, orbax returns dicts and lists.
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
