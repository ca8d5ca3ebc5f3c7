"""The criteria by which training ends before its last step."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from lstmx.experiment._selection import check_metric
from lstmx.types import Task, more_is_better, reaches


class StoppingCriterion(NamedTuple):
    """A threshold that a metric has to reach.

    Attributes:
        metric: "train/<metric>" or "eval/<name>/<metric>".
        value: the threshold.
        maximize: whether the metric has to be at least, rather than at most, the threshold.
    """

    metric: str
    value: float
    maximize: bool

    @property
    def perfect(self) -> bool:
        """Whether one wrong batch of an evaluation tells that a fraction cannot reach it."""
        return self.maximize and self.value == 1 and self.metric.startswith("eval/")

    def holds(self, value: float) -> bool:
        """Whether a value of the metric reaches the threshold; NaN never does."""
        return reaches(value, self.value, maximize=self.maximize)


def stopping_criteria(
    requested: Sequence[tuple[str, float]],
    evals: Mapping[str, Task],
    task: Task,
    metrics: Callable[[Task], Collection[str]],
) -> tuple[StoppingCriterion, ...]:
    """The criteria of a config; the task decides whether a metric is maximized.

    Args:
        requested: `config.stop`, pairs of a metric and its threshold.
        evals: name of an evaluation -> its task.
        task: the task of training.
        metrics: the names of a task's metrics, see `names_of_metrics`.

    Raises:
        ValueError: a metric that neither training nor an evaluation has.
    """
    criteria = []
    for name, value in requested:
        kind, *rest = name.split("/")
        measured = task if kind == "train" else evals.get(rest[0]) if kind == "eval" else None
        if measured is None or len(rest) != {"train": 1, "eval": 2}[kind]:
            options = ", ".join(f"eval/{name}/<metric>" for name in evals)
            raise ValueError(f"stop: got {name!r}; expected train/<metric> or one of {options}")
        check_metric(f"stop: {name}", rest[-1], metrics(measured))
        maximize = more_is_better(rest[-1], measured.spec._asdict())
        criteria.append(StoppingCriterion(name, value, maximize))
    return tuple(criteria)
