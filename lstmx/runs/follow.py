"""One run of a group while it goes on: what it writes, and when it ends."""

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstmx.experiment import Experiment, StoppingCriterion
from lstmx.parallel import mesh
from lstmx.runs import checkpoint, hosts
from lstmx.runs.files import write_json
from lstmx.runs.log import Log
from lstmx.runs.selection import Selection
from lstmx.train.step import values
from lstmx.types import TrainState

Watch = Callable[[Mapping[str, Any]], str | None]
"""(log point) -> why the run ends here, or None: what prunes runs that are not worth their time."""

OWN_REASONS = ("steps", "diverged", "solved", "patience", "unfinished")
"""Why runs end without being watched, and what readers say of those that have not ended."""


class Followed:
    """One run of a group while it goes on: its files, its best value and whether it has ended.

    A class because it owns the run's open log, event file and checkpoint writer. Of several
    processes all follow the run, which has the same numbers in each, and only the first has files.
    """

    def __init__(
        self,
        path: Path,
        config: Any,
        exp: Experiment,
        start: int,
        points: Sequence[Mapping[str, Any]] = (),
        identity: str = "",
        watch: Watch | None = None,
    ) -> None:
        """Open the files of a run that goes on from the checkpoint of step `start`, or from 0.

        Args:
            path: the run directory.
            config: of the run.
            exp: its experiment.
            start: the step of the checkpoint.
            points: the run's log points up to `start`.
            identity: the run's id, which its checkpoints carry.
            watch: sees every log point, and may end the run.
        """
        self.path, self.config = path, config
        self.points: list[Any] = list(points)
        self.by = Selection(exp.selection, exp.maximize)
        self._stop, self._watch = exp.stop, watch
        self.diverged_at: int | None = None
        # A run that was killed after its last checkpoint and before DONE has ended nevertheless.
        self.reason = self._ended()
        self.closed = False
        self._seconds_before = self.points[-1]["seconds"] if self.points else 0.0
        self._writes = mesh.is_main_process()
        if not self._writes:
            return
        self._writer = checkpoint.Writer(path / "checkpoints", exp.maximize, start, run=identity)
        self._log = Log(path, self.points)
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
            self._log.append(point)
            self._show()
        if not finite.all():
            self.diverged_at = step - len(finite) + int(np.argmin(finite)) + 1
            self.reason = "diverged"
        else:
            self.reason = self._ended() or self._watched(point)

    def stops_after(self, chunk: Mapping) -> bool:
        """Whether this chunk meets all that has to hold of training for the run to stop."""
        criteria = [c for c in self._stop if c.metric.startswith("train/")]
        if self.reason is not None or not criteria:
            return False
        return self._holds([*self.points, _means(chunk)], criteria)

    def save(self, step: int, state: TrainState, *, interim: bool = False) -> None:
        """Write a checkpoint; an interim one where the run is stopped between two regular ones.

        Raises:
            OSError: it could not be written, or something else has changed the run's files.
        """
        if not self._writes:
            return
        self._log.check()
        metric = self.by.last(self.points)
        self._writer.save(step, state._asdict(), metric, self.points, interim=interim)

    def finish(self) -> None:
        """Close the run's files and say why it ended."""
        if self.closed:
            return
        if self._writes:
            self._show()
            self._log.check()
            done = {
                "step": self.points[-1]["step"],
                "reason": self.reason or "steps",
                "seconds": self.points[-1]["seconds"],
                "diverged_at": self.diverged_at,
            }
            write_json(self.path / "DONE", done)
        self.close()

    def close(self) -> None:
        """Close the run's files; what is not saved is done again when the run resumes."""
        if self.closed:
            return
        self.closed = True
        if not self._writes:
            return
        self._writer.close()
        self._log.close()
        if self._events is not None:
            self._events.close()

    def _show(self) -> None:
        """Write to the event file the log points that it does not have.

        In a resumed run these are all: events wait in a queue that a kill empties, and those of an
        earlier session may be too few for the checkpoint that it left.
        """
        if self._events is None:
            # Only here: it imports torch where that is installed, a second before the first step.
            import tensorboardX

            # Readers order event files by the time in their names, which a clock that was set back
            # would put before the old ones: those go, as the new one has all that they have.
            for earlier in self.path.glob("events.out.tfevents.*"):
                earlier.unlink()
            self._events = tensorboardX.SummaryWriter(str(self.path), purge_step=0)
        with _without_remarks():
            for point in self.points[self._shown :]:
                for key, value in point.items():
                    if "/" in key:
                        self._events.add_scalar(key, value, point["step"])
        self._shown = len(self.points)
        self._events.flush()

    def _ended(self) -> str | None:
        """Why the run ends at its newest log point; None where it goes on."""
        if not self.points:
            return None
        if self._stop and self._holds(self.points):
            return "solved"
        evaluated = any(key.startswith("eval/") for key in self.points[-1])
        if evaluated and self._out_of_patience():
            return "patience"
        return None

    def _watched(self, point: Mapping[str, Any]) -> str | None:
        """Why whoever watches ends the run here; the first of several processes decides.

        Raises:
            ValueError: no reason that can stand in DONE.
        """
        if self._watch is None:
            return None
        watch = self._watch
        reason = hosts.agreed(lambda: watch(point))
        if reason is None:
            return None
        if not isinstance(reason, str) or not reason.strip() or not reason.isprintable():
            raise ValueError(f"watch gave {reason!r}; expected a reason in one line, or None")
        if reason in OWN_REASONS:
            raise ValueError(
                f"watch gave the reason {reason!r}, which runs have of their own; expected another"
            )
        return reason

    def _holds(
        self, points: Sequence[Mapping], criteria: Sequence[StoppingCriterion] | None = None
    ) -> bool:
        """Whether the newest log points meet the criteria; those of the run where it is None."""
        count = max(1, self.config.stop_window // self.config.log_every)
        if len(points) < count:
            return False
        for criterion in self._stop if criteria is None else criteria:
            metric = criterion.metric
            of = points[-count:] if metric.startswith("train/") else points[-1:]
            if not criterion.holds(float(np.mean([p.get(metric, math.nan) for p in of]))):
                return False
        return True

    def _out_of_patience(self) -> bool:
        patience = self.config.patience
        return bool(patience) and self.by.without_improvement(self.points) >= patience


def _means(chunk: Mapping) -> dict[str, float]:
    """The metrics of a chunk of training, over all its updates."""
    sums = {k: type(m)(np.sum(m.total), np.sum(m.count)) for k, m in chunk.items()}
    return {f"train/{k}": float(v) for k, v in values(sums).items()}


@contextlib.contextmanager
def _without_remarks() -> Iterator[None]:
    """NaN is what a diverged run logs: tensorboardX need not remark on each."""
    logger = logging.getLogger("tensorboardX.x2num")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
