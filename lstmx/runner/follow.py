"""One run of a group while it goes on: what it writes, and when it ends."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstmx import checkpoint, mesh, runs
from lstmx.experiment import Bound, Experiment
from lstmx.runner import hosts
from lstmx.train.step import values
from lstmx.types import TrainState

logging.getLogger("tensorboardX.x2num").setLevel(logging.ERROR)  # NaN is what a diverged run logs


class Followed:
    """One run of a group while it goes on: its files, its best value and whether it has ended.

    A class because it owns the run's open event file and checkpoint writer. Of several processes
    all follow the run, which has the same numbers in each, and only the first has files.
    """

    def __init__(self, path: Path, config: Any, exp: Experiment, start: int) -> None:
        """Open the files of a run that goes on from the checkpoint of step `start`, or from 0."""
        self.path, self.config = path, config
        self.points: list[Any] = hosts.agreed(lambda: runs.truncate_metrics(path, start))
        self.selection, self.maximize = exp.selection, exp.maximize
        self._stop = exp.stop
        self.reason: str | None = None
        self.diverged_at: int | None = None
        self.closed = False
        self._seconds_before = self.points[-1]["seconds"] if self.points else 0.0
        self._writes = mesh.leads()
        if not self._writes:
            return
        self._writer = checkpoint.Writer(self.path / "checkpoints", exp.maximize, start)
        self._events: Any = None
        self._shown = 0

    def note(self, step: int, seconds: float, chunk: Mapping, evaluated: Mapping) -> None:
        """Write one log point, and see whether the run ends here."""
        if self.reason is not None:
            return
        finite = np.asarray(chunk["finite"].total)
        point = {"step": step, "seconds": round(self._seconds_before + seconds, 3)}
        point |= _means(chunk)
        for name, metrics in evaluated.items():
            point |= {f"eval/{name}/{k}": float(v) for k, v in values(metrics).items()}
        # As the file keeps it, so that a resumed run decides by the same numbers.
        point = {k: v if math.isfinite(v) else math.nan for k, v in point.items()}
        self.points.append(point)
        if self._writes:
            runs.append_metrics(self.path, [point])
            self._show()
        if not finite.all():
            self.diverged_at = step - len(finite) + int(np.argmin(finite)) + 1
            self.reason = "diverged"
        elif self._stop and self._holds(self.points):
            self.reason = "solved"
        elif evaluated and self._out_of_patience():
            self.reason = "patience"

    def stops_after(self, chunk: Mapping) -> bool:
        """Whether this chunk meets all that has to hold of training for the run to stop."""
        bounds = [bound for bound in self._stop if bound.metric.startswith("train/")]
        if self.reason is not None or not bounds:
            return False
        return self._holds([*self.points, _means(chunk)], bounds)

    def save(self, step: int, state: TrainState) -> None:
        """Write a checkpoint."""
        if not self._writes:
            return
        metric = next(
            (p[self.selection] for p in reversed(self.points) if self.selection in p), math.nan
        )
        self._writer.save(step, state._asdict(), metric)

    def finish(self) -> None:
        """Close the run's files and say why it ended."""
        if self.closed:
            return
        self.closed = True
        if not self._writes:
            return
        self._writer.close()
        self._show()
        self._events.close()
        runs.write_json(
            self.path / "DONE",
            {
                "step": self.points[-1]["step"],
                "reason": self.reason or "steps",
                "seconds": self.points[-1]["seconds"],
                "diverged_at": self.diverged_at,
            },
        )

    def _show(self) -> None:
        """Write to the event file the log points that it does not have.

        In a resumed run these are all: events wait in a queue that a kill empties, and those of an
        earlier session may be too few for the checkpoint that it left.
        """
        if self._events is None:
            # Only here: it imports torch where that is installed, a second before the first step.
            import tensorboardX

            # Purging hides from readers what earlier files of the folder say.
            self._events = tensorboardX.SummaryWriter(str(self.path), purge_step=0)
        for point in self.points[self._shown :]:
            for key, value in point.items():
                if "/" in key:
                    self._events.add_scalar(key, value, point["step"])
        self._shown = len(self.points)
        self._events.flush()

    def _holds(self, points: Sequence[Mapping], bounds: Sequence[Bound] | None = None) -> bool:
        """Whether the newest log points reach the bounds."""
        count = max(1, self.config.stop_window // self.config.log_every)
        if len(points) < count:
            return False
        for bound in self._stop if bounds is None else bounds:
            of = points[-count:] if bound.metric.startswith("train/") else points[-1:]
            if not bound.holds(float(np.mean([p.get(bound.metric, math.nan) for p in of]))):
                return False
        return True

    def _out_of_patience(self) -> bool:
        sign = 1 if self.maximize else -1
        curve = [sign * p[self.selection] for p in self.points if self.selection in p]
        if not self.config.patience or np.isnan(curve).all():
            return False
        return len(curve) - 1 - int(np.nanargmax(curve)) >= self.config.patience


def _means(chunk: Mapping) -> dict[str, float]:
    """The metrics of a chunk of training, over all its updates."""
    sums = {k: type(m)(np.sum(m.total), np.sum(m.count)) for k, m in chunk.items()}
    return {f"train/{k}": float(v) for k, v in values(sums).items()}
