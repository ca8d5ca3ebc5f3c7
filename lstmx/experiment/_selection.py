"""The metric that chooses the best step."""

from collections.abc import Callable, Collection, Mapping

import jax

from lstmx import checks
from lstmx.train import step as training
from lstmx.types import Metrics, Model, Task, more_is_better


def select(
    requested: str,
    evals: Mapping[str, Task],
    splits: Mapping[str, str | None],
    task: Task,
    metrics: Callable[[Task], Collection[str]],
) -> tuple[str, bool]:
    """(metric, maximize): the metric that chooses the best step, and whether more of it is better.

    By default the task's metric on the evaluation "valid", else on the first evaluation that is not
    of the test split. A test split is used only where it is requested: it must not choose the
    checkpoint that it then judges.

    Args:
        requested: `config.selection`, "eval/<name>/<metric>"; "" is the default.
        evals: name of an evaluation -> its task.
        splits: name of an evaluation -> its split, None where its task has no splits.
        task: the task of training.
        metrics: the names of a task's metrics, see `names_of_metrics`.

    Raises:
        ValueError: no such evaluation or metric, or evaluations of the test split alone.
    """
    if not evals and not requested:
        return f"train/{task.spec.metric}", task.spec.maximize
    if not requested:
        candidates = [name for name, split in splits.items() if split != "test"]
        if not candidates:
            raise ValueError(
                f"all evaluations ({', '.join(evals)}) are on the test split, which must not "
                'choose the checkpoint; add evals.valid={"split": "valid"}, or set selection'
            )
        name = "valid" if "valid" in candidates else candidates[0]
        requested = f"eval/{name}/{evals[name].spec.metric}"
    parts = requested.split("/")
    if len(parts) != 3 or parts[0] != "eval" or parts[1] not in evals:
        options = ", ".join(f"eval/{name}/<metric>" for name in evals)
        raise ValueError(f"selection={requested!r} names no evaluation; expected one of {options}")
    check_metric(f"selection={requested!r}", parts[2], metrics(evals[parts[1]]))
    return requested, more_is_better(parts[2], evals[parts[1]].spec._asdict())


def names_of_metrics(model: Model) -> Callable[[Task], Collection[str]]:
    """A function that returns the names of the metrics that a task's loss returns for this model.

    The loss is traced, not computed; once for each task object, as this takes a second for a long
    sequence.
    """
    known: dict[int, Collection[str]] = {}

    def names(task: Task) -> Collection[str]:
        def measure() -> Metrics:
            key = jax.random.key(0)
            batch, params = task.batch(key, 0), model.init(key)
            state = model.initial_state(params, (task.spec.batch_size,))
            outputs, _ = training.predicted(task, model, params, batch, state)
            return task.loss(outputs, batch)

        if id(task) not in known:
            known[id(task)] = list(jax.eval_shape(measure))
        return known[id(task)]

    return names


def check_metric(what: str, metric: str, metrics: Collection[str]) -> None:
    """Refuse a metric that is none of a task's; the text of the error begins with `what`."""
    if metric not in metrics:
        raise ValueError(f"{what}: {checks.unknown('metric', metric, metrics)}")
