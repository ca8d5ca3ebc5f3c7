"""Exponential smoothing and the Theta method, as references for forecasts from many origins.

Parameters are estimated once, on the training part; states then follow the series to each origin.
A missing value leaves a state where its forecast is. statsmodels estimates, and is imported late.
"""

import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

MOST_ROWS = 1000
"""The last rows of the training part that parameters are estimated on."""
LONGEST_SEASON = 24
"""A longer season has no states of its own: the series is adjusted by the means of its phases. The
limit of `forecast::ets`, Hyndman & Khandakar 2008."""
ESTIMATED = 12
"""Up to this season initial states are estimated; beyond, their heuristic values are used."""


class Smoothing(NamedTuple):
    """A model of exponential smoothing with its parameters, Hyndman et al. 2008, table 2.2.

    Attributes:
        error: "add" or "mul".
        trend: whether there is a slope.
        seasonal: "", "add" or "mul".
        alpha, beta, gamma: smoothing of level, slope, season.
        phi: damping of the slope; 1 for none.
        level, slope: initial states.
        season: [m] initial states, the first for the first row; () without.
    """

    error: str
    trend: bool
    seasonal: str
    alpha: float
    beta: float
    gamma: float
    phi: float
    level: float
    slope: float
    season: tuple[float, ...]

    @property
    def name(self) -> str:
        """Such as "ETS(A,Ad,N)"."""
        letter = {"add": "A", "mul": "M", "": "N"}
        trend = "N" if not self.trend else "A" if self.phi == 1 else "Ad"
        return f"ETS({letter[self.error]},{trend},{letter[self.seasonal]})"


def ets(
    values: np.ndarray, training: int, origins: np.ndarray, horizon: int, season: int
) -> tuple[np.ndarray, str]:
    """Forecasts [O, H] of the ETS model with the least AICc, and what was fit.

    Of the admissible models: no additive error with a multiplicative season, and multiplicative
    parts for positive values only. Hyndman & Khandakar 2008.

    Args:
        values: [N]; NaN where missing.
        training: rows of the training part, the first ones.
        origins: [O] rows.
        horizon: H.
        season: steps of a season; 0 or 1 for none.
    """
    from threadpoolctl import threadpool_limits

    begin = max(0, training - MOST_ROWS)
    adjusted, index = values[begin:], np.zeros(1)
    long = season > LONGEST_SEASON
    if long:
        index = phases(values[begin:training], season)
        adjusted = adjusted - index[np.arange(len(adjusted)) % season]
    with threadpool_limits(1):  # see lstmx/stats/arima.py
        best = _best(interpolated(adjusted[: training - begin]), 0 if long else season)
    at = origins - begin
    found = smoothed(best, adjusted, at, horizon)
    if long:
        found = found + index[(at[:, None] + 1 + np.arange(horizon)) % season]
    return found, best.name + (" of the seasonally adjusted series" if long else "")


