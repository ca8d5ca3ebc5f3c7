"""What a task of forecasts is beside its batches: the windows in the units of the table."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lstmx.data.timeseries import Series
from lstmx.types import Array, Task


class Windows(NamedTuple):
    """All windows of a split in the original units, for tables and figures.

    Row r belongs to row r % batch_size of batch r // batch_size of a held-out split.

    Attributes:
        series: the whole table, times [N] and values [N, C], its series one after the other.
        training: number of rows of the training part of the first series.
        origins: [O] row of the table that is the last one known to each window.
        times: [O, H] of the targets.
        truth: [O, H, C]; NaN where missing.
        forecasts: name -> [O, H, C]: naive, seasonal_naive, seasonal_drift.
        restore: outputs at the last steps of all windows [O, Y] -> forecasts [O, H, C].
        quantiles: such outputs and levels [K] -> their quantiles [O, H, C, K]; None of a
            likelihood that says a point only, and of recursive forecasts, see `Assembled.sampled`.
        original: scaled values [O, H, C, ...] in the units of the table; counts are whole.
        bounds: [S + 1] first rows of the series of the table, and the number of rows.
        ids: [S] names of the series.
        cuts: [S, 3] rows of each series at which training ends, valid ends and test begins.
        naive: [S, C] what a scaled error divides by.
        rows: [S] rows of each series up to its last observation.
        report: what the reader of the table decided, a sentence each.
    """

    series: Series
    training: int
    origins: np.ndarray
    times: np.ndarray
    truth: np.ndarray
    forecasts: dict[str, np.ndarray]
    restore: Callable[[np.ndarray], np.ndarray]
    quantiles: Callable[[np.ndarray, Any], np.ndarray | None]
    original: Callable[[np.ndarray], np.ndarray]
    bounds: np.ndarray
    ids: tuple[str, ...]
    cuts: np.ndarray
    naive: np.ndarray
    rows: tuple[int, ...]
    report: tuple[str, ...]

    @property
    def of_series(self) -> np.ndarray:
        """The series of each origin, [O]."""
        return np.searchsorted(self.bounds, self.origins, side="right") - 1


class Assembled(NamedTuple):
    """A split of a table, ready to be predicted.

    Attributes:
        task: its batches.
        windows: what restores outputs.
        last: outputs [B, T, ...] of a model -> the forecasts from the origin [B, Y].
        sampled: (apply, batch, state, key, number of paths, levels) -> quantiles [B, H, C, K] of
            sampled paths in scaled units, see `paths.quantiles`; None but for a recursive forecast
            of a distribution.
    """

    task: Task
    windows: Windows
    last: Callable[[Array], Array]
    sampled: Callable[..., Array] | None
