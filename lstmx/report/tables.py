"""Runs -> a section: one table over runs and one over rows, ranked, with intervals and tests."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lstmx import config as cfg
from lstmx import stats
from lstmx.report import labels

REFERENCE = "V"  # the row that others are tested against, if it is there


class Metric(NamedTuple):
    """The number a section is ranked by.

    Attributes:
        key: its key in the log lines, "eval/test/mse".
        selection: the key by whose best line a run's value is chosen.
        maximize: whether more is better.
        selects_most: whether more is better in the selection.
        unit: unit, may be empty.
    """

    key: str
    selection: str
    maximize: bool
    selects_most: bool
    unit: str

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def eval(self) -> str:
        """The eval it comes from, "" if none."""
        parts = self.key.split("/")
        return parts[1] if len(parts) == 3 else ""


class Section(NamedTuple):
    """All runs of one config, and what the tables say of them.

    Attributes:
        title: name of the config, with the task where that is another word.
        metric: what it is ranked by.
        keys: dotted config keys that tell rows apart.
        pooled: varying keys that do not, because others were asked for.
        runs: one line per run.
        rows: one line per row, ranked.
        reference: label of the row that the tests compare with, or None.
        sources: row label -> its runs as loaded, in the order of `rows`.
        levels: baseline, solved and references as far as all runs share them.
    """

    title: str
    metric: Metric
    keys: list[str]
    pooled: list[str]
    runs: pd.DataFrame
    rows: pd.DataFrame
    reference: str | None
    sources: dict[str, list[Any]]
    levels: dict[str, Any]


def sections(
    runs: Sequence[Any],
    *,
    by: Sequence[str] = (),
    metric: str | None = None,
    reference: str | None = None,
) -> list[Section]:
    """The runs by config name, each group as a Section.

    Args:
        runs: as `lstmx.runs.load` gives them.
        by: dotted config keys or sections to group by; default: whatever varies.
        metric: key of the log lines to rank by; default: the task's metric on the eval "test" if
            there is one, else the metric that selects.
        reference: label of the row to test against; default: V if it is there, else the oldest.

    Raises:
        ValueError: a key to group by, a metric or a reference that no run has.
    """
    groups: dict[tuple[str, str], list[Any]] = {}
    for run in runs:
        groups.setdefault((run.config["name"] or "run", run.config["task"]["name"]), []).append(run)
    return [_section(k, groups[k], by, metric, reference) for k in sorted(groups)]


def curve(run: Any, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one key, at the log lines that have it; null (diverged) is nan."""
    lines = [line for line in run.metrics if key in line]
    return [line["step"] for line in lines], [_number(line[key]) for line in lines]


def selected(run: Any, key: str, metric: Metric) -> tuple[int | None, float]:
    """Step and value of a key on the log line that the run's selection likes best; nan if none."""
    lines = [line for line in run.metrics if math.isfinite(_number(line.get(metric.selection)))]
    if not lines:
        return None, math.nan
    sign = 1 if metric.selects_most else -1
    # Of equal values the latest, because that is the checkpoint that a run keeps.
    pick = max(reversed(lines), key=lambda line: sign * line[metric.selection])
    return pick["step"], _number(pick.get(key))


def levels(run: Any, eval_name: str, metric: Metric) -> dict[str, Any]:
    """Baseline, solved, references and length that hold for this eval of a run; None if unknown."""
    task, evals = run.meta["task"], run.meta.get("evals", {})
    known = {**task, **evals.get(eval_name, {})} if eval_name else dict(task)
    if known["metric"] != metric.name:
        return {"baseline": None, "solved": None, "references": {}, "length": known.get("length")}
    return {key: known.get(key) for key in ("baseline", "solved", "references", "length")}


def _is_better_larger(name: str, task: Mapping[str, Any]) -> bool:
    return bool(task["maximize"]) if name == task["metric"] else name in task.get("maximized", ())


def _section(
    names: tuple[str, str],
    runs: list[Any],
    by: Sequence[str],
    wanted: str | None,
    reference: str | None,
) -> Section:
    runs = sorted(runs, key=lambda run: (str(run.meta.get("created", "")), str(run.path)))
    flat = [cfg.flatten(run.config) for run in runs]
    differing = labels.varying(flat)
    keys = labels.chosen(by, flat) if by else differing
    metric = _metric(runs, wanted)
    sources: dict[str, list[Any]] = {}
    for run, config in zip(runs, flat):
        sources.setdefault(labels.label(config, keys), []).append(run)
    table = pd.DataFrame([_run_line(n, run, metric) for n, rs in sources.items() for run in rs])
    if reference is not None and reference not in sources:
        raise ValueError(f"got reference {reference!r}; expected a row: {', '.join(sources)}")
    oldest = REFERENCE if REFERENCE in sources else next(iter(sources))
    reference = (reference or oldest) if len(sources) > 1 else None
    lines = [_row_line(n, table[table["row"] == n], metric) for n in sources]
    rows = _compare(pd.DataFrame(lines), table, reference, metric)
    rows = rows.sort_values(
        "mean", ascending=not metric.maximize, na_position="last", kind="stable"
    )
    rows.insert(
        0, "rank", [k + 1 if math.isfinite(m) else None for k, m in enumerate(rows["mean"])]
    )
    title = names[0] if names[1] in names[0] else f"{names[0]} ({names[1]})"
    pooled = [key for key in differing if key not in keys]
    order = {n: sources[n] for n in rows["row"]}
    shared = _shared([levels(run, metric.eval, metric) for run in runs])
    rows = rows.reset_index(drop=True)
    return Section(title, metric, keys, pooled, table, rows, reference, order, shared)


