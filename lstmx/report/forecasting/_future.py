"""The values after the last row of a table, with intervals: a table, a CSV file and figures."""

import csv
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmx import tables
from lstmx.report.forecasting import _figures, _intervals, _later, _tables
from lstmx.report.forecasting._intervals import Interval
from lstmx.report.forecasting._predict import Predicted, predict
from lstmx.tasks import forecast

MOST_FIGURES = 8
"""The most figures, one for each series and column; the table has all of them."""
MOST_ROWS = 60
"""The most rows of the Markdown; the CSV file has all."""


class Future(NamedTuple):
    """The result of `future`.

    Attributes:
        markdown: the table as text.
        predicted: the forecasts, one window for each series.
        intervals: coverage -> their intervals.
        columns: of the table: series, time, ahead, column, forecast, ends of the intervals.
        rows: of the table.
        files: the written files.
    """

    markdown: str
    predicted: Predicted
    intervals: dict[float, Interval]
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    files: list[Path]


def future(
    paths: Sequence[Path | str],
    out: Path | str | None = None,
    *,
    step: str | int = "best",
    trust: bool = False,
    file: str = "",
    truth: str = "",
    sampled: int = forecast.PATHS,
) -> Future:
    """Forecast what follows the last row, and write future.md, future.csv and figures.

    Intervals are conformal, calibrated on the valid part of the table.

    Args:
        paths: run directories, or folders of them, of one config that may differ in the seed.
        out: folder to write to; default: `future` in the first path.
        step: "best", "latest" or a step.
        trust: import the cell that the runs name; see `lstmx.config.from_dict`.
        file: a table to forecast from in place of that of training, such as a newer one.
        truth: a table with the values that were known later, to judge the forecasts by.
        sampled: paths of a recursive forecast, see `predict`.

    Raises:
        ValueError: no run, a run of another task or config, no such checkpoint, or a file that does
            not fit the run.
        OSError: the folder cannot be written.
    """
    predicted = predict(
        paths, split=forecast.FUTURE, step=step, trust=trust, file=file, sampled=sampled
    )
    intervals = _intervals.of_model(predicted)
    folder = Path(out) if out is not None else Path(paths[0]) / "future"
    folder.mkdir(parents=True, exist_ok=True)
    later = _later.judged(predicted, intervals, truth) if truth else ""
    rows = list(_rows(predicted, intervals))
    files = [folder / "future.md", folder / "future.csv"]
    with files[1].open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(_head(intervals))
        table.writerows(
            [series, time, ahead, column, *map(_tables.cell, values)]
            for series, time, ahead, column, values in rows
        )
    markdown = "\n\n".join(filter(None, [_markdown(predicted, intervals, rows), later]))
    pictures = _pictures(folder, predicted, intervals)
    links = "\n\n".join(f"![{p.stem.replace('_', ' of ', 1)}]({p.name})" for p in pictures)
    files[0].write_text(f"{markdown}\n\n{links}\n", encoding="utf-8")
    flat = [(*row[:-1], *row[-1]) for row in rows]
    columns = tuple(_head(intervals))
    return Future(markdown, predicted, intervals, columns, flat, [*files, *pictures])


Row = tuple[str, np.datetime64, int, str, list[float]]


def _rows(predicted: Predicted, intervals: Mapping[float, Interval]) -> list[Row]:
    """Series, time, step, column; the forecast, and the ends of its intervals from low to high."""
    windows, model = predicted.windows, predicted.model[1]
    found: list[Row] = []
    for o, origin_series in enumerate(windows.of_series):
        for c, column in enumerate(windows.series.columns):
            for h in range(windows.times.shape[1]):
                ends = [
                    *(i.low[o, h, c] for _, i in sorted(intervals.items(), reverse=True)),
                    *(i.high[o, h, c] for _, i in sorted(intervals.items())),
                ]
                values = [float(model[o, h, c]), *map(float, ends)]
                time = windows.times[o, h]
                found.append((windows.ids[origin_series], time, h + 1, column, values))
    return found


def _head(intervals: Mapping[float, Interval]) -> list[str]:
    ends = [f"low_{c:.0%}"[:-1] for c in sorted(intervals, reverse=True)]
    ends += [f"high_{c:.0%}"[:-1] for c in sorted(intervals)]
    return ["series", "time", "ahead", "column", "forecast", *ends]


def _markdown(
    predicted: Predicted, intervals: Mapping[float, Interval], rows: Sequence[Row]
) -> str:
    windows = predicted.windows
    unit = _tables.unit(windows.series.times)
    last = _figures.stamp(windows.series.times[windows.origins].max())
    if predicted.spec.layout == "rows":  # numbered values: there are no dates
        last = "the last value of each series"
    head = _head(intervals)
    shown = [
        [series, _figures.stamp(time), str(ahead), column, *_digits(values)]
        for series, time, ahead, column, values in rows[:MOST_ROWS]
    ]
    # Names that all rows share are said once.
    keep = [k for k in range(len(head)) if k not in _single(windows.ids, windows.series.columns)]
    lines = [[row[k] for k in keep] for row in shown]
    more = f"{len(rows) - MOST_ROWS} more rows are in future.csv." if len(rows) > MOST_ROWS else ""
    parts = [
        f"# {predicted.name}: the {windows.times.shape[1]} {unit} after {last}",
        f"Forecasts of {', '.join(predicted.runs)}, of {', '.join(windows.series.columns)}"
        + (f" in {predicted.unit}." if predicted.unit else "."),
        "Intervals are conformal, calibrated on the valid part." if intervals else "",
        *(f"- {remark}" for remark in (*predicted.remarks, *windows.report)),
        tables.markdown([head[k] for k in keep], lines, left=["series", "time", "column"]),
        more,
    ]
    return "\n\n".join(filter(None, parts))


def _digits(values: Sequence[float]) -> list[str]:
    """A forecast and its interval as text, with two digits of the interval's width."""
    width = max(values) - min(values)
    if not 0 < width < np.inf:
        return [tables.brief(value, 6) for value in values]
    decimals = max(0, 1 - math.floor(math.log10(width)))
    return [f"{value:,.{decimals}f}" for value in values]


def _single(ids: Sequence[str], columns: Sequence[str]) -> set[int]:
    return ({0} if len(ids) == 1 else set()) | ({3} if len(columns) == 1 else set())


def _pictures(
    folder: Path, predicted: Predicted, intervals: Mapping[float, Interval]
) -> list[Path]:
    windows, files = predicted.windows, list[Path]()
    pairs = itertools.product(enumerate(windows.of_series), enumerate(windows.series.columns))
    drawn = list(itertools.islice(pairs, MOST_FIGURES))
    names = [
        f"{windows.ids[own]}_{column}" if len(windows.ids) > 1 else column
        for (_, own), (_, column) in drawn
    ]
    for ((o, _), (c, _)), stem in zip(drawn, tables.stems(names)):
        figure = _figures.case_figure(predicted, c, {"forecast": o}, "", intervals)
        files.append(folder / f"future_{stem}.png")
        figure.savefig(files[-1], dpi=160, facecolor="white")
    return files
