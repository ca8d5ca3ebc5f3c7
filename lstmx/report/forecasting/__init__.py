"""Forecasts of finished runs compared with simple ones: tables, files and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx import plots
from lstmx.report.forecasting import _tables
from lstmx.report.forecasting._errors import METRICS, Errors
from lstmx.report.forecasting._predict import Predicted, predict

__all__ = ["Made", "Predicted", "predict", "write"]

MOST_ORIGINS = 6  # more forecasts in one figure cannot be distinguished
MOST_COLUMNS = 8
"""The most columns with figures; the tables have all columns."""
MOST_MARKERS = 24  # dots beyond that touch each other
FIRST = ("seasonal_naive", "naive")
"""The simple forecast to plot with the model's: the first of these that is available."""


class Made(NamedTuple):
    """The result of `write`.

    Attributes:
        markdown: the tables as text.
        predicted: every forecast.
        errors: name of the forecast -> its errors, for each column.
        files: the written files.
    """

    markdown: str
    predicted: Predicted
    errors: list[dict[str, Errors]]
    files: list[Path]


def write(
    paths: Sequence[Path | str],
    out: Path | str | None = None,
    *,
    split: str = "test",
    step: str | int = "best",
    trust: bool = False,
) -> Made:
    """Forecast every window of a split, and write forecast.md, two CSV files and the figures.

    Args:
        paths: run directories, or folders of them, of one config that may differ in the seed.
        out: folder to write to; default: `forecast` (`forecast-valid`) in the first path.
        split: valid or test.
        step: "best", "latest" or a step.
        trust: import the cell that the runs name; see `lstmx.config.from_dict`.

    Raises:
        ValueError: no run, a run of another task or config, no such checkpoint, unknown split.
        OSError: the folder cannot be written.
    """
    predicted = predict(paths, split=split, step=step, trust=trust)
    folder = Path(paths[0]) / ("forecast" if split == "test" else f"forecast-{split}")
    folder = Path(out) if out is not None else folder
    folder.mkdir(parents=True, exist_ok=True)
    columns = predicted.windows.series.columns
    by_column = [_tables.scores(predicted, c) for c in range(len(columns))]
    tables = [_tables.markdown(predicted, c, errors) for c, errors in enumerate(by_column)]
    markdown = "\n\n".join([_head(predicted, step), *tables]) + "\n"
    files = [folder / name for name in ("forecast.md", "errors.csv", "forecasts.csv")]
    _tables.write_errors(files[1], predicted, by_column)
    _tables.write_forecasts(files[2], predicted)
    pictures = []
    for c, column in enumerate(columns[:MOST_COLUMNS]):
        stem = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in column)
        for name, figure in (
            ("series", _series(predicted, c)),
            ("errors", _by_step(predicted, c, by_column[c])),
        ):
            pictures.append(folder / f"{name}_{stem}.png")
            figure.savefig(pictures[-1], dpi=160, facecolor="white")
    links = "\n\n".join(f"![{p.stem.replace('_', ' of ', 1)}]({p.name})" for p in pictures)
    files[0].write_text(f"{markdown}\n{links}\n", encoding="utf-8")
    return Made(markdown, predicted, by_column, [*files, *pictures])


def _head(predicted: Predicted, step: str | int) -> str:
    """Title, split and time span, runs and checkpoint, notes on the metrics, and remarks."""
    windows = predicted.windows
    unit = _tables.unit(windows.series.times)
    first, last = (str(t)[:10] for t in (windows.times[0, 0], windows.times[-1, -1]))
    of = ", ".join(predicted.runs)
    several = f"{len(predicted.runs)} runs ({of})" if len(predicted.runs) > 1 else f"one run ({of})"
    lag = f"{predicted.season or 1} {unit}"
    explained = sorted((m for m in METRICS.values() if m.note), key=lambda m: m.head.lower())
    notes = [f"{metric.head}: {metric.note.format(lag=lag)}" for metric in explained]
    if len(predicted.runs) > 1:
        notes.append("model: mean over the runs, and their range")
        notes.append("ensemble: the mean of their forecasts")
    parts = [
        f"# {predicted.name}: forecasts of {predicted.split}, {first} to {last}",
        f"{windows.times.shape[1]} {unit} ahead from every origin. {several.capitalize()}, "
        f"checkpoint: {step}.",
        "; ".join(notes) + ".",
        *(f"- {remark}" for remark in predicted.remarks),
    ]
    return "\n\n".join(parts)


def _series(predicted: Predicted, column: int) -> plots.Figure:
    """Truth and forecasts from the last few origins that do not overlap."""
    windows = predicted.windows
    horizon = windows.times.shape[1]
    at = np.arange(len(windows.origins) - 1, -1, -horizon)[:MOST_ORIGINS][::-1]
    begin = max(0, windows.origins[at[0]] - horizon)
    end = windows.origins[at[-1]] + horizon + 1
    name, model = predicted.model
    simple = next(k for k in FIRST if k in windows.forecasts)
    return plots.rolling_forecasts(
        windows.series.times[begin:end],
        windows.series.values[begin:end, column],
        windows.origins[at] - begin,
        {name: model[at, :, column], _words(simple): windows.forecasts[simple][at, :, column]},
        ylabel=_tables.label(predicted, column),
    )


def _by_step(predicted: Predicted, column: int, errors: Mapping[str, Errors]) -> plots.Figure:
    """The MAE by step ahead: the model with the range over its runs, and the simple forecasts."""
    windows = predicted.windows
    order = sorted((k for k in errors if k != "ensemble"), key=lambda k: k == "naive")
    steps = np.arange(1, windows.times.shape[1] + 1)
    return plots.learning_curves(
        {_words(k): [(steps, mae) for mae in errors[k].by_step["mae"]] for k in order},
        ylabel=f"mean absolute error, {_tables.label(predicted, column)}",
        xlabel=f"{_tables.unit(windows.series.times)} ahead",
        markers=len(steps) <= MOST_MARKERS,
        from_zero=True,
    )


def _words(name: str) -> str:
    """An identifier as words, for a legend."""
    return name.replace("_", " ")
