"""Figures of the comparison: origins chosen by rule, the last weeks, errors by step ahead."""

from collections.abc import Mapping

import numpy as np

from lstmx import plots
from lstmx.report.forecasting import _tables
from lstmx.report.forecasting._errors import Errors
from lstmx.report.forecasting._intervals import Interval
from lstmx.report.forecasting._predict import Predicted

MOST_ORIGINS = 6  # more forecasts in one figure cannot be distinguished
MOST_MARKERS = 24  # dots beyond that touch each other
MOST_CURVES = 7  # more have no colors of their own
HISTORIES = 2
"""A panel shows this many horizons of history, or the window where that is shorter."""


def series(predicted: Predicted, column: int, reference: str) -> plots.Figure:
    """Truth and forecasts from the last few origins of the last series that do not overlap."""
    windows = predicted.windows
    horizon = windows.times.shape[1]
    own = np.flatnonzero(windows.of_series == windows.of_series[-1])
    at = own[np.arange(len(own) - 1, -1, -horizon)[:MOST_ORIGINS][::-1]]
    first = windows.bounds[windows.of_series[-1]]
    begin = max(first, windows.origins[at[0]] - horizon)
    end = windows.origins[at[-1]] + horizon + 1
    name, model = predicted.model
    simple = windows.forecasts[reference]
    return plots.rolling_forecasts(
        windows.series.times[begin:end],
        windows.series.values[begin:end, column],
        windows.origins[at] - begin,
        {name: model[at, :, column], words(reference): simple[at, :, column]},
        ylabel=_tables.label(predicted, column),
    )


def cases(
    predicted: Predicted, column: int, reference: str, intervals: Mapping[float, Interval]
) -> plots.Figure:
    """The forecasts with the median and the largest error of the model, and the last one."""
    windows = predicted.windows
    error = np.abs(predicted.model[1][..., column] - windows.truth[..., column])
    error = error / windows.naive[windows.of_series, column][:, None]
    known = np.isfinite(error)
    mean = np.where(known, error, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    usable = np.flatnonzero(known.any(axis=1))
    ranked = usable[np.argsort(mean[usable], kind="stable")]
    if not len(ranked):
        return case_figure(predicted, column, {"last": len(windows.origins) - 1}, "", intervals)
    chosen = {
        "median error": ranked[(len(ranked) - 1) // 2],
        "largest error": ranked[-1],
        "last": usable[-1],
    }
    return case_figure(predicted, column, chosen, reference, intervals)


def case_figure(
    predicted: Predicted,
    column: int,
    chosen: Mapping[str, int],
    reference: str,
    intervals: Mapping[float, Interval],
) -> plots.Figure:
    """Panels of the forecasts of some windows, title -> number of the window."""
    windows = predicted.windows
    horizon = windows.times.shape[1]
    name, model = predicted.model
    panels = []
    for title, at in chosen.items():
        origin, own = windows.origins[at], windows.of_series[at]
        back = max(HISTORIES * horizon, min(predicted.spec.window, 2 * HISTORIES * horizon))
        begin = max(windows.bounds[own], origin + 1 - back)
        forecasts = {name: model[at, :, column]}
        if reference:
            forecasts[words(reference)] = windows.forecasts[reference][at, :, column]
        series = f" of {windows.ids[own]}" if len(windows.ids) > 1 else ""
        panels.append(
            plots.Case(
                f"{title}{series}, from {stamp(windows.series.times[origin])}",
                windows.series.times[begin : origin + 1 + horizon],
                windows.series.values[begin : origin + 1 + horizon, column],
                forecasts,
                {
                    coverage: (interval.low[at, :, column], interval.high[at, :, column])
                    for coverage, interval in intervals.items()
                    if np.isfinite(interval.high[at, :, column]).all()
                },
            )
        )
    return plots.forecast_cases(panels, ylabel=_tables.label(predicted, column))


def by_step(predicted: Predicted, column: int, errors: Mapping[str, Errors]) -> plots.Figure:
    """The MAE by step ahead: the model with the range over its runs, and the best references."""
    order = sorted(
        (key for key in errors if key != "ensemble"),
        key=lambda key: (key != "model", float(errors[key].overall["mae"].mean())),
    )[:MOST_CURVES]
    steps = np.arange(1, predicted.windows.times.shape[1] + 1)
    return plots.learning_curves(
        {words(k): [(steps, mae) for mae in errors[k].by_step["mae"]] for k in order},
        ylabel=f"mean absolute error, {_tables.label(predicted, column)}",
        xlabel=f"{_tables.unit(predicted.windows.series.times)} ahead",
        markers=len(steps) <= MOST_MARKERS,
        from_zero=True,
    )


def words(name: str) -> str:
    """An identifier as words, for a legend."""
    return name.replace("_", " ")


def stamp(time: np.datetime64 | np.int64) -> str:
    """A time without a clock at midnight, or the number of a row."""
    if not isinstance(time, np.datetime64):
        return f"row {time}"
    text = str(time.astype("datetime64[m]")).replace("T", " ")
    return text.removesuffix(" 00:00")


def day(time: np.datetime64 | np.int64) -> str:
    """The day of a time, or the number of a row."""
    return str(time)[:10] if isinstance(time, np.datetime64) else stamp(time)
