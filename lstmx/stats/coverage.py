"""How often intervals contain the truth, by simulation from distributions with a known mean.

`python -m experiments.coverage` writes the tables of `experiments/measured/coverage.md`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lstmx.stats import _rows
from lstmx.stats._samples import resampled

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


class Distribution(NamedTuple):
    """Values of runs.

    Attributes:
        like: what kind of metric looks like it.
        draw: (generator, shape) -> values.
        mean: the true mean.
        geometric: the true geometric mean; nan where values are not positive.
    """

    like: str
    draw: Draw
    mean: float
    geometric: float = math.nan


class Cover(NamedTuple):
    """How often the intervals of one method cover.

    Attributes:
        rate: the share of the samples whose interval contains the truth.
        width: mean width over that of Student's t; of infinite intervals inf.
    """

    rate: float
    width: float


DISTRIBUTIONS: dict[str, Distribution] = {
    "normal": Distribution("a loss that varies by chance only", lambda g, s: g.normal(size=s), 0.0),
    "log-normal 0.5": Distribution(
        "a loss, two thirds of it within a factor of 2.7",
        lambda g, s: g.lognormal(0, 0.5, s),
        math.exp(0.125),
        1.0,
    ),
    "log-normal 1": Distribution(
        "a loss over one to two decades", lambda g, s: g.lognormal(0, 1, s), math.exp(0.5), 1.0
    ),
    "beta": Distribution("an accuracy near 1", lambda g, s: g.beta(8, 0.8, s), 8 / 8.8, 0.9037366),
    "t with 3 degrees": Distribution(
        "far values on both sides", lambda g, s: g.standard_t(3, s), 0.0
    ),
    "one in five fails": Distribution(
        "runs that learn or do not",
        lambda g, s: np.where(g.random(s) < 0.2, 1.0, 0.0) + g.normal(0, 0.1, s),
        0.2,
    ),
}
"""Name -> what the samples are drawn from."""


def of_means(
    distribution: Distribution,
    size: int,
    *,
    samples: int = 4000,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    methods: Mapping[str, Callable[..., _rows.Ends]] = _rows.METHODS,
) -> dict[str, Cover]:
    """How often each method covers the true mean, that of the log scale the geometric mean.

    Args:
        distribution: what is drawn from.
        size: number of values in a sample.
        samples: number of samples; a rate has a standard error of sqrt(rate (1 - rate) / samples).
        resamples: of each bootstrap, the same picks for all samples.
        level: nominal coverage.
        seed: of samples and resamples.
        methods: name -> method.

    Returns:
        Name -> coverage; without the log scale where values are not positive.
    """
    generator = np.random.default_rng(seed)
    drawn = distribution.draw(generator, (samples, size))
    counts = resampled(generator, size, resamples)
    usual = _width(_rows.student(drawn, level, counts))
    found = {}
    for name, method in methods.items():
        truth = distribution.mean
        if method is _rows.logarithmic:
            truth = distribution.geometric
            if math.isnan(truth):
                continue
        ends = method(drawn, level, counts)
        found[name] = Cover(_rate(ends, truth), _width(ends) / usual)
    return found


def of_differences(
    pair: Sequence[Distribution],
    sizes: tuple[int, int],
    *,
    samples: int = 4000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Cover]:
    """How often intervals of the difference of two means cover: Welch's, plain and corrected.

    Args:
        pair: what the two samples are drawn from.
        sizes: numbers of values.
        samples: number of pairs of samples.
        level: nominal coverage.
        seed: of the samples.
    """
    generator = np.random.default_rng(seed)
    first, second = (d.draw(generator, (samples, n)) for d, n in zip(pair, sizes))
    moments = _rows.difference(first, second, level)
    plain = _rows.corrected(moments.mean, moments.error, np.zeros(samples), moments.quantile)
    truth = pair[0].mean - pair[1].mean
    ends = {
        "Welch's t": plain,
        "Welch's t corrected for skewness": _rows.corrected(*moments),
    }
    return {n: Cover(_rate(e, truth), _width(e) / _width(plain)) for n, e in ends.items()}


def _rate(ends: _rows.Ends, truth: float) -> float:
    return float(((ends[0] <= truth) & (truth <= ends[1])).mean())


def _width(ends: _rows.Ends) -> float:
    return float((ends[1] - ends[0]).mean())
