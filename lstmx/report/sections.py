"""Sections of a report: a table over runs and a ranked one over rows, with intervals and tests."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from lstmx import config as cfg
from lstmx import tables
from lstmx.experiment import hidden_size
from lstmx.report import columns, labels
from lstmx.report import settings as choices
from lstmx.report.columns import Sample
from lstmx.report.rows import Metric, levels, of_run
from lstmx.report.settings import Settings
from lstmx.runs import Run, selection
from lstmx.types import more_is_better

WIDTH = "model.cell.hidden_size"
REFERENCES = ("V", "LSTM")
"""Labels of rows that others are tested against, the first that there is."""


@dataclass(frozen=True)
class ReportSpec:
    """What a report shows of the runs.

    Attributes:
        by: dotted config keys or sections to group by; default: all that vary except the seed.
            A group of runs at several settings shows the best by validation. Keys of the task that
            vary make rows, too.
        metric: key of the log points to rank by, such as "eval/T400/mse"; default: the task's
            metric on the eval "test" if there is one, else the selection metric.
        reference: label of the row that the others are tested against; default: V or LSTM if there
            is one, else the row whose run was started first, of one command the sweep's first.
    """

    by: Sequence[str] = ()
    metric: str | None = None
    reference: str | None = None


class Section(NamedTuple):
    """All runs of one config name and task, and their tables.

    Attributes:
        title: name of the config, with the task where the name does not contain it.
        metric: the metric that rows are ranked by.
        keys: dotted config keys that rows are grouped by.
        settings: what each row was chosen from, where `by` leaves out keys that vary.
        runs: one line per run that a row shows.
        rows: one line per row, ranked.
        reference: label of the row that the tests compare with, or None.
        sources: row label -> its runs as loaded, in the order of `rows`.
        levels: baseline, solved and references, each where all runs share it.
        widths: how the hidden sizes were chosen, as a sentence.
    """

    title: str
    metric: Metric
    keys: list[str]
    settings: Settings
    runs: pd.DataFrame
    rows: pd.DataFrame
    reference: str | None
    sources: dict[str, list[Run]]
    levels: dict[str, Any]
    widths: str


def sections(runs: Sequence[Run], spec: ReportSpec = ReportSpec()) -> list[Section]:
    """The runs by config name and task, as returned by `lstmx.runs.load`, each group as a Section.

    Raises:
        ValueError: a key to group by, a metric or a reference that no run has.
    """
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.config["name"] or "run", run.config["task"]["name"]), []).append(run)
    result, wholes = [], []
    for (name, task), group in sorted(groups.items()):
        for words, part in _by_question(group).items():
            wholes.append(f"{name} ({', '.join([task, *words])})")
            result.append(_section((name, ", ".join([task, *words])), part, spec))
    # The task is left out where the name says it; sections of one name need it.
    titles = [section.title for section in result]
    return [
        section if titles.count(section.title) == 1 else section._replace(title=whole)
        for section, whole in zip(result, wholes)
    ]


def _by_question(runs: Sequence[Run]) -> dict[tuple[str, ...], list[Run]]:
    """The runs by what they are asked, as far as options of their task name it, in order.

    Such an option is one in words, as that of a language or of a file, whose values have trivial
    baselines that differ: then a difference between its values says nothing about models. Other
    ways to state a task share a table, and so do its lengths.
    """
    flat = [cfg.flatten(run.config) for run in runs]
    baselines = [run.meta["task"]["baseline"] for run in runs]
    keys = []
    for key in cfg.varying(flat):
        values = [config.get(key) for config in flat]
        if key.startswith("task.") and all(isinstance(value, str) for value in values):
            of = {value: {b for v, b in zip(values, baselines) if v == value} for value in values}
            if len(set(map(frozenset, of.values()))) > 1:
                keys.append(key)
    parts: dict[tuple[str, ...], list[Run]] = {}
    for run, config in zip(runs, flat):
        parts.setdefault(tuple(str(config[key]) for key in keys), []).append(run)
    return dict(sorted(parts.items()))


def shared_levels(levels_of_runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The levels that all runs share; None, or left out of the references, where they differ."""
    first, *others = levels_of_runs
    names = {n: v for n, v in (first["references"] or {}).items() if v is not None}
    return {
        "baseline": first["baseline"]
        if all(o["baseline"] == first["baseline"] for o in others)
        else None,
        "solved": first["solved"] if all(o["solved"] == first["solved"] for o in others) else None,
        "references": {
            n: v
            for n, v in names.items()
            if all((o["references"] or {}).get(n) == v for o in others)
        },
    }


