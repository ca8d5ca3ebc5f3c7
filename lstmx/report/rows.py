"""The rows of a report as records: `RunRow` of one run, `Row` of all runs that differ by seed."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmx import stats
from lstmx.runs import Run
from lstmx.runs.selection import Selection
from lstmx.types import reaches


class Metric(NamedTuple):
    """The metric that a section is ranked by.

    Attributes:
        key: its key in log points, such as "eval/test/mse".
        selection: a run's value is that at the best log point of this selection.
        maximize: whether higher is better.
        unit: unit, may be empty.
    """

    key: str
    selection: Selection
    maximize: bool
    unit: str

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def eval(self) -> str:
        """The eval that it is measured on, "" for a training metric."""
        parts = self.key.split("/")
        return parts[1] if len(parts) == 3 else ""


class RunRow(NamedTuple):
    """The results of one run.

    Attributes:
        row: label of the `Row` that it belongs to.
        seed: its seed.
        value: the metric at the selected log point; nan if none.
        best_step: the step of that log point, None if none.
        final: the metric at the last log point that has it.
        solved: whether `value` reaches `threshold`; None without a threshold.
        steps_to_solve: the first step at which the metric does, or None.
        status: why it ended, "unfinished" or "no log lines".
        diverged_at: the step at which it diverged, or None.
        steps: number of steps so far; of_steps: number of steps in its config.
        seconds: of training.
        parameters: number of parameters of the model.
        lost: number of log points that are lost.
        baseline: the metric of the trivial predictor.
        threshold: the value from which the task counts as solved.
        path: the run directory.
    """

    row: str
    seed: int
    value: float
    best_step: int | None
    final: float
    solved: bool | None
    steps_to_solve: int | None
    status: str
    diverged_at: int | None
    steps: int
    of_steps: int | None
    seconds: float
    parameters: int | None
    lost: int
    baseline: float | None
    threshold: float | None
    path: str


class Row(NamedTuple):
    """Statistics over the runs that differ in their seeds only.

    Attributes:
        row: their label.
        runs: number of runs; values: number of runs that have a value.
        mean: of the values; low, high: its 95 % bootstrap interval.
        interquartile_mean: mean of the middle half of the values.
        best: the best value; worst: the worst value.
        final: mean of the last values.
        solved: number of runs that solve the task; None without a threshold.
        steps_to_solve: the median over those runs.
        parameters: number of parameters of the model, None where runs differ.
        seconds: of training, mean over the runs.
        diverged: number of runs that diverged; unfinished: number of runs that have not ended.
        baseline: the metric of the trivial predictor, None where runs differ.
        threshold: the value from which the task counts as solved, None where runs differ.
    """

    row: str
    runs: int
    values: int
    mean: float
    low: float
    high: float
    interquartile_mean: float
    best: float
    worst: float
    final: float
    solved: int | None
    steps_to_solve: float | None
    parameters: float | None
    seconds: float
    diverged: int
    unfinished: int
    baseline: float | None
    threshold: float | None


def curve(run: Run, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one key, at the log points that have it; null (diverged) is nan."""
    points = [point for point in run.metrics if key in point]
    return [point["step"] for point in points], [_number(point[key]) for point in points]


def selected(run: Run, key: str, metric: Metric) -> tuple[int | None, float]:
    """Step and value of a key at the best log point by the metric's selection; nan if none."""
    best = metric.selection.best(run.metrics)
    return (None, math.nan) if best is None else (best["step"], _number(best.get(key)))


def levels(run: Run, eval_name: str, metric: Metric) -> dict[str, Any]:
    """Baseline, solved, references and length of an eval of a run; None where meta has none.

    Baselines are of the task's main metric, so that there are none for another metric.
    """
    task, evals = run.meta["task"], run.meta.get("evals", {})
    meta = {**task, **evals.get(eval_name, {})} if eval_name else dict(task)
    if meta["metric"] != metric.name:
        return {"baseline": None, "solved": None, "references": {}, "length": meta.get("length")}
    return {key: meta.get(key) for key in ("baseline", "solved", "references", "length")}


def of_run(row: str, run: Run, metric: Metric) -> RunRow:
    """The row of one run."""
    step, value = selected(run, metric.key, metric)
    steps, values = curve(run, metric.key)
    reference = levels(run, metric.eval, metric)
    solved = reference["solved"]
    done: dict[str, Any] = run.done or {}
    last: dict[str, Any] = run.metrics[-1] if run.metrics else {}
    reached = first = None
    if solved is not None and math.isfinite(value):
        reached = reaches(value, solved, maximize=metric.maximize)
    if reached:
        first = stats.steps_to(zip(steps, values), solved, maximize=metric.maximize)
    return RunRow(
        row=row,
        seed=run.config["seed"],
        value=value,
        best_step=step,
        final=values[-1] if values else math.nan,
        solved=reached,
        steps_to_solve=first,
        status=done.get("reason") or ("unfinished" if run.metrics else "no log lines"),
        diverged_at=done.get("diverged_at"),
        steps=done.get("step", last.get("step", 0)),
        of_steps=run.config.get("steps"),
        seconds=_number(done.get("seconds", last.get("seconds"))),
        parameters=run.meta.get("parameters"),
        lost=len(run.lost),
        baseline=reference["baseline"],
        threshold=solved,
        path=str(run.path),
    )


def of_runs(row: str, runs: Sequence[RunRow], metric: Metric) -> Row:
    """The row of the runs that share a label."""
    values = np.array([run.value for run in runs if math.isfinite(run.value)])
    none = math.nan
    low, high = stats.bootstrap_interval(values) if values.size else stats.NO_INTERVAL
    least, most = (float(values.min()), float(values.max())) if values.size else (none, none)
    steps = [run.steps_to_solve for run in runs if run.steps_to_solve is not None]
    final = [run.final for run in runs if not math.isnan(run.final)]
    seconds = [run.seconds for run in runs if not math.isnan(run.seconds)]
    has_threshold = any(run.threshold is not None for run in runs)
    diverged = [run.status == "diverged" or run.diverged_at is not None for run in runs]
    return Row(
        row=row,
        runs=len(runs),
        values=values.size,
        mean=float(values.mean()) if values.size else none,
        low=low,
        high=high,
        interquartile_mean=stats.interquartile_mean(values) if values.size else none,
        best=most if metric.maximize else least,
        worst=least if metric.maximize else most,
        final=float(np.mean(final)) if final else none,
        solved=sum(run.solved is True for run in runs) if has_threshold else None,
        steps_to_solve=float(np.median(steps)) if steps else None,
        parameters=_common([run.parameters for run in runs]),
        seconds=float(np.mean(seconds)) if seconds else none,
        diverged=sum(diverged),
        unfinished=sum(run.status in ("unfinished", "no log lines") for run in runs),
        baseline=_common([run.baseline for run in runs]),
        threshold=_common([run.threshold for run in runs]),
    )


def _common(values: Sequence[float | None]) -> float | None:
    """The value that all runs which have one share; None where they differ."""
    distinct = {value for value in values if value is not None}
    return float(distinct.pop()) if len(distinct) == 1 else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
