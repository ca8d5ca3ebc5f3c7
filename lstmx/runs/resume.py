"""The step from which the runs of a group resume, and damage in their files.

A checkpoint that is damaged, or that another run wrote, is moved aside, and the run resumes from
the newest one that can be used. Its log is restored from the checkpoint: a run never resumes with
a part of its log, as stopping criteria and patience depend on it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lstmx import config as cfg
from lstmx.runs import checkpoint
from lstmx.runs.digests import Point
from lstmx.runs.log import missing, read_metrics
from lstmx.runs.run import read_done


class Left(NamedTuple):
    """The unfinished part of a group of runs, as plain JSON values.

    Attributes:
        members: numbers of the runs that stay in the group: all but those that have done all
            their steps.
        active: indices in `members` of the runs that are not finished.
        start: the step from which they resume, the newest of which all have a checkpoint.
        points: log points up to `start` of each active run.
        remarks: lines for the user: what was damaged, and how the run proceeds.
    """

    members: list[int]
    active: list[int]
    start: int
    points: list[list[Point]]
    remarks: list[str]


def left(
    paths: Sequence[Path],
    configs: Sequence[cfg.ConfigDict],
    identities: Sequence[str],
    members: Sequence[int],
) -> Left:
    """The unfinished part of a group; the caller holds the locks of its unfinished runs.

    Args:
        paths: run directory of every run.
        configs: config of every run.
        identities: id of every run, which its checkpoints carry.
        members: numbers of the runs of this group.

    Raises:
        ValueError: a log has lost points, and its checkpoints are of a version before 0.2, which
            stored none.
    """
    remarks: list[str] = []
    done = {m: finished(paths[m], configs[m].steps, remarks) for m in members}
    # A run that ended early stays in the group, so that the others compute the same numbers.
    remaining = [m for m, d in done.items() if d is None or d["step"] < configs[m].steps]
    active = [place for place, m in enumerate(remaining) if done[m] is None]
    usable = {m: _usable(paths[m], identities[m], remarks) for m in (remaining[a] for a in active)}
    # A group trains in one program, so that its runs resume from a step that all of them have.
    common = set.intersection(*map(set, usable.values())) if usable else set()
    start = max(common, default=0)
    logs = [_log(paths[m], start, configs[m], remarks) for m in usable]
    return Left(remaining, active, start, logs, remarks)


def finished(path: Path, steps: int, remarks: list[str] | None = None) -> dict[str, Any] | None:
    """The content of DONE; None where it is missing or damaged, or its checkpoint is missing.

    A run that diverged has no checkpoint of its last step, and needs none.

    Args:
        path: the run directory.
        steps: number of steps in its config.
        remarks: receives a line on damage of DONE.
    """
    remarks = [] if remarks is None else remarks
    try:
        done = read_done(path, steps)
    except ValueError as error:
        remarks.append(f"{error}: the run goes on")
        return None
    if done is None or done["reason"] == "diverged":
        return done
    if done["step"] in checkpoint.steps(path / "checkpoints"):
        return done
    remarks.append(
        f"{path}: DONE names step {done['step']}, but there is no checkpoint of it: the run goes on"
    )
    return None


def _usable(path: Path, identity: str, remarks: list[str]) -> list[int]:
    """The steps whose checkpoints can be used; moves the others aside."""
    folder, usable = path / "checkpoints", []
    for step in checkpoint.steps(folder):
        damage = checkpoint.damage(folder, step, identity)
        if damage is None:
            usable.append(step)
        else:
            place = checkpoint.set_aside(folder, step)
            remarks.append(f"{damage}; it was moved to {place.relative_to(path)}")
    return usable


def _log(path: Path, start: int, config: cfg.ConfigDict, remarks: list[str]) -> list[Point]:
    """All log points up to `start`, metrics under their present names."""
    if not start:
        return []
    log_every, task = config.log_every, config.task.name
    written = [p for p in cfg.current_points(task, read_metrics(path)) if p["step"] <= start]
    stored = checkpoint.record(path / "checkpoints", start).points
    if stored is not None:
        stored = cfg.current_points(task, stored)
        # Compared as JSON, where NaN equals NaN.
        if checkpoint.without_nan(stored) != checkpoint.without_nan(written):
            remarks.append(f"{path}: metrics.jsonl was damaged; the checkpoint has its points")
        return stored
    lost = missing(written, log_every, start)
    if lost:
        raise ValueError(
            f"{path}: metrics.jsonl has lost {len(lost)} of {start // log_every} log points, from "
            f"step {lost[0]} to {lost[-1]}, and its checkpoints keep none; --force starts it over"
        )
    return written
