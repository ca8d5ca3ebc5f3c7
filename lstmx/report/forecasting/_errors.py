"""Errors of forecasts, by horizon step and over all steps, on the same targets for every method.

MAE and RMSE in the units of the column; bias is the mean of forecast minus truth; MASE is the MAE
over that of the naive forecast one season (or one step) ahead on the training part, Hyndman &
Koehler 2006. A missing target is left out, for every method alike, and counted.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Misses(NamedTuple):
    """How far the forecasts of one column are off, by R runs, O origins and H steps ahead.

    Attributes:
        values: [R, O, H] forecast minus truth; 0 where the truth is missing.
        observed: [O, H] whether the truth is known.
        axes: of the values, over which a metric is taken.
        scale: the error that the MASE divides by.
    """

    values: np.ndarray
    observed: np.ndarray
    axes: tuple[int, ...]
    scale: float

    def mean(self, values: np.ndarray) -> np.ndarray:
        """The mean of values [R, O, H] over the axes, of observed targets only."""
        count = self.observed.sum(axis=tuple(a - 1 for a in self.axes))  # it has no axis of runs
        return values.sum(axis=self.axes) / np.where(count, count, np.nan)


class Metric(NamedTuple):
    """A column of the tables.

    Attributes:
        head: its name in the Markdown.
        of: (misses) -> the metric, without the axes that it is taken over.
        spread: whether the Markdown has its range over the runs, too.
        note: what it means, with {lag} for a season; "" where the head says it.
    """

    head: str
    of: Callable[[Misses], np.ndarray]
    spread: bool = False
    note: str = ""


METRICS = {
    "mae": Metric("MAE", lambda miss: miss.mean(np.abs(miss.values)), spread=True),
    "rmse": Metric("RMSE", lambda miss: np.sqrt(miss.mean(np.square(miss.values))), spread=True),
    "mase": Metric(
        "MASE",
        lambda miss: miss.mean(np.abs(miss.values)) / miss.scale,
        note="MAE over that of the value {lag} before, on the training part",
    ),
    "bias": Metric(
        "bias", lambda miss: miss.mean(miss.values), note="mean of forecast minus truth"
    ),
}
"""Name in errors.csv -> the metric."""


class Errors(NamedTuple):
    """Errors of one method for one column: R runs (1 for a simple forecast), H steps ahead.

    Attributes:
        by_step: metric -> [R, H].
        overall: metric -> [R], over all targets of all steps.
    """

    by_step: dict[str, np.ndarray]
    overall: dict[str, np.ndarray]


def errors(truth: np.ndarray, forecasts: np.ndarray, scale: float) -> Errors:
    """Errors of forecasts [R, O, H] against truth [O, H], NaN where missing."""
    observed = np.isfinite(truth)
    values = np.where(observed, forecasts - truth, 0.0)

    def over(*axes: int) -> dict[str, np.ndarray]:
        misses = Misses(values, observed, axes, scale)
        return {name: metric.of(misses) for name, metric in METRICS.items()}

    return Errors(by_step=over(1), overall=over(1, 2))


def seasonal_scale(train: np.ndarray, season: int) -> float:
    """The MAE of the seasonal naive forecast on a training part [N]: the value one season before.

    One step before, for `season` 0 or one as long as the part.
    """
    lag = season if 0 < season < len(train) else 1
    differences = np.abs(train[lag:] - train[:-lag])
    return float(np.nanmean(differences)) if np.isfinite(differences).any() else float("nan")