def smoothed(model: Smoothing, values: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """Forecasts [O, H] of a model whose initial states are those before values [N]."""
    level, slope, season = model.level, model.slope, list(model.season)
    m, multiplies = max(1, len(season)), model.seasonal == "mul"
    neutral = 1.0 if multiplies else 0.0
    history = np.empty((len(values), 2 + m))
    for t, y in enumerate(values.tolist()):
        trend = level + model.phi * slope
        s = season[t % m] if season else neutral
        expected = trend * s if multiplies else trend + s
        # The error of y without its season, that of level and slope; relative to what it scales.
        miss = 0.0 if math.isnan(y) else (y / s - trend if multiplies else y - expected)
        level, slope = trend + model.alpha * miss, model.phi * slope + model.beta * miss
        if season and not math.isnan(y):
            # As statsmodels: by the new level for a multiplicative season, 1 - alpha as in its fit.
            own = y / level if multiplies else 0.0
            share = model.gamma / (1 - model.alpha) if model.alpha < 1 else 0.0
            season[t % m] = s + (share * (own - s) if multiplies else model.gamma * miss)
        history[t] = (level, slope, *(season or [neutral]))
    ahead = 1 + np.arange(horizon)
    damping = np.cumsum(model.phi**ahead)
    line = history[origins, :1] + damping * history[origins, 1:2]
    place = 2 + (origins[:, None] + ahead) % m
    part = np.take_along_axis(history[origins], place, axis=1)
    return line * part if multiplies else line + part


def theta(
    values: np.ndarray, training: int, origins: np.ndarray, horizon: int, season: int
) -> tuple[np.ndarray, str]:
    """Forecasts [O, H] of the Theta method, and what was fit.

    Simple exponential smoothing with half the slope of the training part as drift, Hyndman & Billah
    2003, of the seasonally adjusted series where its autocorrelation at one season is significant
    at 10 %, as Assimakopoulos & Nikolopoulos 2000 do; adjusted by ratios for positive values, by
    differences otherwise.
    """
    from scipy.optimize import minimize_scalar

    train = interpolated(values[:training])
    is_seasonal = 1 < season <= training // 2 and _seasonal(train, season)
    ratios = is_seasonal and bool(np.nanmin(values[:training]) > 0)
    index = phases(train, season, ratios=ratios) if is_seasonal else np.array([float(ratios)])
    own = index[np.arange(len(values)) % len(index)]
    adjusted = values / own if ratios else values - own
    at = np.flatnonzero(np.isfinite(adjusted[:training]))
    known = adjusted[at]
    slope = float(np.polyfit(at, known, 1)[0]) if len(known) > 1 else 0.0

    newest = known[-MOST_ROWS:].tolist()

    def error(alpha: float) -> float:
        level, total = newest[0], 0.0
        for y in newest:
            total += (y - level) ** 2
            level += alpha * (y - level)
        return total

    alpha = float(minimize_scalar(error, bounds=(0.01, 0.9999), method="bounded").x)
    levels, level = np.empty(len(values)), float(known[0])
    for t, y in enumerate(adjusted.tolist()):
        level += 0.0 if math.isnan(y) else alpha * (y - level)
        levels[t] = level
    ahead = np.arange(horizon)
    rest = (1 - (1 - alpha) ** (origins[:, None] + 1.0)) / alpha
    found = levels[origins][:, None] + slope / 2 * (ahead + rest)
    later = index[(origins[:, None] + 1 + ahead) % len(index)]
    return (found * later if ratios else found + later), f"alpha {alpha:.2g}"


def phases(train: np.ndarray, season: int, *, ratios: bool = False) -> np.ndarray:
    """The index [m] of each phase, the first for the first row: classical decomposition.

    Means, over whole seasons, of values minus (over) a centred moving average; they sum to 0
    (average to 1).
    """
    values = interpolated(train)
    if len(values) < 2 * season:
        return np.full(season, float(ratios))
    half, middle = trend(values, season)
    inner = values[half : len(values) - half]
    off = inner / middle if ratios else inner - middle
    phase = (np.arange(len(off)) + half) % season
    index = np.array([off[phase == k].mean() for k in range(season)])
    return index / index.mean() if ratios else index - index.mean()


def trend(values: np.ndarray, season: int) -> tuple[int, np.ndarray]:
    """The centred moving average over a season of all but the first and the last k rows, and k."""
    weights = np.full(season + 1 - season % 2, 1 / season)
    if season % 2 == 0:
        weights[[0, -1]] /= 2
    return len(weights) // 2, np.convolve(values, weights, mode="valid")


def interpolated(values: np.ndarray) -> np.ndarray:
    """Values [N] with missing ones on the line between their neighbours; for estimation only."""
    known = np.isfinite(values)
    if known.all():
        return values
    rows = np.arange(len(values))
    return np.interp(rows, rows[known], values[known])


def _seasonal(values: np.ndarray, season: int) -> bool:
    """Whether the autocorrelation at one season is above 1.645 standard errors (Bartlett's)."""
    centred = values - values.mean()
    power = float(centred @ centred)
    if power == 0:
        return False
    r = np.array([centred[k:] @ centred[: len(centred) - k] / power for k in range(1, season + 1)])
    return bool(abs(r[-1]) > 1.645 * np.sqrt((1 + 2 * np.square(r[:-1]).sum()) / len(values)))


def _best(train: np.ndarray, season: int) -> Smoothing:
    fits = [fit for fit in _fits(train, season) if math.isfinite(fit[0])]
    if fits:
        return min(fits, key=lambda pair: pair[0])[1]
    return Smoothing("add", False, "", 0.5, 0.0, 0.0, 1.0, float(train[0]), 0.0, ())


def _fits(train: np.ndarray, season: int) -> Iterator[tuple[float, Smoothing]]:
    """(AICc, model) of every admissible model that can be fit to a training part."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    positive, has_season = bool(train.min() > 0), 1 < season <= len(train) // 2
    for error in ("add", "mul") if positive else ("add",):
        seasonals = ["", *(["add"] if has_season else [])]
        seasonals += ["mul"] if has_season and error == "mul" else []
        for seasonal in seasonals:
            for trend, damped in ((False, False), (True, False), (True, True)):
                options: dict[str, Any] = {
                    "error": error,
                    "trend": "add" if trend else None,
                    "damped_trend": damped,
                    "seasonal": seasonal or None,
                    "seasonal_periods": season if seasonal else None,
                    "initialization_method": (
                        "heuristic" if seasonal and season > ESTIMATED else "estimated"
                    ),
                }
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of optimisers that stop early
                    try:
                        result = ETSModel(train, **options).fit(disp=False)
                    except (ValueError, np.linalg.LinAlgError):
                        continue  # too short for the heuristic, which needs ten rows
                yield float(result.aicc), _smoothing(result, error, trend, seasonal, damped)


def _smoothing(result: Any, error: str, trend: bool, seasonal: str, damped: bool) -> Smoothing:
    get = lambda name: float(getattr(result, name, 0.0) or 0.0)
    season = result.initial_seasonal if seasonal else ()
    return Smoothing(
        error,
        trend,
        seasonal,
        get("smoothing_level"),
        get("smoothing_trend") if trend else 0.0,
        get("smoothing_seasonal") if seasonal else 0.0,
        get("damping_trend") if damped else 1.0,
        get("initial_level"),
        get("initial_trend") if trend else 0.0,
        tuple(map(float, season)),
    )
