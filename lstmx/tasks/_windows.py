"""A series cut for forecasting: parts, origins, last known values and simple forecasts.

An origin o is the last step that a forecast knows; its targets are the steps o + 1 ... o + H.
Pure NumPy in the original units, float64; nothing here is traced.
"""

from typing import NamedTuple

import numpy as np

from lstmx.data.timeseries import Series
from lstmx.tasks._common import SPLITS


class Scale(NamedTuple):
    """How values become numbers around zero, fit on the training part only.

    Attributes:
        shift: [C] what is subtracted first.
        scale: [C] what is divided by afterwards; positive.
    """

    shift: np.ndarray
    scale: np.ndarray


def origins(
    values: np.ndarray, split: str, window: int, horizon: int, valid: float, test: float
) -> np.ndarray:
    """All origins [O] whose targets lie in the split and whose inputs lie in the series.

    Inputs of a held-out window may reach back into earlier parts, targets never do. Rows before
    the first observation of every column are left out.

    Raises:
        ValueError: the series is too short for one window in this split.
    """
    rows = len(values)
    cuts = np.cumsum([0, rows - round(valid * rows) - round(test * rows), round(valid * rows)])
    bounds = dict(zip(SPLITS, zip(cuts, [*cuts[1:], rows])))
    begin, end = bounds[split]
    known = np.isfinite(filled_forward(values)).all(axis=1)
    if not known.any():
        raise ValueError("a column of the series has no observation at all")
    least = np.argmax(known) + window - 1
    found = np.arange(max(least, begin - 1), end - horizon)
    if not len(found):
        raise ValueError(
            f"{split} part of {end - begin} rows (of {rows}) has no place for window={window} and "
            f"horizon={horizon}; shorten them or change valid_fraction and test_fraction"
        )
    return found


def training_rows(values: np.ndarray, valid: float, test: float) -> np.ndarray:
    """The rows of the training part."""
    rows = len(values)
    return values[: rows - round(valid * rows) - round(test * rows)]


def filled_forward(values: np.ndarray, back: int = 1) -> np.ndarray:
    """Values [N, C] with each missing one replaced by the value `back` rows before, if any."""
    out = values.copy()
    for row in range(back, len(out)):
        out[row] = np.where(np.isfinite(out[row]), out[row], out[row - back])
    return out


def targets(values: np.ndarray, places: np.ndarray, horizon: int) -> np.ndarray:
    """The next `horizon` values [O, H, C] after each origin [O]; NaN where missing."""
    return values[places[:, None] + 1 + np.arange(horizon)]


def naive(values: np.ndarray, places: np.ndarray, horizon: int) -> np.ndarray:
    """Forecasts [O, H, C]: the last observed value, for ever."""
    last = filled_forward(values)[places]
    return np.repeat(last[:, None], horizon, axis=1)


def seasonal_naive(values: np.ndarray, places: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """Forecasts [O, H, C]: the value one season before, or two where that is missing, and so on.

    Where no season back is observed, the last observed value stands in.
    """
    ahead = 1 + np.arange(horizon)
    back = -(-ahead // season) * season  # whole seasons, so that the place is known at the origin
    at = places[:, None] + ahead - back
    found = filled_forward(values, season)[np.maximum(at, 0)]
    found = np.where((at >= 0)[..., None], found, np.nan)
    return np.where(np.isfinite(found), found, naive(values, places, horizon))


def seasonal_drift(values: np.ndarray, places: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """Seasonal naive plus the change over the last season, once for every season ahead."""
    last = filled_forward(values)
    before = last[np.maximum(places - season, 0)]
    change = np.where(np.isfinite(before), last[places] - before, 0.0)
    seasons = -(-(1 + np.arange(horizon)) // season)
    drift = change[:, None] * seasons[:, None]
    return seasonal_naive(values, places, horizon, season) + drift


def fit(train: np.ndarray, horizon: int, detrended: bool) -> Scale:
    """The scale of a training part [N, C].

    Without detrending, mean and standard deviation of the observed values. With it, the root mean
    square of how far a value lies from the last one known up to `horizon` steps before.
    """
    shift = np.nanmean(train, axis=0)
    if not detrended:
        return Scale(shift, _positive(np.nanstd(train, axis=0)))
    last = filled_forward(train)
    moves = [train[ahead:] - last[:-ahead] for ahead in range(1, min(horizon, len(train) - 1) + 1)]
    return Scale(shift, _positive(np.sqrt(np.nanmean(np.square(np.concatenate(moves)), axis=0))))


def generated(rows: int = 960) -> Series:
    """A trend, a season of 24 steps and noise, hourly, 3 % missing: the offline default."""
    random = np.random.default_rng(0)
    step = np.arange(rows)
    values = 20 + 0.01 * step + 3 * np.sin(2 * np.pi * step / 24) + 0.3 * random.normal(size=rows)
    values[random.random(rows) < 0.03] = np.nan
    times = np.datetime64("2000-01-01T00:00:00") + step * np.timedelta64(3600, "s")
    return Series(times, values[:, None], ("value",))


def _positive(scale: np.ndarray) -> np.ndarray:
    return np.where(scale > 0, scale, 1.0)  # a constant column has no spread to divide by
