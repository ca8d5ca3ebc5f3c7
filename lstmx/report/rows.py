"""The results of one run as a record, for the tables and figures of a report."""

import math
from typing import Any, NamedTuple

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
        row: label of the row that it belongs to.
        setting: values of the keys in which the runs of a row differ, beside the seed.
        seed: its seed.
        chosen_by: the selection metric at the selected log point; nan if none.
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
        state_size: floats that a step hands on, of one sequence; None in runs that do not say.
        lost: number of log points that are lost.
        baseline: the metric of the trivial predictor.
        threshold: the value from which the task counts as solved.
        path: the run directory.
    """

    row: str
    setting: str
    seed: int
    chosen_by: float
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
    state_size: int | None
    lost: int
    baseline: float | None
    threshold: float | None
    path: str


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


def of_run(row: str, run: Run, metric: Metric, setting: str = "") -> RunRow:
    """The row of one run."""
    step, value = selected(run, metric.key, metric)
    steps, values = curve(run, metric.key)
    reference = levels(run, metric.eval, metric)
    solved = reference["solved"]
    reached = first = None
    if solved is not None and math.isfinite(value):
        reached = reaches(value, solved, maximize=metric.maximize)
    if reached:
        first = stats.steps_to(zip(steps, values), solved, maximize=metric.maximize)
    return RunRow(
        row=row,
        setting=setting,
        seed=run.config["seed"],
        chosen_by=selected(run, metric.selection.metric, metric)[1],
        value=value,
        best_step=step,
        final=values[-1] if values else math.nan,
        solved=reached,
        steps_to_solve=first,
        status=run.reason,
        diverged_at=run.done["diverged_at"] if run.done else None,
        steps=run.step,
        of_steps=run.config.get("steps"),
        seconds=run.seconds,
        parameters=run.meta.get("parameters"),
        state_size=run.meta.get("state_size"),
        lost=len(run.lost),
        baseline=reference["baseline"],
        threshold=solved,
        path=str(run.path),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
