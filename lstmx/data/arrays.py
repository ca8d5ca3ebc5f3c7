"""Labelled sequences as arrays: padding, and files of NumPy's format npz.

A file has the arrays `<part>_values`, `<part>_mask` and `<part>_targets` of train and, if they are
there, of valid and test; for classification also `classes`, the labels in their order. Its name has
the beginning of its sha256: equal data have one file, and a run knows its data again.
"""

import hashlib
import io
import os
import tempfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmx.data import packed

PARTS = ("train", "valid", "test")
FIELDS = ("values", "mask", "targets")
LARGEST = 1e18
"""The largest absolute value; see `lstmx.data.timeseries.MOST`."""


LOSS = 1e-3
"""The largest error of rounding to float32, in standard deviations of a column."""


class Part(NamedTuple):
    """N labelled sequences, padded to one length.

    Attributes:
        values: [N, T, X] float32, NaN where missing; or [N, T] int32 tokens.
        mask: [N, T] bool, False at padding.
        targets: one for each sequence, int32 classes [N] or float32 numbers [N, Y]; or one for each
            step, [N, T] or [N, T, Y].
    """

    values: np.ndarray
    mask: np.ndarray
    targets: np.ndarray


class Labelled(NamedTuple):
    """Parts of labelled sequences.

    Attributes:
        parts: train, and valid and test if they are there.
        classes: labels in the order of the classes' numbers; None for numbers as targets.
    """

    parts: Mapping[str, Part]
    classes: np.ndarray | None = None


