"""The best step of a run, defined once for checkpoints, reports, claims and stopping.

Every run has one selection metric, `selection` in its meta.json. Four rules:

* NaN, as a diverged run logs it, is worse than any number;
* of equal values the later step is best, as its checkpoint is the one that is kept;
* only a strictly better value is an improvement, so that patience ends on a plateau;
* of a network that is pruned while it trains, only steps with its final sparsity are compared.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lstmx import config as cfg
from lstmx.runs import schema
from lstmx.types import more_is_better

if TYPE_CHECKING:
    from lstmx.runs.run import Run

Points = Sequence[Mapping[str, Any]]


class Selection(NamedTuple):
    """The metric by which steps are compared.

    Attributes:
        metric: its key in log points, such as "eval/valid/mse".
        maximize: whether higher is better.
        start: the first step that counts.
    """

    metric: str
    maximize: bool
    start: int = 0

    @property
    def worst(self) -> float:
        """The infinity that is worse than any number."""
        return -math.inf if self.maximize else math.inf

    def rank(self, value: float | None, step: int) -> tuple[float, int]:
        """The key to sort steps by, the best last; None and NaN count as the worst value."""
        if value is None or math.isnan(value):
            value = self.worst
        return (value if self.maximize else -value), step

    def best(self, points: Points) -> Mapping[str, Any] | None:
        """The log point at which the metric is best; None where it has no value."""
        measured = [p for p in self._counted(points) if not math.isnan(_number(p[self.metric]))]
        return max(measured, key=lambda p: self.rank(p[self.metric], p["step"]), default=None)

    def last(self, points: Points) -> float:
        """The value at the last evaluation; NaN before the first."""
        return _number(next((p[self.metric] for p in reversed(self._counted(points))), None))

    def up_to(self, points: Points, step: int) -> float:
        """The value at the last evaluation up to a step, by which checkpoints are ranked."""
        return self.last([point for point in points if point["step"] <= step])

    def without_improvement(self, points: Points) -> int:
        """The number of evaluations since the last one that was better than all before."""
        values = [_number(p[self.metric]) for p in self._counted(points)]
        # The first of equal values ranks highest: an equal value later is no improvement.
        ranked = [(*self.rank(value, -k), k) for k, value in enumerate(values)]
        measured = [entry for entry, value in zip(ranked, values) if not math.isnan(value)]
        return len(values) - 1 - max(measured)[-1] if measured else 0

    def _counted(self, points: Points) -> Points:
        """The log points that have a value and count."""
        return [p for p in points if self.metric in p and p["step"] >= self.start]


def of(run: "Run") -> Selection:
    """The selection of a loaded run.

    Raises:
        ValueError: its meta.json has no `maximize`, neither at the top nor in its task.
    """
    metric, task = run.meta["selection"], run.meta.get("task", {})
    start = cfg.pruned_until(run.config)
    if "maximize" not in run.meta and {"metric", "maximize"} <= set(task):  # before version 0.2
        return Selection(metric, more_is_better(metric.rpartition("/")[2], task), start)
    return Selection(metric, schema.needed(run, "maximize", bool), start)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
