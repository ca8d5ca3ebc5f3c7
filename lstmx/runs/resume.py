"""From which step the runs of a group go on, and what of their files is damaged.

A checkpoint that is damaged, or that another run wrote, is moved aside, and the run goes on from
the newest one that can be used. The log is that of the checkpoint: a run never goes on with a part
of it, which would also change when it ends.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lstmx import config as cfg
from lstmx.runs import checkpoint
from lstmx.runs.log import missing, read_metrics
from lstmx.runs.run import read_done


class Left(NamedTuple):
    """What is left to do of a group of runs, as plain JSON values.

    Attributes:
        kept: numbers of the runs that keep their place in the group: all but those that have done
            all their steps.
        active: places in `kept` of the runs that go on.
        start: the step from which they go on, the newest that all of them have.
        points: of each active run, its log points up to `start`.
        remarks: lines for the user: what was damaged, and what is done about it.
    """

    kept: list[int]
    active: list[int]
    start: int
    points: list[list[dict[str, Any]]]
    remarks: list[str]


def left(
    paths: Sequence[Path], configs: Sequence[Any], identities: Sequence[str], members: Sequence[int]
) -> Left:
    """What is left of a group; the locks of its unfinished runs are held.

    Args:
        paths: run directory of every run.
        configs: config of every run.
        identities: id of every run, which its checkpoints carry.
        members: numbers of the runs of this group.

    Raises:
        ValueError: a log has lost points, and its checkpoints are of a version that keeps none.
    """
    remarks: list[str] = []
    done = {m: finished(paths[m], configs[m].steps, remarks) for m in members}
    kept = [m for m, d in done.items() if d is None or d["step"] < configs[m].steps]
    active = [place for place, m in enumerate(kept) if done[m] is None]
    usable = {m: _usable(paths[m], identities[m], remarks) for m in (kept[a] for a in active)}
    common = set.intersection(*map(set, usable.values())) if usable else set()
    start = max(common, default=0)
    logs = [_log(paths[m], start, configs[m], remarks) for m in usable]
    return Left(kept, active, start, logs, remarks)


def finished(path: Path, steps: int, remarks: list[str] | None = None) -> dict[str, Any] | None:
    """How a run ended; None where DONE is missing, damaged, or its checkpoint is not there.

    What has diverged saves no checkpoint at its end.

    Args:
        path: the run directory.
        steps: how many its config asks for.
        remarks: takes a line on what is wrong with DONE.
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
    """The steps whose checkpoints can be used; the others are moved aside."""
    folder, good = path / "checkpoints", []
    for step in checkpoint.steps(folder):
        damage = checkpoint.damage(folder, step, identity)
        if damage is None:
            good.append(step)
        else:
            place = checkpoint.set_aside(folder, step)
            remarks.append(f"{damage}; it was moved to {place.relative_to(path)}")
    return good


def _log(path: Path, start: int, config: Any, remarks: list[str]) -> list[dict[str, Any]]:
    """The log points up to `start`, whole, metrics under their present names."""
    if not start:
        return []
    log_every, task = config.log_every, config.task.name
    written = [p for p in cfg.current_points(task, read_metrics(path)) if p["step"] <= start]
    kept = checkpoint.record(path / "checkpoints", start).points
    if kept is not None:
        kept = cfg.current_points(task, kept)
        if checkpoint.without_nan(kept) != checkpoint.without_nan(written):
            remarks.append(f"{path}: metrics.jsonl was damaged; the checkpoint has its points")
        return kept
    lost = missing(written, log_every, start)
    if lost:
        raise ValueError(
            f"{path}: metrics.jsonl has lost {len(lost)} of {start // log_every} log points, from "
            f"step {lost[0]} to {lost[-1]}, and its checkpoints keep none; --force starts it over"
        )
    return written
