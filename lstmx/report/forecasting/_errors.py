"""Errors of forecasts, by horizon step and over all steps, on the same targets for every method.

MAE and RMSE in the units of the column; bias is the mean of forecast minus truth; MASE is the MAE
over that of the naive forecast one season (or one step) ahead on the training part, Hyndman &
Koehler 2006, each series by its own; sMAPE is 200 % of the error over the sum of the absolute
values, Makridakis 1993. A missing target is left out, for every method alike, and counted.
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
        scale: the error that the MASE divides by, one for all or [O, 1].
        truth: [O, H]; 0 where missing.
    """

    values: np.ndarray
    observed: np.ndarray
    axes: tuple[int, ...]
    scale: float | np.ndarray
    truth: np.ndarray

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
        lambda miss: miss.mean(np.abs(miss.values) / miss.scale),
        note="MAE over that of the value {lag} before, on the training part",
    ),
    "smape": Metric(
        "sMAPE",
        lambda miss: 200 * miss.mean(_share(miss)),
        note="200 % of |error| / (|forecast| + |truth|)",
    ),
    "bias": Metric(
        "bias", lambda miss: miss.mean(miss.values), note="mean of forecast minus truth"
    ),
}
"""Name in errors.csv -> the metric."""


def _share(miss: Misses) -> np.ndarray:
    """Absolute errors over the sum of the absolute values, [R, O, H]; 0 of two zeros."""
    total = np.abs(miss.truth) + np.abs(miss.truth + miss.values)
    return np.abs(miss.values) / np.where(total > 0, total, 1.0)


class Errors(NamedTuple):
    """Errors of one method for one column: R runs (1 for a simple forecast), H steps ahead.

    Attributes:
        by_step: metric -> [R, H].
        overall: metric -> [R], over all targets of all steps.
    """

    by_step: dict[str, np.ndarray]
    overall: dict[str, np.ndarray]


def errors(truth: np.ndarray, forecasts: np.ndarray, scale: float | np.ndarray) -> Errors:
    """Errors of forecasts [R, O, H] against truth [O, H], NaN where missing.

    Args:
        truth: [O, H].
        forecasts: [R, O, H].
        scale: what the MASE divides by, one for all or [O, 1].
    """
    observed = np.isfinite(truth)
    values = np.where(observed, forecasts - truth, 0.0)

    def over(*axes: int) -> dict[str, np.ndarray]:
        misses = Misses(values, observed, axes, scale, np.where(observed, truth, 0.0))
        return {name: metric.of(misses) for name, metric in METRICS.items()}

    return Errors(by_step=over(1), overall=over(1, 2))
