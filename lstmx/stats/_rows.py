"""Intervals of the mean for many samples at once, which `intervals` and `coverage` share.

Each takes samples [R, n], a level and the counts [B, n] of resamples (see `_samples.resampled`),
and returns the ends of the intervals, [R] each. In equal values there is nothing to estimate: both
ends are the value.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from lstmx.stats._samples import tail

Ends = tuple[np.ndarray, np.ndarray]
CONSTANT = 1e-9
"""Below this share of the deviation of the sample, that of a resample is rounding."""


def percentile(samples: np.ndarray, level: float, counts: np.ndarray) -> Ends:
    """Quantiles of the means of resamples. Efron 1979."""
    mean = samples.mean(axis=1, keepdims=True)
    shifts = np.sort(_shifts(samples - mean, counts), axis=1)
    out = np.full(len(samples), tail(level))
    return mean[:, 0] + _quantile(shifts, out), mean[:, 0] + _quantile(shifts, 1 - out)


def bca(samples: np.ndarray, level: float, counts: np.ndarray) -> Ends:
    """The same at levels corrected for bias and acceleration. Efron 1987, eq. 2.3 and 7.3."""
    mean = samples.mean(axis=1, keepdims=True)
    deviations = samples - mean
    shifts = _shifts(deviations, counts)
    # Resamples with the mean of the sample count half; rounding must not decide.
    rounding = CONSTANT * _error(samples)[:, None]
    below = (shifts < -rounding).mean(axis=1) + 0.5 * (np.abs(shifts) <= rounding).mean(axis=1)
    bias = ndtri(np.clip(below, 1 / len(counts), 1 - 1 / len(counts)))
    # The jackknife of a mean: its acceleration is the skewness over 6 sqrt(n).
    cubes, squares = (deviations**3).sum(axis=1), (deviations**2).sum(axis=1)
    acceleration = cubes / np.where(squares > 0, 6 * squares**1.5, 1)
    shifts.sort(axis=1)
    ends = []
    for z in ndtri([tail(level), 1 - tail(level)]):
        corrected = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
        ends.append(mean[:, 0] + _quantile(shifts, corrected))
    return ends[0], ends[1]


def studentised(samples: np.ndarray, level: float, counts: np.ndarray) -> Ends:
    """Quantiles of (mean of a resample - mean) / its standard error. Efron 1981; Hall 1988.

    A resample of equal values has no standard error and counts as infinite: of three values it is
    one in nine, so that the interval is infinite.
    """
    n = samples.shape[1]
    mean, error = samples.mean(axis=1), _error(samples)
    deviations = samples - mean[:, None]
    shifts = _shifts(deviations, counts)
    variances = np.maximum(_shifts(deviations**2, counts) - shifts**2, 0) / (n - 1)
    fixed = np.sqrt(variances) <= CONSTANT * error[:, None]
    ratios = shifts / np.sqrt(np.where(fixed, 1, variances))
    ratios[fixed] = np.copysign(np.inf, shifts[fixed])
    ratios[shifts == 0] = 0
    ratios.sort(axis=1)
    out = np.full(len(samples), tail(level))
    with np.errstate(invalid="ignore"):
        low = mean - _quantile(ratios, 1 - out) * error
        high = mean - _quantile(ratios, out) * error
    return np.where(error > 0, low, mean), np.where(error > 0, high, mean)


def student(samples: np.ndarray, level: float, counts: np.ndarray) -> Ends:
    """Student's t. Gosset 1908."""
    mean, error = samples.mean(axis=1), _error(samples)
    width = _t(samples.shape[1] - 1, level) * error
    return mean - width, mean + width


def skewed(samples: np.ndarray, level: float, counts: np.ndarray) -> Ends:
    """Student's t, corrected for the skewness of the sample. Hall 1992."""
    error = _error(samples)
    mean, n = samples.mean(axis=1), samples.shape[1]
    third = ((samples - mean[:, None]) ** 3).mean(axis=1)
    second = samples.var(axis=1)
    skewness = third / np.where(second > 0, second**1.5, 1) / np.sqrt(n)
    return corrected(mean, error, skewness, _t(n - 1, level))


