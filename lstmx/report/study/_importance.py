"""Which hyperparameters mattered: functional ANOVA of a forest for each variant."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from lstmx import stats
from lstmx.report.study._trials import Trials, axis_name, samples
from lstmx.stats.forests import FEWEST_POINTS

DECADES = 1.5
"""A metric that spans more is explained by its logarithm, as figures draw it."""
POINTS_PER_LEAF = 150
"""Trials per point in the smallest leaf, from two on: more leaves cost time, and explain noise."""
MEANINGLESS = 0.3
"""Out-of-bag R^2 below which shares are not put into words."""


class Importance(NamedTuple):
    """What a forest of one variant, or of all of them, explains.

    Attributes:
        variant: name of the row; "" for all, with the variant as a dimension.
        shares: of `lstmx.stats.shares`.
        marginals: one for each dimension, in the unit of the metric.
        log: whether the logarithm of the metric was explained.
    """

    variant: str
    shares: stats.Shares
    marginals: tuple[stats.Marginal, ...]
    log: bool

    def single(self, name: str) -> float:
        """The mean share of a dimension by itself."""
        return float(np.nanmean(self.shares.singles[:, self.shares.names.index(name)]))

    @property
    def pairs(self) -> float:
        """The mean share of all pairs together."""
        upper = np.triu_indices(len(self.shares.names), 1)
        return float(np.nanmean(self.shares.pairs[:, *upper].sum(axis=1))) if upper[0].size else 0.0


def importances(trials: Trials) -> tuple[Importance | None, dict[str, Importance]]:
    """(of all variants together, variant -> of its trials); those with too few trials have none."""
    found = samples(trials)
    if not trials.dimensions:
        return None, {}
    each = {}
    for variant, sample in found.items():
        points = {d.name: [e.point[d.name] for e in sample.entries] for d in trials.dimensions}
        one = _importance(variant, points, sample.values, trials.dimensions)
        if one is not None:
            each[variant] = one
    whole = None
    if len(found) > 1:
        entries = [e for sample in found.values() for e in sample.entries]
        points = {d.name: [e.point[d.name] for e in entries] for d in trials.dimensions}
        axis = stats.Dimension(axis_name(trials), choices=tuple(found))
        points[axis.name] = [e.variant for e in entries]
        values = np.concatenate([sample.values for sample in found.values()])
        whole = _importance("", points, values, (*trials.dimensions, axis))
    return whole, each


def table(each: dict[str, Importance]) -> pd.DataFrame:
    """A row for every variant and every single or pair: share, spread, R^2."""
    return pd.DataFrame(
        [
            {
                "variant": variant,
                "names": " x ".join(share.names),
                "share": share.mean,
                "low": share.low,
                "high": share.high,
                "r2": one.shares.r2,
            }
            for variant, one in each.items()
            for share in one.shares.ranked()
        ],
        columns=["variant", "names", "share", "low", "high", "r2"],
    )


def _importance(
    variant: str,
    points: dict[str, list],  # type: ignore[type-arg]
    values: np.ndarray,
    dimensions: tuple[stats.Dimension, ...],
) -> Importance | None:
    """None with too few trials, or where all have one value."""
    if values.size < FEWEST_POINTS or np.ptp(values) == 0:
        return None
    log = values.min() > 0 and math.log10(values.max() / values.min()) >= DECADES
    leaf = max(2, values.size // POINTS_PER_LEAF)
    forest = stats.fit(points, np.log(values) if log else values, dimensions, leaf=leaf)
    marginals = [stats.marginal(forest, d.name) for d in dimensions]
    if log:
        marginals = [
            m._replace(mean=np.exp(m.mean), low=np.exp(m.low), high=np.exp(m.high))
            for m in marginals
        ]
    return Importance(variant, stats.shares(forest), tuple(marginals), bool(log))
