"""Checkpoints of one run through orbax: the best step and the latest two are kept.

Two, because the replicas of a group are saved one after the other: after a kill in between, the
step before is the one that all of them have.

Of several processes only the first reads and writes: what is saved is already on its host.

Every checkpoint has, in orbax's custom metadata, the id of its run, the log points up to its
step and a SHA-256 digest of its arrays and of both. A list of the digests of its files is added
when it is complete. Reading checks the files first, so that no parser reads a damaged one, and the
arrays at the end: a flipped bit or another run's checkpoint raises an error.
Checkpoints of versions before 0.2 have no digests and are read unchecked.

An interrupted save leaves a temporary folder that readers ignore and the next writer removes.
Steps are moved away before they are deleted, so that a kill never leaves a part of one.
"""

import math
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as policy

from lstmx.runs import digests
from lstmx.runs.digests import Damaged, Points, Record, record, with_nan, without_nan
from lstmx.runs.selection import Selection

__all__ = [
    "DAMAGED",
    "Damaged",
    "Record",
    "Writer",
    "damage",
    "record",
    "restore",
    "set_aside",
    "steps",
    "with_nan",
    "without_nan",
]

DROPPED = "dropped"
"""Where steps are moved before they are deleted."""
DAMAGED = "damaged"
"""Where steps that cannot be read are moved, for a person to look at."""
LATEST = 2
"""Regular checkpoints that are kept whatever their metric."""


class Writer:
    """Writes the checkpoints of one run.

    A class because it owns a resource: orbax's manager with its background thread.
    """

    def __init__(self, folder: Path, maximize: bool, start: int = 0, *, run: str = "") -> None:
        """Open (and create) a checkpoint folder.

        Args:
            folder: of the run's checkpoints.
            maximize: whether a higher value of the metric that decides "best" is better.
            start: the step from which the run goes on; later ones are deleted.
            run: id of the run.
        """
        self._by, self._run, self._folder = Selection("metric", maximize), run, folder
        self._dropped = folder.resolve() / DROPPED
        for step in steps(folder):
            if step > start:
                self._dropped.mkdir(exist_ok=True)
                (folder / str(step)).rename(self._dropped / f"{step}-{time.time_ns()}")
        shutil.rmtree(self._dropped, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        self._manager = ocp.CheckpointManager(
            folder.resolve(),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=_Preserved(self._by),
                best_fn=_metric,
                best_mode="max" if maximize else "min",
                cleanup_tmp_directories=True,
                enable_async_checkpointing=False,
                todelete_subdir=DROPPED,
                multiprocessing_options=_alone(),
                create=False,
            ),
        )

    def save(
        self, step: int, tree: object, metric: float, points: Points = (), *, interim: bool = False
    ) -> None:
        """Write one step.

        Args:
            step: number of updates that led to `tree`.
            tree: host arrays.
            metric: decides which step is best, NaN being the worst.
            points: the run's log points up to this step; NaN where a value diverged.
            interim: whether the run is stopped here. The next regular checkpoint replaces this one,
                so that a stopped run ends with the checkpoints of one that was never stopped.

        Raises:
            OSError: the step could not be written.
        """
        if math.isnan(metric):
            metric = self._by.worst
        try:
            saved = self._manager.save(
                step,
                args=ocp.args.StandardSave(tree),
                metrics={"metric": metric, "interim": interim},
                custom_metadata=digests.metadata(tree, self._run, step, points, interim),
                force=True,
            )
        except ValueError as error:
            # tensorstore's message is many lines on its drivers; the reason precedes the first tag.
            match = re.search(r"[^:\n]*(?= \[(os_error_code|tensorstore_spec)=)", str(error))
            reason = match[0].strip() if match else str(error).splitlines()[0][:200]
            place = self._folder / str(step)
            raise OSError(f"{place} could not be written ({reason})") from error
        if not saved:
            raise OSError(f"checkpoint of step {step} was not written")
        digests.list_files(self._folder / str(step))
        shutil.rmtree(self._dropped, ignore_errors=True)

    def close(self) -> None:
        """Wait for the last write to finish, and release orbax's manager."""
        self._manager.close()


class _Preserved(policy.PreservationPolicy):
    """Keeps the latest two regular steps, the best regular one, and the newest of all."""

    def __init__(self, by: Selection) -> None:
        self._by = by

    def should_preserve(self, checkpoints: Sequence[Any], *, context: object) -> list[bool]:
        del context
        regular = [c for c in checkpoints if not (c.metrics or {}).get("interim")]
        value = lambda c: (c.metrics or {}).get(self._by.metric)
        best = sorted(regular, key=lambda c: self._by.rank(value(c), c.step))[-1:]
        preserved = {c.step for c in (*regular[-LATEST:], *best, *checkpoints[-1:])}
        return [c.step in preserved for c in checkpoints]


def steps(folder: Path) -> list[int]:
    """The steps that have a checkpoint, ascending, whether or not it can be read."""
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdecimal())


def restore(folder: Path, step: int, like: object = None, *, run: str = "") -> dict[str, Any]:
    """The tree of one step, checked against its digest.

    Args:
        folder: of the run's checkpoints.
        step: one of `steps(folder)`.
        like: a tree of arrays or ShapeDtypeStructs with the structure to restore into; without
            it, nested dicts of NumPy-like arrays are returned.
        run: id of the run that must have written it; "" for any.

    Raises:
        ValueError: no such step.
        Damaged: it cannot be read, its arrays are not those that were written, or another run
            wrote it.
    """
    if step not in steps(folder):
        raise ValueError(f"no checkpoint of step {step} in {folder}; there are {steps(folder)}")
    place = folder / str(step)
    digests.check_files(place)
    stored = record(folder, step)
    if run and stored.run and stored.run != run:
        raise Damaged(f"{place} is a checkpoint of run {stored.run}; expected one of run {run}")
    if stored.step and stored.step != step:
        raise Damaged(f"{place} is the checkpoint of step {stored.step}; expected that of its name")
    abstract = None if like is None else jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    try:
        with ocp.StandardCheckpointer(multiprocessing_options=_alone()) as reader:
            tree = reader.restore(folder.resolve() / str(step) / "default", abstract)
    except MemoryError:
        raise
    except Exception as error:  # the parsers of orbax raise many types on a damaged file
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise Damaged(f"{place} cannot be read ({lines[0][:200]})") from error
    digests.check_arrays(place, stored, tree)
    return tree


def damage(folder: Path, step: int, run: str = "") -> str | None:
    """Why the checkpoint of a step cannot be used, in one line; None where it can."""
    try:
        restore(folder, step, run=run)
    except Damaged as error:
        return str(error)
    return None


def set_aside(folder: Path, step: int) -> Path:
    """Move a step that cannot be used to the folder `DAMAGED`; returns its new path."""
    place = folder / DAMAGED / f"{step}-{time.time_ns()}"
    place.parent.mkdir(exist_ok=True)
    return (folder / str(step)).rename(place)


def _alone() -> ocp.options.MultiprocessingOptions:
    """Orbax's option to wait for no other process."""
    process = jax.process_index()
    return ocp.options.MultiprocessingOptions(primary_host=process, active_processes={process})


def _metric(metrics: Mapping[str, float]) -> float:
    return metrics["metric"]
