"""A run directory, read: config, log, how it ended, parameters of its checkpoints."""

import math
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lstmx import config as cfg
from lstmx.runs import checkpoint, schema, selection
from lstmx.runs.files import read_json
from lstmx.runs.log import missing, read_metrics
from lstmx.tables import brief


class DamageWarning(UserWarning):
    """A checkpoint is damaged, and another one is used."""


class Run(NamedTuple):
    """One run directory, read.

    Attributes:
        path: the directory.
        config: the resolved config as a dict; `lstmx.config.from_dict` makes a ConfigDict of it.
        meta: versions, devices, command, parameter count, task and evaluations.
        metrics: one dict per log point; a diverged value is NaN.
        done: {"step", "reason", "seconds", "diverged_at"}, or None while unfinished.
        lost: steps whose log points are lost: the run logged there, and no file has the point.
        remarks: what of the directory is damaged, one line each.
    """

    path: Path
    config: dict[str, Any]
    meta: dict[str, Any]
    metrics: list[dict[str, Any]]
    done: dict[str, Any] | None
    lost: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def params(self) -> Any:
        """Parameters of the best checkpoint, nested dicts of arrays."""
        return params(self)


def load(path: Path | str) -> Run:
    """Read a run directory.

    Log points that `metrics.jsonl` has lost are taken from the newest checkpoint; what that does
    not have is named in `lost` and `remarks`.

    Raises:
        ValueError: there is no run, or its config or meta cannot be read.
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
    """The runs that can be read, and a line for each remark on them and for each that cannot."""
    found, remarks = [], []
    for path in paths:
        try:
            found.append(load(path))
        except ValueError as error:
            remarks.append(f"{error}: the run is left out")
        else:
            remarks += found[-1].remarks
    return found, remarks


def read_done(path: Path, steps: int) -> dict[str, Any] | None:
    """How a run ended; None while it is unfinished.

    Args:
        path: the run directory.
        steps: how many its config asks for.

    Raises:
        ValueError: the file DONE is damaged.
    """
    file = path / "DONE"
    if not file.exists():
        return None
    done = read_json(file)
    if type(done.get("step")) is not int or not isinstance(done.get("reason"), str):
        raise ValueError(f"{file} is damaged (it says no step and reason)")
    done = {"seconds": math.nan, "diverged_at": None, **done}
    if type(done["seconds"]) not in (int, float) or not 0 <= done["step"] < 2**63:
        raise ValueError(f"{file} is damaged (its step or seconds make no sense)")
    if done["step"] > steps or (done["reason"] == "steps" and done["step"] < steps):
        raise ValueError(f"{file} is damaged (step {done['step']} of {steps})")
    return done


def params(run: Run, step: int | str = "best") -> Any:
    """Parameters of a checkpoint as nested dicts.

    Where the checkpoint that "best" or "latest" means is damaged, or is another run's, the next
    best or next latest is taken, with a `DamageWarning` that names both.

    Args:
        step: a step, "best" (of the checkpoints, by the run's selection metric) or "latest".

    Raises:
        ValueError: no such checkpoint, or none that can be read.
    """
    folder = run.path / "checkpoints"
    there = checkpoint.steps(folder)
    if not there:
        raise ValueError(f"{run.path} has no checkpoint; name a run that has one")
    identity = run.meta.get("identity", "")  # runs of versions before 0.2 have none
    if step not in ("best", "latest"):
        if str(step) not in map(str, there):
            known = ", ".join(map(str, there))
            raise ValueError(
                f"step={step}: {run.path} has no such checkpoint; known: best, latest, {known}"
            )
        return checkpoint.restore(folder, int(step), run=identity)["params"]
    refused: list[str] = []
    for candidate in _ranked(run, there) if step == "best" else reversed(there):
        try:
            found = checkpoint.restore(folder, candidate, run=identity)["params"]
        except checkpoint.Damaged as error:
            refused.append(str(error))
            continue
        if refused:
            line = f"{'; '.join(refused)}; the checkpoint of step {candidate} is used instead"
            warnings.warn(line, DamageWarning, stacklevel=2)
        return found
    raise ValueError(f"{run.path} has no checkpoint that can be used: {'; '.join(refused)}")


def best_step(run: Run) -> int | None:
    """The step at which the selection metric was best; None before the first evaluation."""
    best = selection.of(run).best(run.metrics)
    return None if best is None else best["step"]


def summary(run: Run) -> str:
    """How a run ended, in a few lines: best value, trivial baseline, what counts as solved."""
    done = run.done or {"reason": "unfinished", "step": 0, "seconds": math.nan}
    selected, step = run.meta["selection"], best_step(run)
    ended = f"{done['reason']} at step {done['step']}, {done['seconds']:.1f} s"
    lines = [f"{run.path}", f"ended   {ended}, {schema.needed(run, 'parameters'):,} parameters"]
    if step is not None:
        at_best = next(p for p in run.metrics if p["step"] == step and selected in p)
        values = [f"{k} {brief(v)}" for k, v in at_best.items() if k.startswith("eval/")]
        lines.append(f"best    step {step}: {', '.join(values)}")
    # What a value is compared with belongs to the split it was measured on.
    task = schema.needed(run, "evals").get(selected.partition("/")[2].partition("/")[0])
    if task is None or not {"baseline", "references", "solved"} <= set(task):
        task = run.meta["task"]
    references = {"trivial": task["baseline"], **task["references"]}
    named = ", ".join(f"{k} {brief(v)}" for k, v in references.items())
    solved = "" if task["solved"] is None else f"; solved from {brief(task['solved'])}"
    lines.append(f"compare {selected} with {named}{solved}")
    lines += [f"damaged {remark}" for remark in run.remarks]
    return "\n".join(lines)


def _points(
    path: Path, config: Mapping[str, Any], done: dict[str, Any] | None, identity: str
) -> tuple[list[dict[str, Any]], list[int], list[str]]:
    """The log as far as it can be had, the steps that are lost, and remarks on both."""
    log_every, task = config["log_every"], config["task"].get("name", "")
    end = done["step"] if done else config["steps"]
    found = cfg.current_points(task, read_metrics(path))
    points = [p for p in found if 0 < p["step"] <= end and p["step"] % log_every == 0]
    kept, step = _checkpointed(path / "checkpoints", identity)
    kept = cfg.current_points(task, kept)
    remarks = []
    if len(points) < len(found):
        remarks.append(
            f"{path}: metrics.jsonl is damaged; {len(found) - len(points)} of its points are of "
            "steps at which this run did not log, and are left out"
        )
    own = checkpoint.without_nan([p for p in points if p["step"] <= step])
    if kept and own != checkpoint.without_nan(kept):
        remarks.append(
            f"{path}: metrics.jsonl is damaged; the log up to step {step} is that of the checkpoint"
        )
        points = [*kept, *(p for p in points if p["step"] > step)]
    last = done["step"] if done else max([step, *(p["step"] for p in points)])
    lost = missing(points, log_every, last)
    if lost:
        count = last // log_every
        remarks.append(
            f"{path}: {len(lost)} of {count} log points are lost, from step {lost[0]} to "
            f"{lost[-1]}; the best step may be among them"
        )
    return points, lost, remarks


def _checkpointed(folder: Path, identity: str) -> tuple[list[dict[str, Any]], int]:
    """The log that the newest checkpoint of this run has, and its step; empty without one."""
    for step in reversed(checkpoint.steps(folder)):
        try:
            known = checkpoint.record(folder, step)
        except checkpoint.Damaged:
            continue
        if known.points and known.step == step and identity in ("", known.run):
            return known.points, step
    return [], 0


def _ranked(run: Run, there: list[int]) -> list[int]:
    """The steps from the best on, each judged by the last evaluation up to it.

    Steps saved because the run was stopped come last: no evaluation is theirs.
    """
    by = selection.of(run)

    def rank(step: int) -> tuple[bool, tuple[float, int]]:
        value = by.up_to(run.metrics, step)
        return not _interim(run.path / "checkpoints", step), by.rank(value, step)

    return sorted(there, key=rank, reverse=True)


def _interim(folder: Path, step: int) -> bool:
    try:
        return checkpoint.record(folder, step).interim
    except checkpoint.Damaged:
        return False
