"""Simple forecasts for the windows of a split, to compare a model with."""

import dataclasses

import numpy as np

from lstmx.tasks import _windows
from lstmx.tasks._forecasting import bases, fitting
from lstmx.tasks._forecasting.panel import Panel, by_series
from lstmx.tasks._forecasting.spec import ForecastSpec
from lstmx.tasks._forecasting.windows import Windows

MOST_NUMBERS = 10_000_000
"""Forecasts that are held at a time: 80 MB an array, whatever the number of windows."""


def simple(spec: ForecastSpec, panel: Panel, places: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> simple forecasts [O, H, C], each from the rows of its own series."""
    horizon, season = spec.horizon, spec.season
    parts: dict[str, list[np.ndarray]] = {}
    for s, values in enumerate(by_series(panel, panel.values)):
        begin, end = panel.bounds[s], panel.bounds[s + 1]
        at = places[(places >= begin) & (places < end)] - begin
        found = {"naive": _windows.naive(values, at, horizon)}
        if season:
            found["seasonal_naive"] = _windows.seasonal_naive(values, at, horizon, season)
            found["seasonal_drift"] = _windows.seasonal_drift(values, at, horizon, season)
        for name, guess in found.items():
            parts.setdefault(name, []).append(guess)
    return {name: np.concatenate(guesses) for name, guesses in parts.items()}


def errors(
    spec: ForecastSpec, panel: Panel, places: np.ndarray, naive: np.ndarray | None
) -> dict[str, float]:
    """Name -> the mean absolute error of each simple forecast, over all targets; NaN without any.

    Args:
        spec: of the task.
        panel: its numbers.
        places: [O] origins.
        naive: [S, C] what errors are divided by; None for those in the original units.
    """
    size = max(1, MOST_NUMBERS // (spec.horizon * len(panel.columns)))
    series = panel.series
    totals: dict[str, float] = {}
    counts: dict[str, int] = {}
    for begin in range(0, len(places), size):
        at = places[begin : begin + size]
        truth = _windows.targets(panel.values, at, spec.horizon)
        scale = 1.0 if naive is None else naive[series[at]][:, None]
        for name, guess in simple(spec, panel, at).items():
            miss = np.abs(guess - truth) / scale
            totals[name] = totals.get(name, 0.0) + float(np.nansum(miss))
            counts[name] = counts.get(name, 0) + int(np.count_nonzero(~np.isnan(miss)))
    return {
        name: total / counts[name] if counts[name] else np.nan for name, total in totals.items()
    }


def more(spec: ForecastSpec, view: Windows) -> dict[str, np.ndarray]:
    """Name -> forecasts [O, H, C] that cost more than those of `Windows`: for reports.

    "drift" along the line from the first value, "phase_mean" of the phases of the season so far,
    and "ridge" on the same window, one regression for all columns and series.
    """
    parts: dict[str, list[np.ndarray]] = {"drift": [], "phase_mean": []}
    cuts = zip(np.split(view.series.values, view.bounds[1:-1]), view.bounds)
    for s, (values, begin) in enumerate(cuts):
        at = view.origins[view.of_series == s] - begin
        parts["drift"].append(_windows.drift(values, at, spec.horizon))
        parts["phase_mean"].append(_windows.phase_mean(values, at, spec.horizon, spec.season))
    found = {name: np.concatenate(guesses) for name, guesses in parts.items()}
    return found | {"ridge": _ridge(spec, view)}


def _ridge(spec: ForecastSpec, view: Windows) -> np.ndarray:
    plain = dataclasses.replace(spec, detrend="linear", transform="none", scaling="standard")
    blank = np.empty((len(view.series.times), 0))
    last = view.bounds[:-1] + np.asarray(view.rows) - 1
    panel = Panel(*view.series, view.bounds, view.ids, blank, blank, blank, blank, blank, last)
    train = np.arange(len(blank)) - panel.begin < view.cuts[panel.series, 0]
    scales = fitting.fit(panel, plain, view.cuts, train)
    z = fitting.scaled(panel, plain, scales)
    tables = bases.tables(panel, z, spec.season)._replace(weights=scales.weights)
    own = panel.series[view.origins]
    base = bases.base("linear", tables, view.origins, spec.horizon, spec.season)
    return base * scales.scale[own][:, None] + scales.shift[own][:, None]
