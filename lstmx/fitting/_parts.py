"""The parts of what a user gives: train, and valid if there is one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstmx import checks
from lstmx.data import arrays
from lstmx.data.arrays import Labelled, Part
from lstmx.fitting import _given


def parts(
    X: Any,
    y: Any,
    kind: str,
    at: str,
    steps: tuple[Any, Any, int],
    split: float,
    data: Sequence[Any] | None,
) -> Labelled:
    """Train, and valid if there is one: the last part of X and y, or data of its own."""
    lengths, mask, tokens = steps
    values, real = _given.values(X, lengths, mask, tokens=tokens)
    kind = _given.kind_of(y, kind)
    at = _given.place_of(y, at, kind, real.shape[1])
    found = {"train": (values, real, _given.targets(y, real, kind, at))}
    checks.rate("validation_split", split)
    if split and data is not None:
        raise ValueError("got validation_split and validation_data; expected one of both")
    if split:
        cut = int(np.floor(len(real) * (1.0 - split)))
        if not 0 < cut < len(real):
            raise ValueError(
                f"validation_split={split} of {len(real)} sequences leaves one part empty"
            )
        whole = found["train"]
        found = {
            "train": tuple(a[:cut] for a in whole),  # type: ignore[dict-item]
            "valid": tuple(a[cut:] for a in whole),  # type: ignore[dict-item]
        }
    elif data is not None:
        found["valid"] = _validation(data, kind, at, tokens)
    classes = None
    if kind == "classification":
        _, reals, given = zip(*found.values())
        classes = _given.numbered(given, reals)
        found = {
            name: (v, r, _given.classes_of(t, r, classes)) for name, (v, r, t) in found.items()
        }
    made = {name: Part(*three) for name, three in found.items()}
    for name, part in made.items():
        arrays.check(name, part, classes)
    return Labelled(made, classes)


def _validation(
    data: Sequence[Any], kind: str, at: str, tokens: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not isinstance(data, list | tuple) or len(data) not in (2, 3):
        raise ValueError("validation_data: expected (X, y), (X, y, lengths) or (X, y, mask)")
    marks = np.asarray(data[2]) if len(data) == 3 else None
    is_mask = marks is not None and marks.dtype == np.bool_
    values, real = _given.values(
        data[0], None if is_mask else marks, marks if is_mask else None, tokens=tokens
    )
    return values, real, _given.targets(data[1], real, kind, at)
