"""Errors of forecasts, by horizon step and over all steps, on the same targets for every method.

MAE and RMSE in the units of the column; bias is the mean of forecast minus truth; MASE is the MAE
over that of the naive forecast one season (or one step) ahead on the training part, Hyndman &
Koehler 2006. A missing target is left out, for every method alike, and counted.
"""

from typing import NamedTuple

import numpy as np

METRICS = ("mae", "rmse", "mase", "bias")


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
    miss = np.where(observed, forecasts - truth, 0.0)

    def mean(values: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
        count = observed.sum(axis=tuple(a - 1 for a in axis))  # truth has no axis of runs
        return values.sum(axis=axis) / np.where(count, count, np.nan)

    def over(axis: tuple[int, ...]) -> dict[str, np.ndarray]:
        mae = mean(np.abs(miss), axis)
        rmse = np.sqrt(mean(np.square(miss), axis))
        return {"mae": mae, "rmse": rmse, "mase": mae / scale, "bias": mean(miss, axis)}

    return Errors(by_step=over((1,)), overall=over((1, 2)))


def seasonal_scale(train: np.ndarray, season: int) -> float:
    """The MAE of the seasonal naive forecast on a training part [N]: the value one season before.

    One step before, for `season` 0 or one as long as the part.
    """
    lag = season if 0 < season < len(train) else 1
    differences = np.abs(train[lag:] - train[:-lag])
    return float(np.nanmean(differences)) if np.isfinite(differences).any() else float("nan")
