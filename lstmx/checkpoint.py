"""Checkpoints of one run through orbax: the best step and the latest two are kept.

Two, because the replicas of a group are saved one after the other: after a kill in between, the
step before is the one that all of them have.

Of several processes one alone reads and writes: what is saved is on its host already.

An interrupted save leaves a temporary folder that no reader takes for a step, and that the next
writer removes. Steps are moved away before they are deleted, so that none is ever there by half.
"""

import logging
import math
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as policy

logging.getLogger("absl").setLevel(logging.WARNING)  # orbax tells every save at INFO

DROPPED = "dropped"
"""Where steps are moved before they are deleted."""


class Writer:
    """Writes the checkpoints of one run.

    A class because it owns a resource: orbax's manager with its background thread.
    """

    def __init__(self, folder: Path, maximize: bool, start: int = 0) -> None:
        """Open (and create) a checkpoint folder.

        Args:
            folder: of the run's checkpoints.
            maximize: whether the metric that decides "best" should grow.
            start: the step from which the run goes on; later ones are dropped.
        """
        self._maximize = maximize
        self._dropped = folder.resolve() / DROPPED
        for step in steps(folder):
            if step > start:
                self._dropped.mkdir(exist_ok=True)
                (folder / str(step)).rename(self._dropped / f"{step}-{time.time_ns()}")
        shutil.rmtree(self._dropped, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        keep: list[policy.PreservationPolicy] = [
            policy.LatestN(2),
            policy.BestN(get_metric_fn=_metric, reverse=not maximize, n=1),
        ]
        self._manager = ocp.CheckpointManager(
            folder.resolve(),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policy.AnyPreservationPolicy(keep),
                best_fn=_metric,
                best_mode="max" if maximize else "min",
                cleanup_tmp_directories=True,
                enable_async_checkpointing=False,
                todelete_subdir=DROPPED,
                multiprocessing_options=_alone(),
                create=False,
            ),
        )

    def save(self, step: int, tree: Any, metric: float) -> None:
        """Write one step; `metric` decides which step is best, NaN being the worst.

        Raises:
            OSError: orbax did not write the step.
        """
        if math.isnan(metric):
            metric = -math.inf if self._maximize else math.inf
        saved = self._manager.save(
            step, args=ocp.args.StandardSave(tree), metrics={"metric": metric}, force=True
        )
        if not saved:
            raise OSError(f"checkpoint of step {step} was not written")
        shutil.rmtree(self._dropped, ignore_errors=True)

    def close(self) -> None:
        """Finish what is being written."""
        self._manager.close()


def steps(folder: Path) -> list[int]:
    """The steps whose checkpoints are complete, ascending."""
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit())


def restore(folder: Path, step: int, like: Any = None) -> Any:
    """The tree of one step.

    Args:
        like: a tree of arrays or ShapeDtypeStructs with the structure to restore into; without
            it, nested dicts of NumPy-like arrays come back.

    Raises:
        ValueError: there is no such step.
    """
    if step not in steps(folder):
        raise ValueError(f"no checkpoint of step {step} in {folder}; there are {steps(folder)}")
    abstract = None if like is None else jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    with ocp.StandardCheckpointer(multiprocessing_options=_alone()) as reader:
        return reader.restore(folder.resolve() / str(step) / "default", abstract)


def _alone() -> Any:
    """Orbax's option to wait for no other process."""
    own = jax.process_index()
    return ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own})


def _metric(metrics: Mapping[str, Any]) -> float:
    return metrics["metric"]
