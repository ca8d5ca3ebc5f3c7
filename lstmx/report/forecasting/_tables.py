"""Forecasts and their errors as Markdown tables and CSV files."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstmx import tables
from lstmx.report.forecasting import _errors
from lstmx.report.forecasting._errors import Errors, Metric
from lstmx.report.forecasting._intervals import Interval
from lstmx.report.forecasting._predict import Predicted

MOST_STEPS = 13
"""The most lines by horizon step in the Markdown; the CSV file has all steps."""
UNITS = {
    **{60: "minutes", 900: "quarter hours", 1800: "half hours"},
    **{3600: "hours", 86_400: "days", 604_800: "weeks"},
}
MONTH, YEAR = (28 * 86_400, 31 * 86_400), (365 * 86_400, 366 * 86_400)


def scores(predicted: Predicted, column: int) -> dict[str, Errors]:
    """Name of the forecast -> its errors in a column.

    The names are "model" (each run), "ensemble" (where there are several runs), and those of the
    simple forecasts.
    """
    windows = predicted.windows
    scale = windows.naive[windows.of_series, column][:, None]
    forecasts = {"model": predicted.forecasts}
    if len(predicted.runs) > 1:
        name, mean = predicted.model
        forecasts[name] = mean[None]
    forecasts |= {name: guess[None] for name, guess in windows.forecasts.items()}
    truth = windows.truth[..., column]
    return {k: _errors.errors(truth, v[..., column], scale) for k, v in forecasts.items()}


def markdown(predicted: Predicted, column: int, errors: Mapping[str, Errors]) -> str:
    """Two tables of one column: all steps together, and the MAE by step ahead."""
    windows = predicted.windows
    observed = np.isfinite(windows.truth[..., column])
    heads = ["forecast", *(metric.head for metric in _errors.METRICS.values())]
    lines = [
        [name, *(_overall(e.overall[key], metric) for key, metric in _errors.METRICS.items())]
        for name, e in errors.items()
    ]
    by_step = [
        [
            str(step),
            *(tables.number(e.by_step["mae"][:, step - 1].mean()) for e in errors.values()),
            f"{observed[:, step - 1].sum():,}",
        ]
        for step in _steps(observed.shape[1])
    ]
    missing = observed.size - observed.sum()
    left_out = f"; {missing:,} missing ones left out, for every forecast alike" if missing else ""
    parts = [
        f"## {label(predicted, column)}",
        f"{observed.sum():,} targets of {len(observed):,} origins{left_out}.",
        tables.markdown(heads, lines),
        f"MAE by {unit(windows.series.times)} ahead:",
        tables.markdown(["ahead", *errors, "targets"], by_step),
    ]
    return "\n\n".join(parts)


def label(predicted: Predicted, column: int) -> str:
    """Name and unit of a column."""
    name = predicted.windows.series.columns[column]
    return f"{name} ({predicted.unit})" if predicted.unit else name


def write_errors(file: Path, predicted: Predicted, errors: Sequence[Mapping[str, Errors]]) -> None:
    """One line per column, step ("all" last) and forecast: mean over the runs, lowest, highest."""
    metrics = [f"{m}{end}" for m in _errors.METRICS for end in ("", "_low", "_high")]
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["column", "ahead", "forecast", *metrics, "targets", "missing"])
        for c, by_method in enumerate(errors):
            observed = np.isfinite(predicted.windows.truth[..., c])
            for step in [*range(observed.shape[1]), None]:
                part = observed if step is None else observed[:, step]
                for name, e in by_method.items():
                    values = (
                        e.overall[m] if step is None else e.by_step[m][:, step]
                        for m in _errors.METRICS
                    )
                    cells = [f(v) for v in values for f in (np.mean, np.min, np.max)]
                    counts = [int(part.sum()), int(part.size - part.sum())]
                    head = [
                        predicted.windows.series.columns[c],
                        "all" if step is None else step + 1,
                        name,
                    ]
                    table.writerow([*head, *map(cell, cells), *counts])


def write_forecasts(
    file: Path, predicted: Predicted, intervals: Mapping[float, Interval] | None = None
) -> None:
    """One line per origin, step and column: the true value, every method's forecast, intervals."""
    windows = predicted.windows
    forecasts = dict(zip(predicted.runs, predicted.forecasts)) if len(predicted.runs) > 1 else {}
    name, values = predicted.model
    forecasts |= {name: values, **windows.forecasts}
    for coverage, interval in (intervals or {}).items():
        percent = round(100 * coverage)
        forecasts |= {f"low_{percent}": interval.low, f"high_{percent}": interval.high}
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        named = ["series"] if len(windows.ids) > 1 else []
        owners = [windows.ids[s] for s in windows.of_series]
        table.writerow([*named, "origin", "time", "ahead", "column", "truth", *forecasts])
        for o, h, c in np.ndindex(windows.truth.shape):
            origin = windows.series.times[windows.origins[o]]
            own = [owners[o]] if named else []
            head = [*own, origin, windows.times[o, h], h + 1, windows.series.columns[c]]
            values_here = [windows.truth[o, h, c], *(v[o, h, c] for v in forecasts.values())]
            table.writerow([*head, *map(cell, values_here)])


def unit(times: np.ndarray) -> str:
    """The unit of one step of a series, such as "weeks"; "steps" of numbers or another interval."""
    if times.dtype.kind != "M":
        return "steps"
    step = int(np.median(np.diff(times).astype("timedelta64[s]").astype(np.int64)))
    if MONTH[0] <= step <= MONTH[1]:
        return "months"
    return "years" if YEAR[0] <= step <= YEAR[1] else UNITS.get(step, "steps")


def _steps(horizon: int) -> list[int]:
    """At most MOST_STEPS steps ahead, the first and the last among them."""
    chosen = np.linspace(1, horizon, min(horizon, MOST_STEPS)).round().astype(int)
    return [int(step) for step in chosen]


def _overall(values: np.ndarray, metric: Metric) -> str:
    """The mean over the runs, for some metrics with the lowest and the highest of several runs."""
    if len(values) == 1 or not metric.spread:
        return tables.number(values.mean())
    low, high = tables.number(values.min()), tables.number(values.max())
    return f"{tables.number(values.mean())} ({low} to {high})"


def cell(value: Any) -> str:
    """A number of a CSV file: with all its digits; "" for NaN and infinity."""
    return repr(float(value)) if math.isfinite(value) else ""