def _shared(known: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = known
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


def _metric(runs: Sequence[Any], wanted: str | None) -> Metric:
    meta = runs[0].meta
    selection, task = meta.get("selection") or "train/loss", meta["task"]
    key = wanted or selection
    if wanted is None and "test" in meta.get("evals", {}):
        key = f"eval/test/{meta['evals']['test'].get('metric', task['metric'])}"
    known = {k for run in runs for line in run.metrics for k in line}
    if wanted is not None and wanted not in known:
        raise ValueError(f"got metric {wanted!r}; expected one of: {', '.join(sorted(known))}")
    name = key.rpartition("/")[2]
    unit = task.get("unit", "") if name == task["metric"] else ""
    more = meta.get("maximize")
    if more is None:
        more = _is_better_larger(selection.rpartition("/")[2], task)
    return Metric(key, selection, _is_better_larger(name, task), bool(more), unit)


def _run_line(row: str, run: Any, metric: Metric) -> dict[str, Any]:
    step, value = selected(run, metric.key, metric)
    steps, values = curve(run, metric.key)
    known = levels(run, metric.eval, metric)
    solved, done = known["solved"], run.done or {}
    last = run.metrics[-1] if run.metrics else {}
    reached = None
    if solved is not None and math.isfinite(value):
        reached = value >= solved if metric.maximize else value <= solved
    first = None
    if reached:
        first = stats.steps_to(zip(steps, values), solved, maximize=metric.maximize)
    return {
        "row": row,
        "seed": run.config["seed"],
        "value": value,
        "best_step": step,
        "final": values[-1] if values else math.nan,
        "solved": reached,
        "steps_to_solve": first,
        "status": done.get("reason") or ("unfinished" if run.metrics else "no log lines"),
        "diverged_at": done.get("diverged_at"),
        "steps": done.get("step", last.get("step", 0)),
        "of_steps": run.config.get("steps"),
        "seconds": _number(done.get("seconds", last.get("seconds"))),
        "parameters": run.meta.get("parameters"),
        "lost": len(run.lost),
        "baseline": known["baseline"],
        "threshold": solved,
        "path": str(run.path),
    }


def _row_line(row: str, runs: pd.DataFrame, metric: Metric) -> dict[str, Any]:
    values = runs["value"].to_numpy(float)
    values = values[np.isfinite(values)]
    none = math.nan
    low, high = stats.bootstrap_interval(values) if values.size else stats.NO_INTERVAL
    least, most = (float(values.min()), float(values.max())) if values.size else (none, none)
    steps = runs["steps_to_solve"].dropna().astype(float)
    final = runs["final"].dropna().astype(float)
    knows = runs["threshold"].notna().any()
    return {
        "row": row,
        "runs": len(runs),
        "values": values.size,
        "mean": values.mean() if values.size else none,
        "low": low,
        "high": high,
        "interquartile_mean": stats.interquartile_mean(values) if values.size else none,
        "best": most if metric.maximize else least,
        "worst": least if metric.maximize else most,
        "final": final.mean() if len(final) else none,
        "solved": int((runs["solved"] == True).sum()) if knows else None,  # noqa: E712
        "steps_to_solve": float(steps.median()) if len(steps) else None,
        "parameters": _common(runs["parameters"]),
        "seconds": runs["seconds"].mean(),
        "diverged": int(((runs["status"] == "diverged") | runs["diverged_at"].notna()).sum()),
        "unfinished": int(runs["status"].isin(["unfinished", "no log lines"]).sum()),
        "baseline": _common(runs["baseline"]),
        "threshold": _common(runs["threshold"]),
    }


def _compare(
    rows: pd.DataFrame, runs: pd.DataFrame, reference: str | None, metric: Metric
) -> pd.DataFrame:
    """The rows with Holm's p value and the probability of improvement against the reference."""
    sample = {
        row: values[np.isfinite(values)]
        for row in rows["row"]
        for values in [runs.loc[runs["row"] == row, "value"].to_numpy(float)]
    }
    p, better = [], []
    for row in rows["row"]:
        both = reference is not None and row != reference
        both = both and sample[row].size > 0 and sample[reference].size > 0
        p.append(stats.welch(sample[row], sample[reference]) if both else math.nan)
        better.append(
            stats.probability_of_improvement(
                sample[row], sample[reference], maximize=metric.maximize
            )
            if both
            else math.nan
        )
    return rows.assign(p_value=stats.holm(p), probability_of_improvement=better)


def _common(column: pd.Series) -> Any:
    """The one value of a column, None if there are several or none."""
    known = column.dropna().unique()
    return float(known[0]) if len(known) == 1 else None


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
