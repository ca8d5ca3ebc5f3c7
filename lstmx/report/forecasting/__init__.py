"""Forecasts of finished runs compared with simple and classical ones; and of what comes next.

`write` judges the held-out end: a verdict in words, tables, CSV files, figures. `future` forecasts
the values after the last row, with intervals.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx.report.forecasting import _figures, _intervals, _quality, _tables
from lstmx.report.forecasting._errors import METRICS, Errors
from lstmx.report.forecasting._future import Future, future
from lstmx.report.forecasting._intervals import Interval
from lstmx.report.forecasting._predict import LEVELS, Predicted, predict
from lstmx.report.forecasting._references import references as _references
from lstmx.report.forecasting._scaled import Scaled, by_window, given, write_windows
from lstmx.report.forecasting._skill import BASELINE, Row, leaderboard, skill_scores, win_rates
from lstmx.report.forecasting._skill import markdown as leaderboard_markdown
from lstmx.report.forecasting._verdict import Verdict, verdict
from lstmx.tables import stems
from lstmx.tasks import forecast

__all__ = [
    "BASELINE",
    "LEVELS",
    "Future",
    "Made",
    "Predicted",
    "Row",
    "Scaled",
    "Verdict",
    "by_window",
    "future",
    "given",
    "leaderboard",
    "leaderboard_markdown",
    "predict",
    "skill_scores",
    "verdict",
    "win_rates",
    "write",
    "write_windows",
]

MOST_COLUMNS = 8
"""The most columns with figures; the tables have all columns."""


class Made(NamedTuple):
    """The result of `write`.

    Attributes:
        markdown: the tables as text.
        predicted: every forecast, those of the references among them.
        errors: name of the forecast -> its errors, for each column.
        verdicts: the model against the best reference, for each column.
        files: the written files.
        before: forecasts of the references on the valid part.
    """

    markdown: str
    predicted: Predicted
    errors: list[dict[str, Errors]]
    verdicts: list[Verdict]
    files: list[Path]
    before: Mapping[str, np.ndarray]


def write(
    paths: Sequence[Path | str],
    out: Path | str | None = None,
    *,
    split: str = "test",
    step: str | int = "best",
    trust: bool = False,
    file: str = "",
    references: str = "simple",
    figures: bool = True,
    sampled: int = forecast.PATHS,
) -> Made:
    """Forecast every window of a split, and write forecast.md, two CSV files and the figures.

    Args:
        paths: run directories, or folders of them, of one config that may differ in the seed.
        out: folder to write to; default: `forecast` (`forecast-valid`) in the first path.
        split: valid or test.
        step: "best", "latest" or a step.
        trust: import the cell that the runs name; see `lstmx.config.from_dict`.
        file: a table to forecast from in place of that of training, see `predict`.
        references: "none" for those of the task alone; "simple"; or "all", with ETS, Theta and
            ARIMA, which take seconds to minutes.
        figures: whether figures are drawn.
        sampled: paths of a recursive forecast, see `predict`.

    Raises:
        ValueError: no run, a run of another task or config, no such checkpoint, unknown split.
        OSError: the folder cannot be written.
    """
    predicted = predict(paths, split=split, step=step, trust=trust, file=file, sampled=sampled)
    others = _references(predicted, references)
    predicted = predicted._replace(
        windows=predicted.windows._replace(forecasts=others.forecasts),
        remarks=(*predicted.remarks, *others.remarks),
    )
    folder = Path(paths[0]) / ("forecast" if split == "test" else f"forecast-{split}")
    folder = Path(out) if out is not None else folder
    folder.mkdir(parents=True, exist_ok=True)
    columns = predicted.windows.series.columns
    by_column = [_tables.scores(predicted, c) for c in range(len(columns))]
    verdicts = [verdict(predicted, c, errors) for c, errors in enumerate(by_column)]
    intervals = _intervals.of_model(predicted)
    tables = []
    for c, errors in enumerate(by_column):
        tables.append(_tables.markdown(predicted, c, errors))
        tables.append(_quality.markdown(predicted, c, intervals, others.before))
    sentences = [v.text for v in sorted(verdicts, key=lambda v: v.rank)]
    head = [_title(predicted), *sentences, *_notes(predicted, step)]
    markdown = "\n\n".join([*head, *filter(None, tables)]) + "\n"
    files = [folder / name for name in ("forecast.md", "errors.csv", "forecasts.csv")]
    _tables.write_errors(files[1], predicted, by_column)
    _tables.write_forecasts(files[2], predicted, intervals)
    pictures = _pictures(folder, predicted, by_column, verdicts, intervals) if figures else []
    links = "\n\n".join(f"![{p.stem.replace('_', ' of ', 1)}]({p.name})" for p in pictures)
    files[0].write_text(f"{markdown}\n{links}\n", encoding="utf-8")
    return Made(markdown, predicted, by_column, verdicts, [*files, *pictures], others.before)


def _pictures(
    folder: Path,
    predicted: Predicted,
    errors: Sequence[Mapping[str, Errors]],
    verdicts: Sequence[Verdict],
    intervals: Mapping[float, Interval],
) -> list[Path]:
    """Three figures of each of the first columns."""
    files, columns = [], predicted.windows.series.columns[:MOST_COLUMNS]
    for c, stem in enumerate(stems(columns)):
        best = verdicts[c].reference
        for name, figure in (
            ("cases", _figures.cases(predicted, c, best, intervals)),
            ("series", _figures.series(predicted, c, best)),
            ("errors", _figures.by_step(predicted, c, errors[c])),
        ):
            files.append(folder / f"{name}_{stem}.png")
            figure.savefig(files[-1], dpi=160, facecolor="white")
    return files


def _title(predicted: Predicted) -> str:
    windows, title = predicted.windows, f"# {predicted.name}: forecasts of {predicted.split}"
    if predicted.spec.layout == "rows":  # numbered values: there are no dates
        return title
    first, last = (_figures.day(t) for t in (windows.times.min(), windows.times.max()))
    return f"{title}, {first} to {last}"


def _notes(predicted: Predicted, step: str | int) -> list[str]:
    """Runs and checkpoint, notes on the metrics, and remarks."""
    windows = predicted.windows
    unit = _tables.unit(windows.series.times)
    of = ", ".join(predicted.runs)
    several = f"{len(predicted.runs)} runs ({of})" if len(predicted.runs) > 1 else f"one run ({of})"
    lag = f"{predicted.season or 1} {unit}"
    explained = sorted((m for m in METRICS.values() if m.note), key=lambda m: m.head.lower())
    notes = [f"{metric.head}: {metric.note.format(lag=lag)}" for metric in explained]
    if len(predicted.runs) > 1:
        notes.append("model: mean over the runs, and their range")
        notes.append("ensemble: the mean of their forecasts")
    return [
        f"{windows.times.shape[1]} {unit} ahead from every origin. {several.capitalize()}, "
        f"checkpoint: {step}.",
        "; ".join(notes) + ".",
        *(f"- {remark}" for remark in (*predicted.remarks, *windows.report)),
    ]
