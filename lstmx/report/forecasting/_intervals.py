"""Intervals around forecasts: conformal, calibrated on the valid part, per step ahead and column.

For a model that says quantiles, conformalised quantile regression (Romano et al. 2019): the margin
is of how far the truth lies outside of the model's own interval. For any other forecast it is of
the absolute error. Both relative to the scale of a series, so that those of several series can be
taken together. Coverage holds for exchangeable origins; overlapping windows of one series are not,
and the checkpoint was chosen on the same part: the tables have the coverage on the held-out end.
"""

from typing import NamedTuple

import numpy as np

from lstmx import stats
from lstmx.report.forecasting._predict import LEVELS, Predicted

COVERAGES = (0.8, 0.95)
"""The intervals of tables and figures; their ends are among `LEVELS`."""


Ends = tuple[np.ndarray, np.ndarray]


class Interval(NamedTuple):
    """The interval of every forecast.

    Attributes:
        low, high: [O, H, C]; infinite where the valid part has too few origins.
    """

    low: np.ndarray
    high: np.ndarray


def of_model(predicted: Predicted) -> dict[float, Interval]:
    """Coverage -> the intervals of the model; none without a valid part to calibrate on."""
    before = predicted.calibration
    if before is None:
        return {}
    middle, then = predicted.model[1], before.model[1]
    return {
        coverage: calibrated(
            coverage,
            (before.windows.truth, *_ends(before, then, coverage)),
            _ends(predicted, middle, coverage),
            (scales(before), scales(predicted)),
        )
        for coverage in COVERAGES
    }


def calibrated(
    coverage: float,
    before: tuple[np.ndarray, np.ndarray, np.ndarray],
    ends: Ends,
    scale: tuple[np.ndarray, np.ndarray],
) -> Interval:
    """Ends widened (or drawn in) by the margin that covers the calibration part.

    Args:
        coverage: such as 0.8.
        before: truth and both ends of the calibration part, [V, H, C] each; equal ends of a point.
        ends: of the forecasts, [O, H, C] each.
        scale: of the series of both, [V, 1, C] and [O, 1, C].
    """
    truth, low, high = before
    margin = stats.conformal(np.maximum(low - truth, truth - high) / scale[0], coverage)
    low, high = ends[0] - margin * scale[1], ends[1] + margin * scale[1]
    # A negative margin of a narrow interval can make its ends cross: they meet in the middle then.
    middle = (ends[0] + ends[1]) / 2
    return Interval(np.minimum(low, middle), np.maximum(high, middle))


def quantiles(
    forecasts: np.ndarray, before: np.ndarray, truth: np.ndarray, levels: tuple[float, ...]
) -> np.ndarray:
    """Quantiles [O, H, C, K] of a point forecast: plus those of its errors before, by step.

    Args:
        forecasts: [O, H, C].
        before: [V, H, C] forecasts of the calibration part.
        truth: [V, H, C]; NaN where missing.
        levels: [K].
    """
    off = np.nanquantile(truth - before, levels, axis=0)  # [K, H, C]
    return forecasts[..., None] + np.moveaxis(off, 0, -1)


def scales(predicted: Predicted) -> np.ndarray:
    """The scale of the series of each origin, [O, 1, C]."""
    windows = predicted.windows
    return windows.naive[windows.of_series][:, None]


def _ends(predicted: Predicted, middle: np.ndarray, coverage: float) -> Ends:
    """The ends of the model's own interval, or its point forecast twice."""
    if predicted.quantiles is None:
        return middle, middle
    at = [LEVELS.index(round(0.5 + sign * coverage / 2, 6)) for sign in (-1, 1)]
    low, high = predicted.quantiles[..., at[0]], predicted.quantiles[..., at[1]]
    # A model of few quantiles does not say the outer ones.
    return np.where(np.isfinite(low), low, middle), np.where(np.isfinite(high), high, middle)
