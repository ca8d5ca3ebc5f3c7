"""Forecasts by simple and by classical methods, for the windows of a split.

The simple ones need no fit, or one that is solved: naive, seasonal naive, drift, the mean of a
phase of the season, a ridge regression on the same window. ETS, Theta and ARIMA are fit once for
each series and column, on the training part, and follow the series to every origin; what bounds
these fits is stated in `lstmx.stats.smoothing` and `arima`.
"""

import importlib.util
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lstmx import checks, stats
from lstmx.report.forecasting._predict import Predicted
from lstmx.tasks import forecast

KINDS = ("none", "simple", "all")
MOST_FITS = 16
"""Series times columns that classical methods are fit to; of more, only the simple ones are."""
CLASSICAL = ("ets", "theta", "arima")


class References(NamedTuple):
    """Forecasts of other methods.

    Attributes:
        forecasts: name -> [O, H, C].
        before: the same for the valid part, on which intervals are calibrated; empty for valid.
        remarks: what was fit, and what was left out, a line each.
    """

    forecasts: dict[str, np.ndarray]
    before: dict[str, np.ndarray]
    remarks: tuple[str, ...]


def references(predicted: Predicted, kind: str) -> References:
    """The forecasts of other methods on the same windows.

    Args:
        predicted: the windows.
        kind: "none" for those of the task alone, "simple", or "all".
    """
    checks.one_of("references", kind, KINDS)
    parts = [predicted.windows]
    parts += [] if predicted.calibration is None else [predicted.calibration.windows]
    found = [dict(windows.forecasts) for windows in parts]
    remarks: list[str] = []
    if kind != "none":
        for methods, windows in zip(found, parts):
            methods |= forecast.more_references(predicted.spec, windows)
    fits = len(parts[0].ids) * parts[0].truth.shape[-1]
    if kind == "all" and fits > MOST_FITS:
        remarks.append(
            f"{', '.join(CLASSICAL)} are left out: {fits} fits, one for each series and column, "
            f"are more than {MOST_FITS}"
        )
    elif kind == "all" and importlib.util.find_spec("statsmodels") is None:
        remarks.append(
            f"{', '.join(CLASSICAL)} are left out: statsmodels is not installed; "
            "pip install lstmx[forecast]"
        )
    elif kind == "all":
        for name in CLASSICAL:
            guesses, notes = _classical(name, parts, predicted.season)
            for methods, guess in zip(found, guesses):
                methods[name] = guess
            remarks.append(f"{name}: {', '.join(notes)}")
    return References(found[0], found[1] if len(found) > 1 else {}, tuple(remarks))


def _classical(
    name: str, parts: list[forecast.Windows], season: int
) -> tuple[list[np.ndarray], list[str]]:
    """The forecasts of one method for the windows of each part, and what was fit."""
    method: Callable[..., tuple[np.ndarray, str]] = {
        "ets": stats.ets,
        "theta": stats.theta,
        "arima": stats.auto_arima,
    }[name]
    guesses = [np.full(part.truth.shape, np.nan) for part in parts]
    first, notes = parts[0], []
    for s in range(len(first.ids)):
        begin, end = first.bounds[s], first.bounds[s + 1]
        for c in range(first.truth.shape[-1]):
            rows = [np.flatnonzero(part.of_series == s) for part in parts]
            # One fit for all parts: a split only asks for other origins of the same series.
            origins = np.concatenate([p.origins[r] - p.bounds[s] for p, r in zip(parts, rows)])
            values = first.series.values[begin:end, c]
            train, horizon = int(first.cuts[s, 0]), first.truth.shape[1]
            found, note = method(values, train, origins, horizon, season)
            for guess, row, own in zip(guesses, rows, np.split(found, [len(rows[0])])):
                guess[row, :, c] = own
            notes.append(note)
    return guesses, notes


def best(errors: dict[str, float]) -> str:
    """The name of the reference with the least error; NaN is none."""
    return min(errors, key=lambda name: np.inf if np.isnan(errors[name]) else errors[name])
