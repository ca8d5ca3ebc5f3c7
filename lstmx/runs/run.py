"""Reading a run directory: config, log, why it ended, parameters of its checkpoints."""

import math
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lstmx import config as cfg
from lstmx.runs import checkpoint, schema, selection
from lstmx.runs.digests import Point
from lstmx.runs.files import read_json
from lstmx.runs.log import missing, read_metrics
from lstmx.tables import brief
from lstmx.types import Params

if TYPE_CHECKING:
    import pandas as pd


FEW = 100
"""Sequences below which a summary warns: a mean over fewer is uncertain by a tenth of their sd."""


class DamageWarning(UserWarning):
    """A file of a run is damaged: another checkpoint is used, or the run is left out."""


class Run(NamedTuple):
    """The content of one run directory.

    Attributes:
        path: the directory.
        config: the resolved config as a dict; `lstmx.config.from_dict` makes a ConfigDict of it.
        meta: versions, devices, command, parameter count, task and evaluations.
        metrics: one dict per log point; a diverged value is NaN.
        done: {"step", "reason", "seconds", "diverged_at"}, or None while unfinished.
        lost: steps at which the run logged, but no file has the log point.
        remarks: one line for each damaged file of the directory.
    """

    path: Path
    config: dict[str, Any]
    meta: dict[str, Any]
    metrics: list[Point]
    done: dict[str, Any] | None
    lost: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def params(self) -> Params:
        """Parameters of the best checkpoint, nested dicts of arrays."""
        return params(self)

    @property
    def checkpoints(self) -> list[int]:
        """The steps whose parameters are kept, ascending; `lstmx.runs.params` reads one."""
        return checkpoint.steps(self.path / "checkpoints")

    @property
    def frame(self) -> "pd.DataFrame":
        """The metrics: a row a log point, index "step"; NaN where a point lacks a metric."""
        import pandas as pd  # slow to import, and training needs none

        points = pd.DataFrame(self.metrics, columns=None if self.metrics else ["step"], dtype=float)
        return points.astype({"step": int}).set_index("step")

    @property
    def reason(self) -> str:
        """Why it ended: that of DONE, else "unfinished", or "no log lines" if it has none."""
        if self.done:
            return str(self.done["reason"])
        return "unfinished" if self.metrics else "no log lines"

    @property
    def step(self) -> int:
        """The number of updates that it has done, as far as its log tells."""
        return int((self.done or self._last).get("step", 0))

    @property
    def seconds(self) -> float:
        """The time of training, also of a part; NaN if it is not known."""
        value = (self.done or self._last).get("seconds")
        return math.nan if value is None else float(value)

    @property
    def _last(self) -> Point:
        return self.metrics[-1] if self.metrics else {}


def load(path: Path | str) -> Run:
    """Read a run directory.

    Log points that are missing in `metrics.jsonl` are read from the newest checkpoint; those
    missing there too are listed in `lost`, with a line in `remarks`.

    Raises:
        ValueError: `path` is no run directory, or its config or meta cannot be read.
    """
    path = Path(path)
    if not (path / "config.json").exists():
        raise ValueError(
            f"{path} is no run directory: it has no config.json; expected a folder "
            "such as runs/adding/seed=0~..."
        )
    config, meta = schema.config(path), schema.meta(path)
    remarks = []
    try:
        done = read_done(path, config["steps"])
    except ValueError as error:
        done = None
        remarks.append(f"{error}: the run counts as unfinished")
    points, lost, damage = _points(path, config, done, meta.get("identity", ""))
    return Run(path, config, meta, points, done, tuple(lost), (*remarks, *damage))


