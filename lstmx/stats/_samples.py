"""What the statistics share: a checked sample, an estimate with its interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

NO_INTERVAL = (float("nan"), float("nan"))


class Estimate(NamedTuple):
    """A statistic with its interval.

    Attributes:
        value: the statistic of the sample.
        low: lower end of the interval; nan where the sample is too small for one.
        high: upper end.
    """

    value: float
    low: float
    high: float


def sample(values: ArrayLike) -> np.ndarray:
    """The values as a vector [n].

    Raises:
        ValueError: no values, or values that are not finite.
    """
    found = np.asarray(values, float).ravel()
    if found.size == 0:
        raise ValueError("got no values; expected one or more")
    if not np.isfinite(found).all():
        raise ValueError(f"got {found.tolist()}; expected finite values only")
    return found


def tail(level: float) -> float:
    """The probability beyond each end of an interval with this coverage.

    Raises:
        ValueError: a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"got level={level}; expected a number between 0 and 1")
    return (1 - level) / 2


def resampled(generator: np.random.Generator, size: int, resamples: int) -> np.ndarray:
    """How often each of `size` values occurs in each resample, [resamples, size].

    Sums over a resample are then matrix products.
    """
    picks = generator.integers(size, size=(resamples, size))
    picks += size * np.arange(resamples)[:, None]
    return np.bincount(picks.ravel(), minlength=resamples * size).reshape(resamples, size)
