"""When training may end before its last step: the criteria of a config, resolved."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lstmx.experiment._selection import check_metric
from lstmx.types import Model, Task, more_is_better, reaches


class Bound(NamedTuple):
    """A value that a metric has to reach.

    Attributes:
        metric: "train/<metric>" or "eval/<name>/<metric>".
        value: the bound.
        maximize: whether the metric has to be at least, rather than at most, the bound.
    """

    metric: str
    value: float
    maximize: bool

    def holds(self, value: float) -> bool:
        """Whether a value reaches the bound; NaN never does."""
        return reaches(value, self.value, maximize=self.maximize)


def bounds(
    asked: Sequence[tuple[str, float]], evals: Mapping[str, Task], task: Task, model: Model
) -> tuple[Bound, ...]:
    """The criteria of `config.stop`; what a task calls better decides on which side they lie.

    Raises:
        ValueError: a metric that nothing measures.
    """
    found = []
    for name, value in asked:
        kind, *rest = name.split("/")
        judged = task if kind == "train" else evals.get(rest[0]) if kind == "eval" else None
        if judged is None or len(rest) != {"train": 1, "eval": 2}[kind]:
            known = ", ".join(f"eval/{name}/<metric>" for name in evals)
            raise ValueError(f"stop: got {name!r}; expected train/<metric> or one of {known}")
        check_metric(f"stop: {name}", rest[-1], judged, model)
        found.append(Bound(name, value, more_is_better(rest[-1], judged.spec._asdict())))
    return tuple(found)