def padded(sequences: Sequence[Any], dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Arrays [T_n, ...] of several lengths as one [N, T, ...], and its mask [N, T].

    Raises:
        ValueError: no sequence, an empty one, or some that differ in more than the first axis.
    """
    arrays = [np.asarray(one) for one in sequences]
    if not arrays:
        raise ValueError("no sequences; expected at least one")
    for number, one in enumerate(arrays):
        if one.ndim < 1 or not len(one) or one.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"sequence {number} has the shape {one.shape}, the first one {arrays[0].shape}; "
                "expected [T, X] with at least one step, and the same X in all"
            )
    lengths = np.array([len(one) for one in arrays])
    values = np.zeros((len(arrays), lengths.max(), *arrays[0].shape[1:]), dtype)
    for row, one in zip(values, arrays):
        row[: len(one)] = one
    return values, np.arange(lengths.max()) < lengths[:, None]


def single(what: str, values: np.ndarray) -> np.ndarray:
    """Values [..., X] as float32.

    Raises:
        ValueError: a column whose rounding would be seen beside its deviation.
    """
    rounded = values.astype(np.float32)
    columns = values.reshape(-1, values.shape[-1]).astype(np.float64)
    known = np.where(np.isfinite(columns), columns, np.nan)
    if not known.size or np.isnan(known).all():
        return rounded
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without a value
        loss = np.nanmax(np.abs(known - known.astype(np.float32)), axis=0)
        spread = np.nanstd(known, axis=0)
    if (lost := loss > LOSS * spread).any() and spread[int(np.argmax(lost))] > 0:
        c = int(np.argmax(lost))
        raise ValueError(
            f"{what}: column {c} has values near {np.nanmean(known[:, c]):.6g} that differ by "
            f"{spread[c]:.3g}, which float32 cannot hold; subtract an offset first"
        )
    return rounded


def save(folder: Path, labelled: Labelled) -> str:
    """Write a file to a folder, unless it is there; returns its name.

    Raises:
        OSError: the folder cannot be written.
    """
    arrays = {
        f"{name}_{field}": getattr(part, field)
        for name, part in labelled.parts.items()
        for field in FIELDS
    }
    if labelled.classes is not None:
        arrays["classes"] = labelled.classes
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    data = content.getvalue()
    place = folder / f"arrays-{hashlib.sha256(data).hexdigest()[:16]}.npz"
    if not place.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".part-", delete=False) as part:
            part.write(data)
        os.replace(part.name, place)
    return place.name


def load(place: Path) -> Labelled:
    """The parts in a file.

    Raises:
        ValueError: no file of this kind, or arrays that do not fit each other.
        OSError: the file cannot be opened.
    """
    stream = io.BytesIO(place.read_bytes())
    try:
        with np.load(stream, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except (*packed.BROKEN, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ValueError(f"{place} is not an npz file: {packed.one_line(error)}") from None
    classes = arrays.pop("classes", None)
    known = {f"{name}_{field}" for name in PARTS for field in FIELDS}
    if other := sorted(set(arrays) - known):
        raise ValueError(f"{place}: unknown array {other[0]!r}; known: {', '.join(sorted(known))}")
    parts = {}
    for name in PARTS:
        found = {field: arrays.get(f"{name}_{field}") for field in FIELDS}
        if name != "train" and all(array is None for array in found.values()):
            continue
        for field, array in found.items():
            if array is None:
                raise ValueError(f"{place} has no array {name}_{field}")
        parts[name] = Part(**{field: np.asarray(array) for field, array in found.items()})
        check(f"{place}: {name}", parts[name], classes)
    for name, part in parts.items():
        _check_alike(f"{place}: {name}", part, parts["train"])
    return Labelled(parts, classes)


def check(what: str, part: Part, classes: np.ndarray | None) -> None:
    """Refuse arrays that do not fit each other.

    Args:
        what: begins the message.
        part: the arrays.
        classes: the labels of classes; None where targets are numbers.

    Raises:
        ValueError: a wrong type or shape, a sequence without a step, a value that is not finite.
    """
    values, mask, targets = part
    token = values.ndim == 2 and values.dtype == np.int32
    if not token and (values.ndim != 3 or values.dtype != np.float32 or not values.shape[2]):
        raise ValueError(
            f"{what}: values are {values.dtype} {values.shape}; expected float32 [N, T, X], or "
            "tokens as int32 [N, T]"
        )
    count, steps = values.shape[:2]
    if not count or mask.shape != (count, steps) or mask.dtype != np.bool_:
        raise ValueError(
            f"{what}: the mask is {mask.dtype} {mask.shape}; expected bool {(count, steps)}, at "
            "least one sequence"
        )
    if not mask.any(axis=1).all():
        row = int(np.argmin(mask.any(axis=1)))
        raise ValueError(f"{what}: sequence {row} has no step; expected at least one")
    if token and int(values.min()) < 0:
        raise ValueError(f"{what}: token {int(values.min())}; expected 0 or more")
    shapes = [(count,), (count, steps)] if classes is not None else []
    wide = targets.shape[-1:]
    shapes = shapes or [(count, *wide), (count, steps, *wide)]
    kind = np.int32 if classes is not None else np.float32
    if targets.shape not in shapes or targets.dtype != kind or 0 in targets.shape:
        names = " or ".join(map(str, shapes))
        raise ValueError(
            f"{what}: targets are {targets.dtype} {targets.shape}; expected {np.dtype(kind)} "
            f"{names}"
        )
    if classes is not None and not 0 <= int(targets.min()) <= int(targets.max()) < len(classes):
        raise ValueError(f"{what}: a class is not within 0 to {len(classes) - 1}")
    for field, array in (("values", values), ("targets", targets)):
        wrong = np.abs(array) > LARGEST
        if field == "targets":
            wrong |= ~np.isfinite(array)
        if wrong.any():
            raise ValueError(
                f"{what}: {field} hold {array[wrong][0]}; expected finite numbers of at most "
                f"{LARGEST:g}"
            )


def _check_alike(what: str, part: Part, train: Part) -> None:
    """Refuse a part of another number of features or targets than train."""
    for field, first in (("values", 2), ("targets", 1)):
        have, want = getattr(part, field), getattr(train, field)
        if have.ndim != want.ndim or (have.ndim > first and have.shape[-1] != want.shape[-1]):
            if field == "targets" and have.ndim == want.ndim == 2 and have.dtype == np.int32:
                continue  # classes of every step: lengths of parts may differ
            raise ValueError(
                f"{what}: {field} have the shape {have.shape}, in train {want.shape}; expected the "
                "same features"
            )
