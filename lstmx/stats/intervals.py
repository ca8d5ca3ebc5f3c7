"""Intervals of a mean over few seeds, and of a share.

The percentile bootstrap of few values covers too seldom. `experiments/measured/coverage.md` has how
often each method covers by simulation; `mean_interval` is the one that the report shows.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lstmx.stats import _rows
from lstmx.stats._samples import NO_INTERVAL, resampled, sample, tail

FEWEST_FOR_SKEWNESS = 4
"""Three say little about skewness: of normal ones the correction gives 1.75 times the width."""


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """The interval of the mean by Student's t, corrected for skewness (Hall 1992), (low, high).

    At 4 to 20 values it covers as well as the studentised bootstrap, which is wider and random:
    .92 for ten log-normal values of which the percentile bootstrap covers .81. With two or three
    values it is t as it is. Runs of which some fail need more than ten, whatever the method.

    >>> [round(end, 2) for end in mean_interval([1.0, 2.0, 3.0, 4.0, 20.0])]
    [-0.54, 38.32]

    Args:
        values: [n] finite values, one per seed; one gives (nan, nan).
        level: coverage, between 0 and 1.

    Raises:
        ValueError: no values, values that are not finite, or a level outside (0, 1).
    """
    few = sample(values).size < FEWEST_FOR_SKEWNESS
    return _interval(_rows.student if few else _rows.skewed, values, level)


def t_interval(values: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """The interval of the mean by Student's t; arguments as of `mean_interval`.

    >>> [round(end, 2) for end in t_interval([1.0, 2.0, 3.0, 4.0, 20.0])]
    [-3.82, 15.82]
    """
    return _interval(_rows.student, values, level)


def log_t_interval(values: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """The interval of the geometric mean by t on the log scale; as `mean_interval`.

    It is none of the arithmetic mean, which is larger.

    Raises:
        ValueError: as `mean_interval`, or values that are not positive.
    """
    found = sample(values)
    if found.min() <= 0:
        raise ValueError(f"got {found.min():g}; expected positive values for the log scale")
    return _interval(_rows.logarithmic, found, level)


def bootstrap_interval(
    values: ArrayLike, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean, (low, high).

    One value gives (nan, nan). With three values it is their range at the usual level: a resample
    is three times the smallest one in 1 of 27 cases, which is more than 2.5 %.

    Args:
        values: [n] finite values, one per seed.
        level: coverage, between 0 and 1.
        resamples: number of resamples.
        seed: of the resampling, which is reproducible.

    Raises:
        ValueError: no values, values that are not finite, or a level outside (0, 1).
    """
    found, out = sample(values), tail(level)
    if found.size == 1:
        return NO_INTERVAL
    if np.ptp(found) == 0:
        # The mean of equal numbers need not be that number in floating point.
        return float(found[0]), float(found[0])
    picks = np.random.default_rng(seed).integers(found.size, size=(resamples, found.size))
    low, high = np.quantile(found[picks].mean(axis=1), [out, 1 - out])
    return float(low), float(high)


def bca_interval(
    values: ArrayLike, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """The bias-corrected, accelerated bootstrap interval; as `bootstrap_interval`. Efron 1987."""
    return _interval(_rows.bca, values, level, resamples, seed)


def studentised_interval(
    values: ArrayLike, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """The studentised bootstrap interval; as `bootstrap_interval`. Hall 1988.

    Of three values it is infinite: one resample in nine has no variance.
    """
    return _interval(_rows.studentised, values, level, resamples, seed)


def share_interval(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share, such as that of the seeds that solve a task, (low, high).

    Clopper & Pearson 1934: it covers the true share with at least this probability, for 3 of 3 too.

    >>> [round(end, 3) for end in share_interval(3, 3)]
    [0.292, 1.0]

    Raises:
        ValueError: no trials, successes outside of 0 to trials, or a level outside (0, 1).
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"got {successes} of {trials}; expected 0 to trials, of at least 1 trial")
    tail(level)
    interval = stats.binomtest(successes, trials).proportion_ci(level)
    return float(interval.low), float(interval.high)


def _interval(
    method: Callable[[np.ndarray, float, np.ndarray], _rows.Ends],
    values: ArrayLike,
    level: float,
    resamples: int = 1,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of one sample by a method for many."""
    found = sample(values)
    tail(level)
    if found.size == 1:
        return NO_INTERVAL
    if np.ptp(found) == 0:
        # The mean of equal numbers need not be that number in floating point.
        return float(found[0]), float(found[0])
    counts = resampled(np.random.default_rng(seed), found.size, resamples)
    low, high = method(found[None], level, counts)
    return float(low[0]), float(high[0])
