"""Effect sizes of two samples with intervals: difference, Hedges' g, Cliff's delta.

Each is positive where the first sample has the larger values.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from lstmx.stats import _noncentral, _rows
from lstmx.stats._samples import Estimate, sample, tail

HAIR = 1e-9
"""Next to an estimate, far inside of any interval."""


def difference(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The difference of the means, with Welch's interval.

    It is not corrected for skewness as that of one mean is: the skewness of two samples cancels in
    part, and the correction was found to make it wider and no better. nan ends where a sample has
    one value or none varies.

    >>> found = difference([3.0, 4.0, 5.0], [1.0, 2.0, 3.0])
    >>> [round(x, 3) for x in found]
    [2.0, -0.267, 4.267]

    Args:
        first: [n] finite values, one per seed.
        second: [m] finite values.
        level: coverage, between 0 and 1.

    Raises:
        ValueError: an empty sample, values that are not finite, or a level outside (0, 1).
    """
    a, b = sample(first), sample(second)
    tail(level)
    value = float(a.mean() - b.mean())
    if min(a.size, b.size) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return Estimate(value, math.nan, math.nan)
    moments = _rows.difference(a[None], b[None], level)
    width = float(moments.quantile[0] * moments.error[0])
    return Estimate(value, value - width, value + width)


def hedges_g(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The difference of the means in pooled standard deviations, unbiased. Hedges 1981.

    The interval is the exact one of the true difference in standard deviations for normal values of
    equal variance, from the noncentral t distribution. nan without variance, or with less than two
    values in a sample; arguments as of `difference`.

    >>> [round(x, 3) for x in hedges_g([3.0, 4.0, 5.0], [1.0, 2.0, 3.0])]
    [1.596, -0.15, 4.019]
    """
    a, b = sample(first), sample(second)
    out = tail(level)
    if min(a.size, b.size) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return Estimate(math.nan, math.nan, math.nan)
    degrees = a.size + b.size - 2
    pooled = math.sqrt(((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / degrees)
    d, scale = float(a.mean() - b.mean()) / pooled, math.sqrt(1 / a.size + 1 / b.size)
    # Hedges 1981, eq. 6e: the expectation of d is the true one over this number.
    unbiased = math.exp(
        math.lgamma(degrees / 2) - math.lgamma((degrees - 1) / 2) - math.log(degrees / 2) / 2
    )

    def end(probability: float) -> float:
        """The true difference at which one of at most d has this probability."""
        excess = lambda c: _noncentral.cdf(d / scale, degrees, c) - probability
        return scale * _root(excess, d / scale)

    return Estimate(unbiased * d, end(1 - out), end(out))


def cliffs_delta(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Estimate:
    """P(first > second) - P(first < second) over all pairs, in [-1, 1]. Cliff 1993.

    The interval is Newcombe's score interval of the Mann-Whitney statistic (2006, method 5), which
    is not a point where the samples do not overlap; arguments as of `difference`.

    >>> [round(x, 3) for x in cliffs_delta([4.0, 5.0, 6.0], [1.0, 2.0, 3.0])]
    [1.0, 0.002, 1.0]
    """
    a, b = sample(first), sample(second)
    z, n, m = float(special.ndtri(1 - tail(level))), a.size, b.size
    delta = float(np.sign(a[:, None] - b[None, :]).mean())
    theta = (1 + delta) / 2

    def excess(true: float) -> float:
        """The squared distance of the estimate from a true value, less that of the interval."""
        spread = (1 - true) / (2 - true) + true / (1 + true)
        variance = true * (1 - true) * (1 + ((n + m) / 2 - 1) * spread) / (n * m)
        return (true - theta) ** 2 - z**2 * variance

    # At an estimate of 0 or 1, that value is a root, too; the other one is the end.
    low = 0.0 if theta == 0 else optimize.brentq(excess, 0, theta - HAIR, xtol=1e-12)
    high = 1.0 if theta == 1 else optimize.brentq(excess, theta + HAIR, 1, xtol=1e-12)
    return Estimate(delta, 2 * low - 1, 2 * high - 1)


def _root(function: Callable[[float], float], start: float) -> float:
    """Where a falling function is 0, searched from a start outward; nan if it is lost."""
    for width in 2.0 ** np.arange(1, 40):
        low, high = start - width, start + width
        if function(low) > 0 > function(high):
            return float(optimize.brentq(function, low, high, xtol=1e-10))
    return math.nan
