"""The rows of a report as records: one of every run, and one of the runs that differ by seed."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmx import stats
from lstmx.runs.selection import Selection
from lstmx.types import reaches


class Metric(NamedTuple):
    """The number a section is ranked by.

    Attributes:
        key: its key in the log lines, "eval/test/mse".
        selection: by whose best log point a run's value is chosen.
        maximize: whether more is better.
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
        """The eval it comes from, "" if none."""
        parts = self.key.split("/")
        return parts[1] if len(parts) == 3 else ""


class RunRow(NamedTuple):
    """One run.

    Attributes:
        row: label of the row that it belongs to.
        seed: its seed.
        value: of the metric, at the log point that selects; nan if none.
        best_step: the step of that log point, None if none.
        final: the value at the last log point that has one.
        solved: whether `value` reaches `threshold`; None where nothing says what solved is.
        steps_to_solve: the first step at which it does.
        status: why it ended, "unfinished" or "no log lines".
        diverged_at: the step at which it diverged, or None.
        steps: how many it has done; of_steps: how many it was to do.
        seconds: of training.
        parameters: how many the model has.
        lost: number of log points that are lost.
        baseline: what the trivial predictor has of the metric.
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
    """The runs that differ in their seeds.

    Attributes:
        row: what sets them apart from others.
        runs: how many they are; values: how many of them have a value.
        mean: of the values; low, high: its 95 % bootstrap interval.
        interquartile_mean: mean of the middle half of the values.
        best: the best of them; worst: the worst.
        final: mean of the last values.
        solved: how many solve the task; None where nothing says what solved is.
        steps_to_solve: the median over those.
        parameters: how many the model has, None where runs differ.
        seconds: of training, mean over the runs.
        diverged: how many did; unfinished: how many have not ended.
        baseline: of the trivial predictor, None where runs differ.
        threshold: the value from which the task counts as solved, likewise.
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


def curve(run: Any, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one key, at the log lines that have it; null (diverged) is nan."""
    lines = [line for line in run.metrics if key in line]
    return [line["step"] for line in lines], [_number(line[key]) for line in lines]


def selected(run: Any, key: str, metric: Metric) -> tuple[int | None, float]:
    """Step and value of a key at the log point that the run's selection likes best; nan if none."""
    best = metric.selection.best(run.metrics)
    return (None, math.nan) if best is None else (best["step"], _number(best.get(key)))


def levels(run: Any, eval_name: str, metric: Metric) -> dict[str, Any]:
    """Baseline, solved, references and length that hold for this eval of a run; None if unknown."""
    task, evals = run.meta["task"], run.meta.get("evals", {})
    known = {**task, **evals.get(eval_name, {})} if eval_name else dict(task)
    if known["metric"] != metric.name:
        return {"baseline": None, "solved": None, "references": {}, "length": known.get("length")}
    return {key: known.get(key) for key in ("baseline", "solved", "references", "length")}


def of_run(row: str, run: Any, metric: Metric) -> RunRow:
    """The row of one run."""
    step, value = selected(run, metric.key, metric)
    steps, values = curve(run, metric.key)
    known = levels(run, metric.eval, metric)
    solved, done = known["solved"], run.done or {}
    last = run.metrics[-1] if run.metrics else {}
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
        baseline=known["baseline"],
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
    knows = any(run.threshold is not None for run in runs)
    gone = [run.status == "diverged" or run.diverged_at is not None for run in runs]
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
        solved=sum(run.solved is True for run in runs) if knows else None,
        steps_to_solve=float(np.median(steps)) if steps else None,
        parameters=_common([run.parameters for run in runs]),
        seconds=float(np.mean(seconds)) if seconds else none,
        diverged=sum(gone),
        unfinished=sum(run.status in ("unfinished", "no log lines") for run in runs),
        baseline=_common([run.baseline for run in runs]),
        threshold=_common([run.threshold for run in runs]),
    )


def _common(values: Sequence[float | None]) -> float | None:
    """The one value that there is, None if there are several or none."""
    known = {value for value in values if value is not None}
    return float(known.pop()) if len(known) == 1 else None


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
