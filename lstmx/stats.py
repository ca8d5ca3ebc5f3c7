"""Small-sample statistics over seeds: intervals, tests and curves. Agarwal et al. 2021.

Three to five seeds are usual. Functions return `nan` where a sample is too small: one seed has no
interval, and two constant samples have no variance for a test.
"""

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lstmx.types import reaches

NO_INTERVAL = (float("nan"), float("nan"))
MOST_SPLITS = 20_000
"""Up to this number a permutation test takes every split; that is up to 8 against 8 seeds."""


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
    sample = _sample(values)
    if not 0 < level < 1:
        raise ValueError(f"got level={level}; expected a number between 0 and 1")
    if sample.size == 1:
        return NO_INTERVAL
    if np.ptp(sample) == 0:
        # The mean of equal numbers need not be that number in floating point.
        return float(sample[0]), float(sample[0])
    picks = np.random.default_rng(seed).integers(sample.size, size=(resamples, sample.size))
    tail = (1 - level) / 2
    low, high = np.quantile(sample[picks].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def interquartile_mean(values: ArrayLike) -> float:
    """The mean without the lowest and the highest quarter (of fewer than 4 values: the mean).

    Raises:
        ValueError: no values, or values that are not finite.
    """
    return float(stats.trim_mean(_sample(values), 0.25))


def steps_to(
    curve: Iterable[tuple[int, float | None]], threshold: float, *, maximize: bool
) -> int | None:
    """The first step of a curve at which it reaches the threshold; None if it never does.

    Args:
        curve: (step, value) in ascending order of the steps; None and nan never reach it.
        threshold: the value to reach, inclusive.
        maximize: True for values of at least the threshold, False for at most.
    """
    for step, value in curve:
        if value is not None and reaches(value, threshold, maximize=maximize):
            return step
    return None


def welch(first: ArrayLike, second: ArrayLike) -> float:
    """The two-sided p value of Welch's t-test for different means; nan without any variance.

    Raises:
        ValueError: an empty sample, or values that are not finite.
    """
    a, b = _sample(first), _sample(second)
    if min(a.size, b.size) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return float("nan")
    return float(stats.ttest_ind(a, b, equal_var=False).pvalue)


def permutation(
    first: ArrayLike, second: ArrayLike, *, resamples: int = 10_000, seed: int = 0
) -> float:
    """The two-sided p value of a permutation test for different means. Fisher 1935, section 21.

    The share of the splits of all values into two samples of these sizes whose means differ by at
    least as much. Without ties none is below 2 / C(2 n, n) for n against n values: 0.1 for 3.

    >>> permutation([1, 2, 3], [7, 8, 9])
    0.1

    Args:
        first: [n] finite values, one per seed.
        second: [m] finite values.
        resamples: number of random splits, the observed one not counted, where there are more than
            `MOST_SPLITS`.
        seed: of the random splits.

    Raises:
        ValueError: an empty sample, or values that are not finite.
    """
    a, b = _sample(first), _sample(second)
    pooled, n = np.concatenate([a, b]), a.size
    pooled = pooled - pooled.mean()  # sums are then as accurate as the deviations
    splits = math.comb(pooled.size, n)
    if splits <= MOST_SPLITS:
        picks = np.array(list(itertools.combinations(range(pooled.size), n)))
        sums, extra = pooled[picks].sum(axis=1), 0
    else:
        rows = np.broadcast_to(pooled, (resamples, pooled.size))
        sums = np.random.default_rng(seed).permuted(rows, axis=1)[:, :n].sum(axis=1)
        extra = 1  # the observed split is one of all: no p value is 0
    # With the values given, the difference of the means is a linear function of one sum.
    rounding = 1e-9 * np.abs(pooled).sum()
    as_far = np.abs(sums) >= abs(pooled[:n].sum()) - rounding
    return float((as_far.sum() + extra) / (as_far.size + extra))


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
    if not 0 < level < 1:
        raise ValueError(f"got level={level}; expected a number between 0 and 1")
    interval = stats.binomtest(successes, trials).proportion_ci(level)
    return float(interval.low), float(interval.high)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values with Holm's correction for multiple comparisons, in the same order. Holm 1979.

    A nan is not a comparison: it remains nan and does not count.
    """
    p = np.asarray(p_values, float)
    adjusted = np.full(p.shape, np.nan)
    order = [int(k) for k in np.argsort(p) if not np.isnan(p[k])]
    # Ascending; an adjusted value is never below that of a smaller p value.
    largest = 0.0
    for rank, k in enumerate(order):
        largest = max(largest, min(1.0, float(p[k]) * (len(order) - rank)))
        adjusted[k] = largest
    return [float(q) for q in adjusted]


def probability_of_improvement(first: ArrayLike, second: ArrayLike, *, maximize: bool) -> float:
    """The fraction of pairs in which the run of `first` is better than that of `second`.

    A tie counts as half.

    Raises:
        ValueError: an empty sample, or values that are not finite.
    """
    lead = _sample(first)[:, None] - _sample(second)[None, :]
    if not maximize:
        lead = -lead
    return float(np.mean((lead > 0) + 0.5 * (lead == 0)))


def _sample(values: ArrayLike) -> np.ndarray:
    sample = np.asarray(values, float).ravel()
    if sample.size == 0:
        raise ValueError("got no values; expected one or more")
    if not np.isfinite(sample).all():
        raise ValueError(f"got {sample.tolist()}; expected finite values only")
    return sample
