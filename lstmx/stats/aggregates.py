"""Aggregates over tasks with the intervals of a stratified bootstrap. Agarwal et al. 2021.

A stratum is the runs of one task. A resample draws, within each task, as many of its runs as there
are, with replacement; the interval is the percentile one of the paper. With few runs of one task it
covers as seldom as that of any percentile bootstrap: `mean_interval` is for those.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lstmx.stats._samples import Estimate, resampled, sample, tail

QUARTER = 0.25


def interquartile_mean(values: ArrayLike) -> float:
    """The mean without the lowest and the highest quarter (of fewer than 4 values: the mean).

    Raises:
        ValueError: no values, or values that are not finite.
    """
    return float(stats.trim_mean(sample(values), QUARTER))


def interquartile_mean_interval(
    tasks: Sequence[ArrayLike], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """The interquartile mean of all runs of all tasks together, with its interval.

    >>> found = interquartile_mean_interval([[0.2, 0.4, 0.3, 0.5], [0.7, 0.9, 0.8, 0.6]])
    >>> round(found.value, 2), bool(found.low < 0.55 < found.high)
    (0.55, True)

    Args:
        tasks: one or more tasks, the scores of the runs of each, [n] on a common scale.
        level: coverage, between 0 and 1.
        resamples: number of resamples.
        seed: of the resampling.

    Raises:
        ValueError: no task, a task without values or with values that are not finite, or a level
            outside (0, 1).
    """
    out = tail(level)
    strata = _strata(tasks)
    generator = np.random.default_rng(seed)
    drawn = [one[generator.integers(one.size, size=(resamples, one.size))] for one in strata]
    means = stats.trim_mean(np.concatenate(drawn, axis=1), QUARTER, axis=1)
    low, high = np.quantile(means, [out, 1 - out])
    return Estimate(interquartile_mean(np.concatenate(strata)), float(low), float(high))


def probability_of_improvement(first: ArrayLike, second: ArrayLike, *, maximize: bool) -> float:
    """The fraction of pairs in which the run of `first` is better than that of `second`.

    A tie counts as half.

    Raises:
        ValueError: an empty sample, or values that are not finite.
    """
    return float(_wins(sample(first), sample(second), maximize).mean())


def probability_of_improvement_interval(
    first: Sequence[ArrayLike],
    second: Sequence[ArrayLike],
    *,
    maximize: bool,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """The mean over tasks of the probability of improvement, with its interval.

    For one task of few runs, `cliffs_delta` is the same number, 2 p - 1, with an interval that is
    not just a point where all runs of one are better.

    Args:
        first: one or more tasks, the values of the runs of each, [n].
        second: the same tasks in the same order, [m] each.
        maximize: whether larger values are better.
        level: coverage, between 0 and 1.
        resamples: number of resamples.
        seed: of the resampling.

    Raises:
        ValueError: different numbers of tasks; else as `interquartile_mean_interval`.
    """
    out = tail(level)
    pairs = list(zip(_strata(first), _strata(second)))
    if len(first) != len(second):
        raise ValueError(f"got {len(first)} and {len(second)} tasks; expected the same ones")
    generator = np.random.default_rng(seed)
    value, means = 0.0, np.zeros(resamples)
    for a, b in pairs:
        wins = _wins(a, b, maximize)
        value += float(wins.mean()) / len(pairs)
        ours = resampled(generator, a.size, resamples)
        theirs = resampled(generator, b.size, resamples)
        means += ((ours @ wins) * theirs).sum(axis=1) / (wins.size * len(pairs))
    low, high = np.quantile(means, [out, 1 - out])
    return Estimate(value, float(low), float(high))


def _wins(first: np.ndarray, second: np.ndarray, maximize: bool) -> np.ndarray:
    """[n, m]: 1 where the run of the first is better, 0.5 in a tie."""
    lead = first[:, None] - second[None, :]
    if not maximize:
        lead = -lead
    return (lead > 0) + 0.5 * (lead == 0)


def _strata(tasks: Sequence[ArrayLike]) -> list[np.ndarray]:
    if not len(tasks):
        raise ValueError("got no tasks; expected one or more, each with the values of its runs")
    return [sample(values) for values in tasks]
