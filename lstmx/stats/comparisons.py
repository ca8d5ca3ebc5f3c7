"""Tests of two samples for different means, and corrections for several tests."""

import itertools
import math
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lstmx.stats._samples import sample

MOST_SPLITS = 20_000
"""Up to this number a permutation test takes every split; that is up to 8 against 8 seeds."""


def welch(first: ArrayLike, second: ArrayLike) -> float:
    """The two-sided p value of Welch's t-test for different means; nan without any variance.

    Raises:
        ValueError: an empty sample, or values that are not finite.
    """
    a, b = sample(first), sample(second)
    if min(a.size, b.size) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return float("nan")
    with warnings.catch_warnings():
        # SciPy warns of a sample whose values are equal, whose variance of 0 is right.
        warnings.simplefilter("ignore", RuntimeWarning)
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
    a, b = sample(first), sample(second)
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


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """p values times the number of comparisons, at most 1, in the same order. Dunn 1961.

    Never below those of `holm`, which holds under the same conditions. A nan is not a comparison:
    it remains nan and does not count.

    >>> bonferroni([0.01, float("nan"), 0.6])
    [0.02, nan, 1.0]
    """
    p = np.asarray(p_values, float)
    return [float(q) for q in np.minimum(p * np.isfinite(p).sum(), 1)]
