"""Errors of forecasts, by horizon step and over all: the same targets for every method.

MAE and RMSE in the units of the column; bias is the mean of forecast minus truth; MASE is the MAE
over that of the naive forecast one season (or one step) ahead on the training part, Hyndman &
Koehler 2006. A missing target is left out, for every method alike, and counted.
"""

from typing import NamedTuple

import numpy as np

METRICS = ("mae", "rmse", "mase", "bias")


class Errors(NamedTuple):
    """Errors of one method for one column; those by step are [R, H], one row per run.

    A simple forecast has R = 1.

    Attributes:
        by_step: metric -> [R, H].
        overall: metric -> [R], over all targets of all steps.
    """

    by_step: dict[str, np.ndarray]
    overall: dict[str, np.ndarray]


def errors(truth: np.ndarray, forecasts: np.ndarray, scale: float) -> Errors:
    """Errors of forecasts [R, O, H] against truth [O, H], NaN where missing."""
    counted = np.isfinite(truth)
    miss = np.where(counted, forecasts - truth, 0.0)

    def mean(values: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
        count = counted.sum(axis=tuple(a - 1 for a in axis))
        return values.sum(axis=axis) / np.where(count, count, np.nan)

    def over(axis: tuple[int, ...]) -> dict[str, np.ndarray]:
        mae = mean(np.abs(miss), axis)
        rmse = np.sqrt(mean(np.square(miss), axis))
        return {"mae": mae, "rmse": rmse, "mase": mae / scale, "bias": mean(miss, axis)}

    return Errors(by_step=over((1,)), overall=over((1, 2)))


def seasonal_scale(train: np.ndarray, season: int) -> float:
    """The MAE within a training part [N] of the value one season before (one step without one)."""
    back = season if 0 < season < len(train) else 1
    moves = np.abs(train[back:] - train[:-back])
    return float(np.nanmean(moves)) if np.isfinite(moves).any() else float("nan")
