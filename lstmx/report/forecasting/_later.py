"""Forecasts of the future against the values that were known later."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lstmx import tables
from lstmx.data import fetch, timeseries
from lstmx.report.forecasting._errors import errors
from lstmx.report.forecasting._intervals import Interval
from lstmx.report.forecasting._predict import Predicted


def judged(predicted: Predicted, intervals: Mapping[float, Interval], file: str) -> str:
    """A table of the errors of the model and the simple forecasts, in Markdown.

    The MASE divides by the error of the value one season (or step) before over the whole history of
    each series, and is averaged over series: the definition of the M4 competition (Makridakis,
    Spiliotis & Assimakopoulos 2020).

    Args:
        predicted: of the split future.
        intervals: coverage -> intervals of the model.
        file: a table read like that of training. Rows are matched by series and time, numbered rows
            by series and number.

    Raises:
        ValueError: a table that cannot be read, or that has none of the forecast values.
    """
    windows, name = predicted.windows, predicted.model[0]
    truth = _truth(predicted, file)
    known = {name: predicted.model[1], **windows.forecasts}
    lines = []
    for c, column in enumerate(windows.series.columns):
        scale = _scale(predicted, c)
        for method, values in known.items():
            found = errors(truth[..., c], values[None, ..., c], scale[:, None]).overall
            inside = [
                f"{100 * _coverage(truth[..., c], one.low[..., c], one.high[..., c]):.1f}"
                if method == name
                else ""
                for _, one in sorted(intervals.items())
            ]
            numbers = [tables.brief(float(found[metric][0])) for metric in ("mase", "mae", "rmse")]
            lines.append([column, method.replace("_", " "), *numbers, *inside])
    count = int(np.isfinite(truth).sum())
    heads = ["column", "forecast", "MASE", "MAE", "RMSE"]
    heads += [f"{c:.0%} covers, %" for c in sorted(intervals)]
    lag = predicted.season or 1
    note = (
        f"Against {Path(file).name}, {count:,} values known later. MASE: MAE over that of the "
        f"value {lag} before in the whole history, mean over the series."
    )
    return f"{note}\n\n{tables.markdown(heads, lines, left=['column', 'forecast'])}"


def _truth(predicted: Predicted, file: str) -> np.ndarray:
    """The values known later, [O, H, C]; NaN where the table lacks one."""
    windows, spec = predicted.windows, predicted.spec
    place = fetch.find(file)
    frame = timeseries.read(place, spec.table())
    values = timeseries.numbers(frame, "target")
    origins, horizon = windows.times.shape
    found = np.full((origins, horizon, len(windows.series.columns)), np.nan)
    if values.shape[1] != found.shape[2]:
        raise ValueError(
            f"{place} has {values.shape[1]} target columns; the forecasts are of "
            f"{', '.join(windows.series.columns)}"
        )
    times = timeseries.stamps(frame)
    rows = dict(zip(frame.ids, zip(frame.bounds[:-1], frame.bounds[1:])))
    for o, number in enumerate(windows.of_series):
        first, end = rows.get(windows.ids[number], (0, 0))
        if spec.layout == "rows":  # numbered from 1 again, so that only the order counts
            count = min(horizon, end - first)
            found[o, :count] = values[first : first + count]
            continue
        at = first + np.searchsorted(times[first:end], windows.times[o])
        inside = at < end
        inside[inside] = times[at[inside]] == windows.times[o][inside]
        found[o, inside] = values[at[inside]]
    if not np.isfinite(found).any():
        raise ValueError(
            f"{place} has none of the forecast values; they begin at {windows.times.min()} in "
            f"{len(windows.ids)} series"
        )
    return found


def _scale(predicted: Predicted, column: int) -> np.ndarray:
    """The mean absolute change over a season in the history of each origin's series, [O]."""
    windows, lag = predicted.windows, predicted.season or 1
    scales = []
    for number, origin in zip(windows.of_series, windows.origins):
        history = windows.series.values[windows.bounds[number] : origin + 1, column]
        moves = np.abs(history[lag:] - history[:-lag])
        mean = float(np.nanmean(moves)) if np.isfinite(moves).any() else np.nan
        scales.append(mean if mean > 0 else np.nan)
    return np.array(scales)


def _coverage(truth: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """The share of the known values inside their interval."""
    known = np.isfinite(truth)
    return float(((low <= truth) & (truth <= high))[known].mean())
