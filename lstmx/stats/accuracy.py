"""Forecasts compared: the Diebold-Mariano test, scores of quantiles, conformal intervals."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

FEWEST = 8
"""The fewest origins for a test: below, a variance over origins says nothing."""


class Compared(NamedTuple):
    """A test of equal accuracy.

    Attributes:
        difference: mean loss of the first forecast minus that of the second; below 0 the first is
            better.
        statistic: of the test; NaN where it cannot be computed.
        p: two-sided p value; NaN too.
        size: number of losses.
    """

    difference: float
    statistic: float
    p: float
    size: int


def diebold_mariano(first: ArrayLike, second: ArrayLike, horizon: int = 1) -> Compared:
    """The test of equal expected loss of two forecasts, with small-sample correction.

    Diebold & Mariano 1995: the mean difference d of losses over its standard error, whose variance
    sums autocovariances up to lag h - 1, as errors of h-step forecasts overlap. Harvey, Leybourne &
    Newbold 1997, eq. 9: times sqrt((n + 1 - 2 h + h (h - 1) / n) / n), against Student's t with
    n - 1 degrees of freedom. The rectangular window of the former can give a negative variance;
    Bartlett's weights (Newey & West 1987) replace it there.

    Args:
        first: [n] losses, one per origin in order of time; NaN where the truth is missing.
        second: [n] losses of the other forecast on the same targets.
        horizon: h, the number of origins whose targets overlap. Fewer than 2 h losses tell nothing
            of the variance of their mean: there is no test then.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"got losses {a.shape} and {b.shape}; expected two of one shape [n]")
    known = np.isfinite(a - b)
    d = np.where(known, a - b, 0.0)
    n = int(known.sum())
    mean = float(d.sum() / n) if n else math.nan
    h = horizon
    if n < max(FEWEST, 2 * h) or not np.any(d):
        return Compared(mean, math.nan, math.nan, n)
    # A lag counts origins, missing ones too: products with one of these are left out of the sums,
    # which with the divisor n are still those of a positive definite sequence (Parzen 1963).
    centred = np.where(known, d - mean, 0.0)
    covariances = np.array([centred[lag:] @ centred[: len(d) - lag] / n for lag in range(h)])
    variance = covariances[0] + 2 * covariances[1:].sum()
    if variance <= 0:
        weights = 1 - np.arange(1, h) / h
        variance = covariances[0] + 2 * (weights * covariances[1:]).sum()
    if variance <= 0:
        return Compared(mean, math.nan, math.nan, n)
    corrected = math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    statistic = corrected * mean / math.sqrt(variance / n)
    return Compared(mean, statistic, float(2 * stats.t.sf(abs(statistic), n - 1)), n)


def pinball(truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> np.ndarray:
    """Twice the pinball loss [..., K] of quantiles [..., K] at levels [K] for truth [...].

    Twice, so that of the median it is the absolute error. Its mean over many levels approximates
    the continuous ranked probability score. Gneiting & Raftery 2007, eq. 20.
    """
    y = np.asarray(truth, float)[..., None]
    level = np.asarray(levels, float)
    miss = y - np.asarray(quantiles, float)
    return 2 * np.maximum(level * miss, (level - 1) * miss)


def weighted_quantile_loss(truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> float:
    """The pinball losses of all targets and levels over the sum of absolute truths: WQL.

    NaN where the truth is missing is left out. Park et al. 2022, sec. 5.
    """
    y = np.asarray(truth, float)
    losses = pinball(y, quantiles, levels).mean(axis=-1)
    known = np.isfinite(y) & np.isfinite(losses)
    total = np.abs(y[known]).sum()
    return float(losses[known].sum() / total) if total else math.nan


def conformal(scores: ArrayLike, coverage: float) -> np.ndarray:
    """The margin that the score of one more exchangeable case stays below with this probability.

    The ceil((n + 1) coverage)-th smallest of n scores: its coverage is at least `coverage`, and at
    most 1 / (n + 1) more without ties. Vovk et al. 2005; Lei et al. 2018, theorem 2.2.

    Args:
        scores: [n, ...] of calibration cases; NaN where missing.
        coverage: between 0 and 1.

    Returns:
        [...]; infinite where there are too few cases.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage={coverage}; expected a number between 0 and 1")
    ordered = np.sort(np.asarray(scores, float), axis=0)  # NaN at the end
    count = np.isfinite(ordered).sum(axis=0)
    # Rounded first: 0.9 times 10 is 9.000000000000002 in another order of operations.
    place = np.ceil(np.round((count + 1) * coverage, 9)).astype(int) - 1
    enough = place < count
    at = np.minimum(place, len(ordered) - 1)
    return np.where(enough, np.take_along_axis(ordered, at[None], axis=0)[0], np.inf)
