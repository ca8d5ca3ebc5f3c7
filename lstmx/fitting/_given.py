"""What a user gives as X and y, as padded arrays; errors say what would be right."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstmx import checks
from lstmx.data import arrays

KINDS = ("classification", "regression")
PLACES = ("last", "every")
MOST_CLASSES = 100
"""More classes than this, and more than half as many as labels: rather numbers than classes."""


def values(
    X: Any, lengths: Any = None, mask: Any = None, *, tokens: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Values [N, T, X] float32, or tokens [N, T] int32, and the mask [N, T].

    Args:
        X: an array [N, T, X], an array [N, T] of one feature or of tokens, or a list of N arrays
            [T_n, X] or [T_n] of any lengths.
        lengths: [N] number of steps of each sequence, the rest is padding.
        mask: [N, T] True at the steps that exist; instead of lengths.
        tokens: size of the vocabulary; above 0, X has tokens.

    Raises:
        ValueError: another shape or type, or both lengths and mask.
    """
    checks.size("tokens", tokens, 0)
    whole, real = _stacked("X", X)
    if whole.dtype.kind not in "fiub":
        raise ValueError(f"X is of type {whole.dtype}; expected numbers")
    if whole.ndim not in ((2,) if tokens else (2, 3)):
        shapes = "tokens [N, T]" if tokens else "[N, T, X], or [N, T] for one feature"
        hint = "; one series becomes windows first" if whole.ndim == 1 else ""
        raise ValueError(f"X has the shape {whole.shape}; expected {shapes}{hint}")
    if 0 in whole.shape:
        raise ValueError(f"X has the shape {whole.shape}; expected no empty axis")
    if lengths is not None and mask is not None:
        raise ValueError("got lengths and mask; expected one of both")
    if lengths is not None:
        real = real & (np.arange(whole.shape[1]) < _lengths(lengths, whole.shape)[:, None])
    elif mask is not None:
        given = np.asarray(mask)
        if given.shape != whole.shape[:2] or given.dtype != np.bool_:
            raise ValueError(
                f"mask is {given.dtype} {given.shape}; expected bool {whole.shape[:2]}"
            )
        real = real & given
    if tokens:
        if whole.dtype.kind not in "iu":
            raise ValueError(f"X is of type {whole.dtype}; expected whole numbers as tokens")
        here = whole[real]
        if here.size and not 0 <= here.min() <= here.max() < tokens:
            raise ValueError(
                f"X has tokens from {here.min()} to {here.max()}; expected 0 to {tokens - 1}"
            )
        return np.where(real, whole, 0).astype(np.int32), real
    wide = whole if whole.ndim == 3 else whole[..., None]
    wide = np.where(real[..., None], wide, 0)
    if (wrong := np.abs(wide) > arrays.LARGEST).any():
        raise ValueError(f"X holds {wide[wrong][0]}; expected at most {arrays.LARGEST:g}")
    if (empty := ~real.any(axis=1)).any():
        raise ValueError(f"mask has no step of sequence {int(np.argmax(empty))}; expected some")
    return arrays.single("X", wide), real


def kind_of(y: Any, kind: str) -> str:
    """The kind that is asked for, or, of "auto", that of the type of y: floats are numbers."""
    if kind != "auto":
        return str(checks.one_of("kind", kind, KINDS))
    first = _stacked("y", y)[0]
    return "regression" if first.dtype.kind == "f" else "classification"


def place_of(y: Any, at: str, kind: str, steps: int) -> str:
    """Whether y has a target for the "last" step or for "every" one, asked for or by its shape.

    Raises:
        ValueError: numbers [N, T], which are T targets of the last step or one of every step.
    """
    if at != "auto":
        return str(checks.one_of("at", at, PLACES))
    whole, _ = _stacked("y", y)
    if kind == "regression" and whole.ndim == 2 and whole.shape[1] == steps > 1:
        raise ValueError(
            f"y has the shape {whole.shape} with T={steps}: say at='every' for a number at every "
            f"step, or at='last' for {steps} numbers at the last one"
        )
    return "every" if whole.ndim > (2 if kind == "regression" else 1) else "last"