def metric_of(runs: Sequence[Run], requested: str | None = None) -> Metric:
    """The metric to report of some runs: by default that of the task on the eval "test".

    Raises:
        ValueError: a requested one that no run has logged.
    """
    meta = runs[0].meta
    task = meta["task"]
    key = requested or meta["selection"]
    if requested is None and "test" in meta.get("evals", {}):
        key = f"eval/test/{meta['evals']['test'].get('metric', task['metric'])}"
    logged = {k for run in runs for line in run.metrics for k in line}
    if requested is not None and requested not in logged:
        raise ValueError(f"got metric {requested!r}; expected one of: {', '.join(sorted(logged))}")
    name = key.rpartition("/")[2]
    unit = task.get("unit", "") if name == task["metric"] else ""
    selects = selection.of(runs[0])
    return Metric(key, selects, more_is_better(name, task), unit)


def _section(names: tuple[str, str], runs: list[Run], spec: ReportSpec) -> Section:
    runs = sorted(runs, key=_started)
    flat = [cfg.flatten(run.config) for run in runs]
    differing = cfg.varying(flat)
    by = {run.meta.get("width") for run in runs}
    chosen_by = by.pop() if len(by) == 1 else None
    keys, tried = _without_width(differing, flat, chosen_by), []
    if spec.by:
        keys = labels.chosen(spec.by, flat)
        keys += [key for key in differing if choices.asks(key) and key not in keys]
        tried = [key for key in differing if key not in keys]
    metric = metric_of(runs, spec.metric)
    digits = labels.digits(flat, [*keys, *tried])
    every = [
        (
            run,
            of_run(
                labels.label(config, keys, tried, digits),
                run,
                metric,
                labels.setting(config, tried, digits),
            ),
        )
        for run, config in zip(runs, flat)
    ]
    kept, settings = choices.choose(tried, every, metric)
    sources: dict[str, list[Run]] = {}
    for run, row in kept:
        sources.setdefault(row.row, []).append(run)
    per_run = [row for name in sources for _, row in kept if row.row == name]
    table = pd.DataFrame([row._asdict() for row in per_run])
    if spec.reference is not None and spec.reference not in sources:
        raise ValueError(f"got reference {spec.reference!r}; expected a row: {', '.join(sources)}")
    usual = next(name for name in (*REFERENCES, *sources) if name in sources)
    reference = (spec.reference or usual) if len(sources) > 1 else None
    samples = [
        columns.sample(name, [r for r in per_run if r.row == name], metric) for name in sources
    ]
    rows = pd.DataFrame([{c.name: c.of(one) for c in columns.COLUMNS} for one in samples])
    rows = _compare(rows, samples, reference)
    rows = rows.sort_values(
        "mean", ascending=not metric.maximize, na_position="last", kind="stable"
    )
    rows["rank"] = [k + 1 if math.isfinite(m) else None for k, m in enumerate(rows["mean"])]
    title = names[0] if names[1] in names[0] else f"{names[0]} ({names[1]})"
    order = {n: sources[n] for n in rows["row"]}
    shared = shared_levels([levels(run, metric.eval, metric) for run in runs])
    rows = rows.reset_index(drop=True)
    widths = tables.widths(chosen_by, [hidden_size(run.config) for run in runs])
    return Section(title, metric, keys, settings, table, rows, reference, order, shared, widths)


def _started(run: Run) -> tuple[str, int, str]:
    """The order in which runs were started: by second, and within one command by its order.

    Runs of versions before 0.2 have no number there, and are sorted by their folders.
    """
    number = run.meta.get("number")
    return str(run.meta.get("created", "")), number if type(number) is int else 0, str(run.path)


def _without_width(
    keys: list[str], configs: Sequence[Mapping[str, Any]], chosen_by: str | None
) -> list[str]:
    """The keys without the hidden size, where a budget made it a function of the others."""
    others = [key for key in keys if key != WIDTH]
    if WIDTH not in keys or not str(chosen_by).startswith("budget_"):
        return keys
    found: dict[str, set[Any]] = {}
    for config in configs:
        found.setdefault(repr([config.get(key) for key in others]), set()).add(config.get(WIDTH))
    return others if all(len(widths) == 1 for widths in found.values()) else keys


def _compare(rows: pd.DataFrame, samples: Sequence[Sample], reference: str | None) -> pd.DataFrame:
    """The rows with their comparisons; nan for the reference and for rows without values."""
    of = {one.row: one for one in samples}
    for column in columns.COMPARISONS:
        values = [
            column.of(one, of[reference])
            if reference not in (None, one.row) and one.values.size and of[reference].values.size
            else math.nan
            for one in samples
        ]
        rows[column.name] = column.adjust(values)
    return rows
