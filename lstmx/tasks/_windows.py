"""A series cut for forecasting: parts, origins, last known values and simple forecasts.

An origin o is the last step that a forecast knows; its targets are the steps o + 1 ... o + H.
Pure NumPy in the original units, float64; nothing here is traced.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lstmx.data.timeseries import Series


class Scale(NamedTuple):
    """How values become numbers around zero, fit on the training part only.

    Attributes:
        shift: [C] what is subtracted first.
        scale: [C] what is divided by afterwards; positive.
    """

    shift: np.ndarray
    scale: np.ndarray


def cuts(rows: int, valid: float, test: float, fold: int = 0) -> tuple[int, int, int]:
    """Rows at which training ends, valid ends and test begins.

    Without a fold valid ends where test begins. Fold k has its valid part k parts earlier: training
    ends before it, and the rows between valid and test are not used.
    """
    held, last = round(valid * rows), rows - round(test * rows)
    return last - (1 + fold) * held, last - fold * held, last


def bounds(at: Sequence[int], rows: int) -> dict[str, tuple[int, int]]:
    """Split -> its first row and the row after its last one."""
    return {"train": (0, at[0]), "valid": (at[0], at[1]), "test": (at[2], rows)}


def between(values: np.ndarray, begin: int, end: int, window: int, horizon: int) -> np.ndarray:
    """Origins [O] with targets from row `begin` to before `end`; may be none.

    Raises:
        ValueError: a column without any observation.
    """
    known = np.isfinite(filled_forward(values)).all(axis=1)
    if not known.any():
        raise ValueError("a column of the series has no observation at all")
    least = int(np.argmax(known)) + window - 1
    return np.arange(max(least, begin - 1), end - horizon)


def too_short(split: str, part: int, rows: int, window: int, horizon: int) -> ValueError:
    """The error of a split without an origin."""
    return ValueError(
        f"{split} part of {part} rows (of {rows}) has no place for window={window} and "
        f"horizon={horizon}; shorten them or change valid_fraction and test_fraction"
    )


def filled_forward(values: np.ndarray, back: int = 1) -> np.ndarray:
    """Values [N, C] with each missing one replaced by the value `back` rows before, if any."""
    rows, columns = values.shape
    whole = -(-rows // back)
    padded = np.full((whole * back, columns), np.nan)
    padded[:rows] = values
    phases = padded.reshape(whole, back, columns)
    # The place of the last observation up to each row, of each phase of the season.
    place = np.where(np.isfinite(phases), np.arange(whole)[:, None, None], 0)
    place = np.maximum.accumulate(place, axis=0)
    return np.take_along_axis(phases, place, axis=0).reshape(-1, columns)[:rows]


def filled_back(values: np.ndarray) -> np.ndarray:
    """Values [N, C] with those before the first observation of a column replaced by it."""
    known = np.isfinite(values)
    first = np.argmax(known, axis=0)
    before = ~known & (np.arange(len(values))[:, None] < first)
    return np.where(before, values[first, np.arange(values.shape[1])], values)


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


def drift(values: np.ndarray, places: np.ndarray, horizon: int) -> np.ndarray:
    """Forecasts [O, H, C]: the last value, and on along the line from the first one."""
    last = filled_forward(values)
    first = np.argmax(np.isfinite(values), axis=0)
    rows = np.maximum(places[:, None] - first, 1)
    slope = (last[places] - values[first, np.arange(values.shape[1])]) / rows
    ahead = 1.0 + np.arange(horizon)
    return last[places][:, None] + slope[:, None] * ahead[:, None]


def phase_mean(values: np.ndarray, places: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """Forecasts [O, H, C]: the mean so far of the phase of the season.

    Of all values without a season. The last observed value stands in for a phase that never was.
    """
    season = max(season, 1)
    whole = -(-len(values) // season)
    padded = np.full((whole * season, values.shape[1]), np.nan)
    padded[: len(values)] = values
    phases = padded.reshape(whole, season, -1)
    known = np.isfinite(phases)
    count = np.cumsum(known, axis=0)
    total = np.cumsum(np.where(known, phases, 0.0), axis=0)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    at = places[:, None] + 1 + np.arange(horizon)
    # The last whole turn of a phase that the origin knows.
    turn = (places[:, None] - at % season) // season
    found = means[np.maximum(turn, 0), at % season]
    found = np.where((turn >= 0)[..., None], found, np.nan)
    return np.where(np.isfinite(found), found, naive(values, places, horizon))


MOST_MOVES = 50_000_000
"""Numbers that `fit` looks at; of longer parts every k-th row is taken."""


def fit(train: np.ndarray, horizon: int, detrended: bool, robust: bool = False) -> Scale:
    """The scale of a training part [N, C].

    Without detrending, mean and standard deviation of the observed values. With it, the root mean
    square of how far a value lies from the last one known up to `horizon` steps before.

    Args:
        train: [N, C].
        horizon: the most steps.
        detrended: whether values are relative to the last one.
        robust: median and median absolute deviation in place of mean and root mean square, times
            1.4826, so that both agree for normal values. Hampel 1974.
    """
    shift = np.nanmedian(train, axis=0) if robust else np.nanmean(train, axis=0)
    if not detrended:
        return Scale(shift, positive(_spread(train - shift, robust)))
    last = filled_forward(train)
    every = -(-train.size * horizon // MOST_MOVES)
    moves = [
        (train[ahead:] - last[:-ahead])[::every]
        for ahead in range(1, min(horizon, len(train) - 1) + 1)
    ]
    return Scale(shift, positive(_spread(np.concatenate(moves), robust)))


def _spread(values: np.ndarray, robust: bool) -> np.ndarray:
    """How far values [N, C] lie from 0."""
    if robust:
        return 1.4826 * np.nanmedian(np.abs(values), axis=0)
    return np.sqrt(np.nanmean(np.square(values), axis=0))


def generated(rows: int = 960) -> Series:
    """A trend, a season of 24 steps and noise, hourly, 3 % missing: the offline default."""
    random = np.random.default_rng(0)
    step = np.arange(rows)
    values = 20 + 0.01 * step + 3 * np.sin(2 * np.pi * step / 24) + 0.3 * random.normal(size=rows)
    values[random.random(rows) < 0.03] = np.nan
    times = np.datetime64("2000-01-01T00:00:00") + step * np.timedelta64(3600, "s")
    return Series(times, values[:, None], ("value",))


def positive(scale: np.ndarray) -> np.ndarray:
    """The scale, and 1 for a constant column, which has no spread to divide by."""
    return np.where(scale > 0, scale, 1.0)


def seasonal_scale(train: np.ndarray, season: int) -> float:
    """The MAE of the seasonal naive forecast on a training part [N]: the value one season before.

    One step before, for `season` 0 or one as long as the part. Hyndman & Koehler 2006.
    """
    lag = season if 0 < season < len(train) else 1
    differences = np.abs(train[lag:] - train[:-lag])
    return float(np.nanmean(differences)) if np.isfinite(differences).any() else float("nan")