def targets(y: Any, real: np.ndarray, kind: str, at: str) -> np.ndarray:
    """Targets in the shape of `arrays.Part`: numbers float32, labels of classes as they are.

    Raises:
        ValueError: a shape that does not fit the sequences, or numbers that are not finite.
    """
    count, steps = real.shape
    whole, own = _stacked("y", y)
    if at == "every" and own.shape == real.shape and not own.all():
        # Arrays of several lengths: those of X, or their padding would be targets.
        lengths, ends = own.sum(axis=1), steps - np.argmax(real[:, ::-1], axis=1)
        if (other := lengths != ends).any():
            n = int(np.argmax(other))
            raise ValueError(
                f"y has {lengths[n]} targets for sequence {n} of X, which has {ends[n]} steps; "
                "expected one for each step"
            )
    if kind == "classification":
        expected = (count,) if at == "last" else (count, steps)
        if whole.shape != expected:
            hint = ""
            if whole.shape in ((count, 1), (count, steps, 1)):
                hint = "; of a column they are y[..., 0]"
            elif whole.ndim > 1 and set(np.unique(whole).tolist()) <= {0, 1}:
                hint = "; of one-hot rows they are y.argmax(-1)"
            raise ValueError(f"y has the shape {whole.shape}; expected labels {expected}{hint}")
        return _plain(whole)
    if whole.dtype.kind not in "fiub":
        raise ValueError(f"y is of type {whole.dtype}; expected numbers")
    lead = (count,) if at == "last" else (count, steps)
    wide = whole[..., None] if whole.ndim == len(lead) else whole
    if wide.ndim != len(lead) + 1 or wide.shape[:-1] != lead or not wide.shape[-1]:
        hint = ""
        if at == "last" and wide.ndim == 3:
            # Keras broadcasts such targets in silence: the network learns their mean.
            hint = ", one target a sequence; at='every' is a target at every step"
        raise ValueError(f"y has the shape {whole.shape}; expected {(*lead, 'Y')} or {lead}{hint}")
    counted = wide if at == "last" else np.where(real[..., None], wide, 0)
    if not np.isfinite(counted).all() or np.abs(counted).max() > arrays.LARGEST:
        raise ValueError(
            f"y holds numbers that are not finite or above {arrays.LARGEST:g}; leave such "
            "sequences out, or mask the steps"
        )
    return arrays.single("y", counted)


def numbered(labels: Sequence[np.ndarray], reals: Sequence[np.ndarray]) -> np.ndarray:
    """The different labels of all parts, sorted, at the steps that exist.

    Raises:
        ValueError: one class only, or so many that they are rather numbers.
    """
    found = [y[real] if y.ndim == 2 else y for y, real in zip(labels, reals)]
    total = sum(len(one) for one in found)
    classes = np.unique(np.concatenate(found))
    if len(classes) < 2:
        raise ValueError(f"y has one class, {classes.tolist()[0]!r}; expected at least two")
    if len(classes) > MOST_CLASSES and 2 * len(classes) > total:
        raise ValueError(
            f"y has {len(classes)} different values among {total}; for numbers say "
            "kind='regression'"
        )
    return classes


def classes_of(labels: np.ndarray, real: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The number of the class of each label, int32; 0 at padding.

    Raises:
        ValueError: a label that is not among the classes.
    """
    at = np.searchsorted(classes, labels).clip(0, len(classes) - 1)
    known = classes[at] == labels
    if labels.ndim == 2:
        known, at = known | ~real, np.where(real, at, 0)
    if not known.all():
        wrong = labels[~known].ravel()[:1].tolist()[0]
        raise ValueError(
            f"y has the label {wrong!r}; expected one of {checks.shown(classes.tolist())}"
        )
    return at.astype(np.int32)


def _stacked(what: str, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """An array with N first, and [N, T] which steps exist; sequences of any lengths are padded."""
    if isinstance(given, list | tuple) or str(getattr(given, "dtype", "")) == "object":
        members = [np.asarray(one) for one in given]
        if members and all(one.ndim for one in members):
            if len({one.shape for one in members}) > 1:
                dtype = np.result_type(*members)
                return arrays.padded(members, dtype)
            given = np.stack(members)
    whole = np.asarray(given)
    if whole.ndim < 1 or not len(whole):
        raise ValueError(f"{what} has the shape {whole.shape}; expected at least one sequence")
    return whole, np.ones(whole.shape[:2], bool)


def _lengths(lengths: Any, shape: tuple[int, ...]) -> np.ndarray:
    given = np.asarray(lengths)
    if given.shape != shape[:1] or given.dtype.kind not in "iu":
        raise ValueError(
            f"lengths are {given.dtype} {given.shape}; expected whole numbers {shape[:1]}"
        )
    if given.min() < 1 or given.max() > shape[1]:
        raise ValueError(
            f"lengths go from {given.min()} to {given.max()}; expected 1 to {shape[1]}"
        )
    return given


def _plain(labels: np.ndarray) -> np.ndarray:
    """Labels as an array that a file can hold: no objects."""
    if labels.dtype == object:
        labels = np.asarray(labels.tolist())
    if labels.dtype.kind not in "iubUf":
        raise ValueError(f"y is of type {labels.dtype}; expected whole numbers or texts as labels")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError("y has missing labels (NaN); expected a label for each")
    return labels