def load_all(paths: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """The runs that can be read, and one line for each damaged file and each skipped run."""
    loaded, remarks = [], []
    for path in paths:
        try:
            loaded.append(load(path))
        except ValueError as error:
            remarks.append(f"{error}: the run is left out")
        else:
            remarks += loaded[-1].remarks
    return loaded, remarks


def read_done(path: Path, steps: int) -> dict[str, Any] | None:
    """The content of DONE: step, reason, seconds and diverged_at; None while unfinished.

    Args:
        path: the run directory.
        steps: number of steps in its config.

    Raises:
        ValueError: the file DONE is damaged.
    """
    file = path / "DONE"
    if not file.exists():
        return None
    done = read_json(file)
    if type(done.get("step")) is not int or not isinstance(done.get("reason"), str):
        raise ValueError(f"{file} is damaged (it has no step and reason)")
    done = {"seconds": math.nan, "diverged_at": None, **done}
    if type(done["seconds"]) not in (int, float) or not 0 <= done["step"] < 2**63:
        raise ValueError(f"{file} is damaged (its step or seconds make no sense)")
    if done["step"] > steps or (done["reason"] == "steps" and done["step"] < steps):
        raise ValueError(f"{file} is damaged (step {done['step']} of {steps})")
    return done


def params(run: Run, step: int | str = "best") -> Params:
    """Parameters of a checkpoint as nested dicts.

    Where the best or latest checkpoint is damaged, or is another run's, the next best or next
    latest is used, with a `DamageWarning` that names both.

    Args:
        run: the run.
        step: a step, "best" (of the checkpoints, by the run's selection metric) or "latest".

    Raises:
        ValueError: no such checkpoint, or none that can be read.
    """
    folder = run.path / "checkpoints"
    steps = checkpoint.steps(folder)
    if not steps:
        raise ValueError(f"{run.path} has no checkpoint; name a run that has one")
    identity = run.meta.get("identity", "")  # runs of versions before 0.2 have none
    if step not in ("best", "latest"):
        if str(step) not in map(str, steps):
            names = ", ".join(["best", "latest", *map(str, steps)])
            initial = "; lstmx.runs.open has the initial ones" if step == "initial" else ""
            raise ValueError(
                f"step={step}: {run.path} has no such checkpoint; expected one of {names}{initial}"
            )
        return checkpoint.restore(folder, int(step), run=identity)["params"]
    refused: list[str] = []
    for candidate in _ranked(run, steps) if step == "best" else reversed(steps):
        try:
            restored = checkpoint.restore(folder, candidate, run=identity)["params"]
        except checkpoint.Damaged as error:
            refused.append(str(error))
            continue
        if refused:
            line = f"{'; '.join(refused)}; the checkpoint of step {candidate} is used instead"
            warnings.warn(line, DamageWarning, stacklevel=2)
        return restored
    raise ValueError(f"{run.path} has no checkpoint that can be used: {'; '.join(refused)}")


def best_step(run: Run) -> int | None:
    """The step at which the selection metric was best; None before the first evaluation."""
    best = selection.of(run).best(run.metrics)
    return None if best is None else best["step"]


def summary(run: Run) -> str:
    """A few lines on a run: why it ended, best values, trivial baseline, solved threshold."""
    selected, step = run.meta["selection"], best_step(run)
    ended = f"{run.reason} at step {run.step}, {run.seconds:.1f} s"
    parameters = schema.needed(run, "parameters", int)
    lines = [f"{run.path}", f"ended   {ended}, {parameters:,} parameters"]
    if step is not None:
        at_best = next(p for p in run.metrics if p["step"] == step and selected in p)
        values = [f"{k} {brief(v)}" for k, v in at_best.items() if k.startswith("eval/")]
        lines.append(f"best    step {step}: {', '.join(values)}")
    if (sparsity := run.metrics[-1].get("train/sparsity") if run.metrics else None) is not None:
        until = cfg.pruned_until(run.config)
        lines.append(f"pruned  {sparsity:.1%} of the weights in matrices, until step {until}")
    # Baselines depend on the split: take those of the evaluation that selects, where meta has them.
    evals = schema.needed(run, "evals", dict)
    task = evals.get(selected.partition("/")[2].partition("/")[0])
    if task is None or not {"baseline", "references", "solved"} <= set(task):
        task = run.meta["task"]
    references = {"trivial": task["baseline"], **task["references"]}
    named = ", ".join(f"{k} {brief(v)}" for k, v in references.items())
    solved = "" if task["solved"] is None else f"; solved from {brief(task['solved'])}"
    lines.append(f"compare {selected} with {named}{solved}{_few(task, run.config)}")
    lines += [f"damaged {remark}" for remark in run.remarks]
    return "\n".join(lines)


def _few(task: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """A warning where an evaluation of an endless task has so few sequences that chance decides."""
    if task.get("num_batches") is not None or not isinstance(task.get("batch_size"), int):
        return ""
    sequences = task["batch_size"] * config["eval_batches"]
    return f"; only {sequences} sequences: chance is large" if sequences < FEW else ""


def _points(
    path: Path, config: Mapping[str, Any], done: dict[str, Any] | None, identity: str
) -> tuple[list[Point], list[int], list[str]]:
    """The readable log points, the steps whose points are lost, and remarks on both."""
    log_every, task = config["log_every"], config["task"].get("name", "")
    end = done["step"] if done else config["steps"]
    written = cfg.current_points(task, read_metrics(path))
    points = [p for p in written if 0 < p["step"] <= end and p["step"] % log_every == 0]
    stored, step = _checkpointed(path / "checkpoints", identity)
    stored = cfg.current_points(task, stored)
    remarks = []
    if len(points) < len(written):
        remarks.append(
            f"{path}: metrics.jsonl is damaged; {len(written) - len(points)} of its points are of "
            "steps at which this run did not log, and are left out"
        )
    # The checkpoint's log is covered by a digest, so that it wins where the two differ.
    same_steps = checkpoint.without_nan([p for p in points if p["step"] <= step])
    if stored and same_steps != checkpoint.without_nan(stored):
        remarks.append(
            f"{path}: metrics.jsonl is damaged; the log up to step {step} is that of the checkpoint"
        )
        points = [*stored, *(p for p in points if p["step"] > step)]
    last = done["step"] if done else max([step, *(p["step"] for p in points)])
    lost = missing(points, log_every, last)
    if lost:
        count = last // log_every
        remarks.append(
            f"{path}: {len(lost)} of {count} log points are lost, from step {lost[0]} to "
            f"{lost[-1]}; the best step may be among them"
        )
    return points, lost, remarks


def _checkpointed(folder: Path, identity: str) -> tuple[list[Point], int]:
    """The log in the newest checkpoint of this run, and its step; ([], 0) without one."""
    for step in reversed(checkpoint.steps(folder)):
        try:
            stored = checkpoint.record(folder, step)
        except checkpoint.Damaged:
            continue
        if stored.points and stored.step == step and identity in ("", stored.run):
            return stored.points, step
    return [], 0


def _ranked(run: Run, steps: list[int]) -> list[int]:
    """The steps sorted from best to worst, by the last evaluation up to each.

    Steps saved because the run was stopped are last: none was evaluated.
    """
    by = selection.of(run)

    def rank(step: int) -> tuple[bool, tuple[float, int]]:
        value = by.up_to(run.metrics, step)
        return not _interim(run.path / "checkpoints", step), by.rank(value, step)

    return sorted(steps, key=rank, reverse=True)


def _interim(folder: Path, step: int) -> bool:
    try:
        return checkpoint.record(folder, step).interim
    except checkpoint.Damaged:
        return False
