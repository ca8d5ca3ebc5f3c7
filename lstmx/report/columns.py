"""The columns of the ranked table, each a statistic over the runs of a row.

`COLUMNS` has the statistics of a row by itself, `COMPARISONS` those against the row that is the
reference. One entry is all that a column needs: rows.csv has every one, in this order; those with a
head are in the Markdown and on the HTML page, too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmx import stats
from lstmx.report.rows import Metric, RunRow
from lstmx.tables import NONE, number, p_value, score

ORDER = (
    "rank row setting mean low p_value probability_of_improvement solved steps_to_solve runs "
    "best worst"
).split()
"""The order of the columns in tables, on which a narrow page shows the first; the rest follow."""
MOST_HEAD = 10  # characters of a head with a reference; a longer one is wider than its column
NAN = math.nan


class Sample(NamedTuple):
    """The runs that differ in their seeds only.

    Attributes:
        row: their label.
        runs: one or more.
        metric: the metric that rows are ranked by.
        values: [n] of the runs that have one, finite.
        interval: 95 % interval of the mean of the values, as `stats.mean_interval`.
    """

    row: str
    runs: Sequence[RunRow]
    metric: Metric
    values: np.ndarray
    interval: tuple[float, float]

    def known(self, field: str) -> list[Any]:
        """A field of the runs that have it: neither None nor nan."""
        values = [getattr(run, field) for run in self.runs]
        return [value for value in values if value is not None and not math.isnan(value)]

    def shared(self, field: str) -> float | None:
        """The value of a field that all runs which have one share; None where they differ."""
        distinct = {getattr(run, field) for run in self.runs} - {None}
        return float(distinct.pop()) if len(distinct) == 1 else None


class Column(NamedTuple):
    """A column.

    Attributes:
        name: its name in rows.csv.
        meaning: what it says, on the HTML page.
        of: (sample) -> value; of a comparison, (sample, sample of the reference) -> value.
        head: its name in tables, "" for a column that only rows.csv has. In head and meaning,
            {metric} is the metric's name, {reference} the label of that row.
        cell: (value, row as a mapping from names to values) -> text.
        minor: whether it is hidden on a narrow screen.
        in_text: whether the Markdown has it, which is to stay within about 120 columns.
        adjust: what corrects the values of all rows together.
    """

    name: str
    meaning: str
    of: Callable[..., Any]
    head: str = ""
    cell: Callable[[Any, Mapping[Any, Any]], str] = lambda value, row: score(value)
    minor: bool = False
    in_text: bool = True
    adjust: Callable[[Sequence[float]], list[float]] = list


def sample(row: str, runs: Sequence[RunRow], metric: Metric) -> Sample:
    """The runs of a row, with what several statistics read."""
    values = np.array([run.value for run in runs if math.isfinite(run.value)])
    interval = stats.mean_interval(values) if values.size else stats.NO_INTERVAL
    return Sample(row, runs, metric, values, interval)


def shown(metric: str, reference: str | None) -> list[Column]:
    """The columns of the ranked table; comparisons where there is a reference."""
    columns = [*COLUMNS, *(COMPARISONS if reference is not None else ())]
    columns.sort(
        key=lambda column: ORDER.index(column.name) if column.name in ORDER else len(ORDER)
    )
    names = {"metric": metric, "reference": reference}
    return [
        column._replace(
            head=_short(column.head.format(**names)), meaning=column.meaning.format(**names)
        )
        for column in columns
        if column.head
    ]


def _short(head: str) -> str:
    """A head without the reference, where that is longer than the column."""
    return head if len(head) <= MOST_HEAD else head.partition(" vs ")[0]


def _effect(
    name: str, meaning: str, of: Callable[[np.ndarray, np.ndarray], stats.Estimate]
) -> tuple[Column, ...]:
    """An effect size and the ends of its 95 % interval, in rows.csv."""
    ends = {name: meaning, f"{name}_low": "lower end of its interval", f"{name}_high": "upper end"}
    return tuple(
        Column(title, text, lambda s, reference, k=k: of(s.values, reference.values)[k])
        for k, (title, text) in enumerate(ends.items())
    )


def _end(sample: Sample, best: bool) -> float:
    """The best or the worst value."""
    if not sample.values.size:
        return NAN
    values = sample.values
    return float(values.max() if sample.metric.maximize == best else values.min())


def _solved(sample: Sample) -> int | None:
    if all(run.threshold is None for run in sample.runs):
        return None
    return sum(run.solved is True for run in sample.runs)


def _rank(value: Any, row: Mapping[Any, Any]) -> str:
    return str(int(value)) if math.isfinite(value or NAN) else NONE


def _runs(value: Any, row: Mapping[Any, Any]) -> str:
    return str(value) if row["values"] == value else f"{row['values']}/{value}"


def _interval(value: Any, row: Mapping[Any, Any]) -> str:
    return f"{score(value)}…{score(row['high'])}" if math.isfinite(value) else NONE


def _of_runs(value: Any, row: Mapping[Any, Any]) -> str:
    """A number of runs; nan for a row without a threshold beside one that has one."""
    return NONE if value is None else f"{0 if math.isnan(value) else int(value)}/{row['runs']}"


def _count(value: Any, row: Mapping[Any, Any]) -> str:
    return NONE if value is None or not math.isfinite(value) else f"{value:,.0f}"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else NAN


def _diverged(run: RunRow) -> bool:
    return run.status == "diverged" or run.diverged_at is not None


COLUMNS = (
    Column("rank", "rank", lambda s: None, "#", _rank),  # known when the rows are sorted
    Column("row", "what varies between the runs", lambda s: s.row, "model", lambda text, _: text),
    Column(
        "setting",
        "the setting that validation chose, of those that were tried for this row",
        lambda s: s.runs[0].setting,
        "chosen",
        lambda text, _: text or NONE,
        minor=True,
    ),
    Column(
        "runs",
        "number of runs, one per seed; k/n where only k have a value",
        lambda s: len(s.runs),
        "runs",
        _runs,
        minor=True,
    ),
    Column("values", "number of runs that have a value", lambda s: s.values.size),
    Column("mean", "mean over the runs", lambda s: _mean(s.values), "{metric}"),
    Column(
        "low",
        "interval of that mean: Student's t, from 4 runs on corrected for skewness",
        lambda s: s.interval[0],
        "95 % interval",
        _interval,
        minor=True,
    ),
    Column("high", "upper end of the interval", lambda s: s.interval[1]),
    Column(
        "interquartile_mean",
        "mean of the middle half of the values",
        lambda s: stats.interquartile_mean(s.values) if s.values.size else NAN,
    ),
    Column("best", "best run", lambda s: _end(s, best=True), "best", minor=True),
    Column(
        "worst",
        "worst run",
        lambda s: _end(s, best=False),
        "worst",
        minor=True,
        in_text=False,
    ),
    Column("final", "mean of the last values", lambda s: _mean(s.known("final"))),
    Column(
        "solved",
        "runs that reach the value from which the task counts as solved",
        _solved,
        "solved",
        _of_runs,
    ),
    Column(
        "steps_to_solve",
        "training steps until it is reached, median over the runs that reach it",
        lambda s: float(np.median(steps)) if (steps := s.known("steps_to_solve")) else None,
        "steps",
        _count,
    ),
    Column(
        "parameters",
        "number of parameters",
        lambda s: s.shared("parameters"),
        "params",
        _count,
        minor=True,
    ),
    Column(
        "state_size",
        "floats that a step hands on to the next, of one sequence",
        lambda s: s.shared("state_size"),
        "state",
        _count,
        minor=True,
    ),
    Column(
        "seconds",
        "seconds of training per run",
        lambda s: _mean(s.known("seconds")),
        "s/run",
        lambda value, _: number(value),
        minor=True,
    ),
    Column("diverged", "number of runs that diverged", lambda s: sum(map(_diverged, s.runs))),
    Column(
        "unfinished",
        "number of runs that have not ended",
        lambda s: sum(run.status in ("unfinished", "no log lines") for run in s.runs),
    ),
    Column("baseline", "metric of the trivial predictor", lambda s: s.shared("baseline")),
    Column(
        "threshold", "value from which the task counts as solved", lambda s: s.shared("threshold")
    ),
)
"""The statistics of a row. None where a value does not exist or runs differ in it."""

ALPHA = 0.05
"""The p value below which a difference counts as found."""
COMPARISONS = (
    Column(
        "p_value",
        "Welch's t-test against {reference}, corrected after Holm",
        lambda s, reference: stats.welch(s.values, reference.values),
        "p vs {reference}",
        lambda value, _: p_value(value),
        adjust=stats.holm,
    ),
    Column(
        "p_bonferroni",
        "the same, corrected after Bonferroni",
        lambda s, reference: stats.welch(s.values, reference.values),
        adjust=stats.bonferroni,
    ),
    Column(
        "p_permutation",
        "permutation test against {reference}, corrected after Holm",
        lambda s, reference: stats.permutation(s.values, reference.values),
        adjust=stats.holm,
    ),
    *_effect("difference", "mean less that of {reference}", stats.difference),
    *_effect("hedges_g", "the same in pooled standard deviations", stats.hedges_g),
    *_effect(
        "cliffs_delta", "pairs of runs with the larger value, less the rest", stats.cliffs_delta
    ),
    Column(
        "probability_of_improvement",
        "how often a run is better than one of {reference}",
        lambda s, reference: stats.probability_of_improvement(
            s.values, reference.values, maximize=s.metric.maximize
        ),
        "P(better)",
        minor=True,
        in_text=False,
    ),
)
"""The statistics against the reference, where both rows have values; else nan."""
