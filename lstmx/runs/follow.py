"""One run of a group in training: the files it writes, and the criteria that end it."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstmx import config as cfg
from lstmx.config import ConfigDict
from lstmx.experiment import Experiment, StoppingCriterion
from lstmx.parallel import mesh
from lstmx.runs import checkpoint, hosts
from lstmx.runs.digests import Points
from lstmx.runs.events import Events
from lstmx.runs.files import write_json
from lstmx.runs.log import Log
from lstmx.runs.selection import Selection
from lstmx.train.step import values
from lstmx.types import Metrics, TrainState

Watch = Callable[[Mapping[str, Any]], str | None]
"""(log point) -> a reason to end the run here, or None; a pruner of a search, for example."""

OWN_REASONS = ("steps", "diverged", "solved", "patience", "unfinished")
"""The reasons that lstmx itself writes to DONE, and what readers report where there is no DONE."""


def stop_window(config: ConfigDict) -> int:
    """The number of log points of which stopping criteria take the mean."""
    return max(1, config.stop_window // config.log_every)


def holds(criteria: Sequence[StoppingCriterion], points: Points, window: int) -> bool:
    """Whether the last log points meet all criteria.

    Training metrics are means over the last `stop_window` updates, as a single chunk is noisy;
    evaluations are taken from the newest point alone.
    """
    if len(points) < window:
        return False
    for criterion in criteria:
        metric = criterion.metric
        some = points[-window:] if metric.startswith("train/") else points[-1:]
        if not criterion.holds(float(np.mean([p.get(metric, math.nan) for p in some]))):
            return False
    return True


def evaluates(stop: Sequence[StoppingCriterion], points: Points, window: int) -> bool:
    """Whether a run is evaluated after these log points, as they meet all criteria on training."""
    criteria = [one for one in stop if one.metric.startswith("train/")]
    return bool(criteria) and holds(criteria, points, window)


class Followed:
    """One run of a group in training: its files, its log points and why it ended.

    A class because it owns the run's open log, event file and checkpoint writer. Of several
    processes all follow the run, which has the same numbers in each, and only the first has files.
    """

    def __init__(
        self,
        path: Path,
        config: ConfigDict,
        exp: Experiment,
        start: int,
        points: Points = (),
        identity: str = "",
        watch: Watch | None = None,
    ) -> None:
        """Open the files of a run that continues from the checkpoint of step `start`, or from 0.

        Args:
            path: the run directory.
            config: of the run.
            exp: its experiment.
            start: the step of the checkpoint.
            points: the run's log points up to `start`.
            identity: the run's id, which its checkpoints carry.
            watch: called with every log point; a reason that it returns ends the run.
        """
        self.path, self.config = path, config
        self.points: list[Mapping[str, Any]] = list(points)
        self.by = Selection(exp.selection, exp.maximize, cfg.pruned_until(config))
        self._stop, self._watch = exp.stop, watch
        self._window = stop_window(config)
        self.diverged_at: int | None = None
        # A run that was killed between its last checkpoint and DONE may have met a criterion.
        self.reason = self._ended()
        self.closed = False
        self._seconds_before = self.points[-1]["seconds"] if self.points else 0.0
        self._writes = mesh.is_main_process()
        if not self._writes:
            return
        self._writer = checkpoint.Writer(path / "checkpoints", exp.maximize, start, run=identity)
        self._log = Log(path, self.points)
        self._events: Events | None = None
        self._num_events = 0

    def note(
        self, step: int, seconds: float, chunk: Metrics, evaluated: Mapping[str, Metrics]
    ) -> None:
        """Write one log point, and set `reason` where the run ends here.

        Args:
            step: number of updates so far.
            seconds: wall time of this session.
            chunk: metric -> Mean of [log_every], one entry an update.
            evaluated: evaluation -> its metrics; empty where there was none.
        """
        if self.reason is not None:
            return
        finite = np.asarray(chunk["finite"].total)
        point = {"step": step, "seconds": round(self._seconds_before + seconds, 3)}
        point |= _means(chunk)
        for name, metrics in evaluated.items():
            point |= {f"eval/{name}/{k}": float(v) for k, v in values(metrics).items()}
        # The file stores null for whatever is not finite, which reads as NaN: the same here, so
        # that a resumed run decides by the same numbers.
        point = {k: v if math.isfinite(v) else math.nan for k, v in point.items()}
        self.points.append(point)
        if self._writes:
            self._log.append(point)
            self._write_events()
        if not finite.all():
            self.diverged_at = step - len(finite) + int(np.argmin(finite)) + 1
            self.reason = "diverged"
        else:
            self.reason = self._ended() or self._watched(point)

    def stops_after(self, chunk: Metrics) -> bool:
        """Whether this chunk meets all stopping criteria on training metrics."""
        if self.reason is not None:
            return False
        points = [*self._newest(self._window - 1), _means(chunk)]
        return evaluates(self._stop, points, self._window)

    def save(self, step: int, state: TrainState, *, interim: bool = False) -> None:
        """Write a checkpoint.

        Args:
            step: number of updates that led to `state`.
            state: host arrays of this run's replica.
            interim: whether the run is stopped here, between two regular checkpoints.

        Raises:
            OSError: it could not be written, or another program has changed the run's files.
        """
        if not self._writes:
            return
        self._log.check()
        metric = self.by.last(self.points)
        self._writer.save(step, state._asdict(), metric, self.points, interim=interim)

    def finish(self) -> None:
        """Write DONE with the reason, and close the run's files."""
        if self.closed:
            return
        if self._writes:
            self._write_events()
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
        """Close the run's files; steps that are not saved are repeated when the run resumes."""
        if self.closed:
            return
        self.closed = True
        if not self._writes:
            return
        self._writer.close()
        self._log.close()
        if self._events is not None:
            self._events.close()

    def _write_events(self) -> None:
        """Write the log points that the event file lacks; in a resumed run these are all points."""
        if self._events is None:
            self._events = Events(self.path)
        for point in self.points[self._num_events :]:
            self._events.add(point)
        self._num_events = len(self.points)
        self._events.flush()

    def _ended(self) -> str | None:
        """The reason to end the run at its newest log point; None where it continues."""
        if not self.points:
            return None
        if self._stop and holds(self._stop, self._newest(self._window), self._window):
            return "solved"
        evaluated = any(key.startswith("eval/") for key in self.points[-1])
        if evaluated and self._out_of_patience():
            return "patience"
        return None

    def _watched(self, point: Mapping[str, Any]) -> str | None:
        """The reason that `watch` returns; the first of several processes calls it.

        Raises:
            ValueError: a reason that DONE cannot have: not one line of text, or one of lstmx's.
        """
        if self._watch is None:
            return None
        watch = self._watch
        reason = hosts.agreed(lambda: watch(point))
        if reason is None:
            return None
        if not isinstance(reason, str) or not reason.strip() or not reason.isprintable():
            raise ValueError(f"watch returned {reason!r}; expected a reason in one line, or None")
        if reason in OWN_REASONS:
            raise ValueError(
                f"watch returned the reason {reason!r}, which lstmx itself uses; expected another"
            )
        return reason

    def _newest(self, count: int) -> list[Mapping[str, Any]]:
        """The last log points, at most so many."""
        return self.points[max(0, len(self.points) - count) :]

    def _out_of_patience(self) -> bool:
        patience = self.config.patience
        return bool(patience) and self.by.without_improvement(self.points) >= patience


def _means(chunk: Metrics) -> dict[str, float]:
    """The metrics of a chunk of training, means over all its updates."""
    totals = {k: type(m)(np.sum(m.total), np.sum(m.count)) for k, m in chunk.items()}
    return {f"train/{k}": float(v) for k, v in values(totals).items()}