def logarithmic(samples: np.ndarray, level: float, counts: np.ndarray) -> Ends:
    """Student's t on the log scale: an interval of the geometric mean, of positive values."""
    low, high = student(np.log(samples), level, counts)
    return np.exp(low), np.exp(high)


METHODS: dict[str, Callable[[np.ndarray, float, np.ndarray], Ends]] = {
    "percentile bootstrap": percentile,
    "BCa bootstrap": bca,
    "studentised bootstrap": studentised,
    "Student's t": student,
    "t corrected for skewness": skewed,
    "t on the log scale": logarithmic,
}


class Moments(NamedTuple):
    """Estimates with what `corrected` needs, the arguments of it.

    Attributes:
        mean: [R] the estimates.
        error: [R] their standard errors.
        skewness: [R] their skewness, 1 / sqrt(n) of that of the values for a mean.
        quantile: [R] of t at the upper end.
    """

    mean: np.ndarray
    error: np.ndarray
    skewness: np.ndarray
    quantile: np.ndarray


def difference(first: np.ndarray, second: np.ndarray, level: float) -> Moments:
    """The differences of the means of samples [R, n] and [R, m], each with Welch's degrees."""
    both = first, second
    parts = [x.var(axis=1, ddof=1) / x.shape[1] for x in both]
    variance = parts[0] + parts[1]
    degrees = variance**2 / sum(v**2 / (x.shape[1] - 1) for v, x in zip(parts, both))
    cubes = [
        ((x - x.mean(axis=1, keepdims=True)) ** 3).mean(axis=1) / x.shape[1] ** 2 for x in both
    ]
    squares = sum(x.var(axis=1) / x.shape[1] for x in both)
    return Moments(
        first.mean(axis=1) - second.mean(axis=1),
        np.sqrt(variance),
        (cubes[0] - cubes[1]) / squares**1.5,
        stdtrit(degrees, 1 - tail(level)),
    )


def corrected(
    mean: np.ndarray, error: np.ndarray, skewness: np.ndarray, quantile: np.ndarray | float
) -> Ends:
    """Ends of a t interval after Hall's monotone transformation. Hall 1992, eq. 4.

    g(T) = T + G T^2 / 3 + G^2 T^3 / 27 + G / 6 of T = (estimate - truth) / error is closer to t
    than T is; G is the skewness of the estimate. With 1 + G T / 3 as the unknown, the equation
    g(T) = q is a pure cube.

    The arguments are those of `Moments`; a quantile may be one for all.
    """
    flat = np.abs(skewness) < 1e-7  # where the limit q is as exact as the cube root
    safe = np.where(flat, 1, skewness)
    ends = []
    for q in (quantile, -quantile):
        bent = 3 * (np.cbrt(1 + safe * (q - safe / 6)) - 1) / safe
        ends.append(mean - error * np.where(flat, q, bent))
    return ends[0], ends[1]


def _error(samples: np.ndarray) -> np.ndarray:
    """Standard errors of the means [R], exactly 0 of equal values."""
    error = samples.std(axis=1, ddof=1) / np.sqrt(samples.shape[1])
    return np.where(np.ptp(samples, axis=1) > 0, error, 0)


def _t(degrees: float, level: float) -> float:
    return float(stdtrit(degrees, 1 - tail(level)))


def _shifts(deviations: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means of the resamples, [R, B]."""
    return deviations @ counts.T.astype(float) / counts.shape[1]


def _quantile(ordered: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Quantiles of rows [R, B] at a level each, [R], interpolated like those of NumPy.

    Between a finite and an infinite value, the infinite one.
    """
    places = np.clip(levels, 0, 1) * (ordered.shape[1] - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, ordered.shape[1] - 1)
    a, b = (np.take_along_axis(ordered, k[:, None], axis=1)[:, 0] for k in (below, above))
    share = places - below
    with np.errstate(invalid="ignore"):
        between = a + (b - a) * share
    outer = np.where(np.isinf(a), a, b)
    return np.where(share == 0, a, np.where(np.isfinite(a) & np.isfinite(b), between, outer))
