"""The space that points were drawn from: one dimension each, and its scale.

Shares of variance are about the distribution of the points. That of a log-uniform learning rate is
even on the log scale; on the linear one nine tenths of it lie in the last tenth.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Dimension(NamedTuple):
    """A hyperparameter and its range.

    Attributes:
        name: of the hyperparameter.
        low: lower end, inclusive.
        high: upper end, inclusive.
        log: whether the range is even on the log scale.
        integer: whether values are whole numbers: each has the share of the range from half below
            to half above it.
        choices: the values of a choice, all as likely; () for a range.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    integer: bool = False
    choices: tuple[Any, ...] = ()


def check(dimension: Dimension) -> None:
    """Refuse a dimension that is none.

    Raises:
        ValueError: fewer than two choices or a repeated one, an empty range, a log scale from 0.
    """
    name, low, high, log, _, choices = dimension
    if choices:
        if len(choices) < 2 or any(c in choices[:k] for k, c in enumerate(choices)):
            raise ValueError(f"{name}: got choices {choices}; expected two or more different ones")
    elif not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name}: got {low} to {high}; expected an ascending, finite range")
    elif log and low <= 0:
        raise ValueError(f"{name}: got {low} to {high} on the log scale; expected positive ends")


def to_unit(dimension: Dimension, values: ArrayLike) -> np.ndarray:
    """Values [n] as shares of the searched range, from 0 to 1; of a choice, its number.

    >>> to_unit(Dimension("rate", 1e-6, 1e-2, log=True), [1e-6, 1e-3]).round(9).tolist()
    [0.0, 0.75]

    Raises:
        ValueError: values outside of the range or the choices.
    """
    if dimension.choices:
        found = np.asarray(values, object).ravel().tolist()
        unknown = [v for v in found if v not in dimension.choices]
        if unknown:
            raise ValueError(
                f"{dimension.name}: got {unknown[0]!r}; expected one of {dimension.choices}"
            )
        return np.array([dimension.choices.index(v) for v in found])
    x = np.asarray(values, float).ravel()
    # A hair of room: a value that was written with fewer digits may be just outside.
    low, high = dimension.low, dimension.high
    room = 1e-9 * (high - low)
    outside = ~((x >= low - room) & (x <= high + room))
    if outside.any():
        raise ValueError(f"{dimension.name}: got {x[outside][0]:g}; expected {low:g} to {high:g}")
    begin, end = ends(dimension)
    scaled = np.log(x) if dimension.log else x
    return np.clip((scaled - begin) / (end - begin), 0, 1)


def from_unit(dimension: Dimension, shares: ArrayLike) -> np.ndarray:
    """Shares of a range [n] as values; whole numbers are rounded."""
    begin, end = ends(dimension)
    scaled = begin + np.asarray(shares, float) * (end - begin)
    values = np.exp(scaled) if dimension.log else scaled
    if dimension.integer:
        return np.clip(np.round(values), dimension.low, dimension.high)
    return np.clip(values, dimension.low, dimension.high)


def ends(dimension: Dimension) -> tuple[float, float]:
    """The ends of a range on its scale; those of whole numbers half beyond them."""
    half = 0.5 if dimension.integer else 0.0
    low, high = dimension.low - half, dimension.high + half
    return (math.log(low), math.log(high)) if dimension.log else (low, high)
