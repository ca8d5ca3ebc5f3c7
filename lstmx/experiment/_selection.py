"""Which metric says which step is best."""

from collections.abc import Mapping
from typing import Any

import jax

from lstmx import checks
from lstmx.types import Metrics, Model, Task, more_is_better


def select(
    asked: str, evals: Mapping[str, Task], splits: Mapping[str, Any], task: Task, model: Model
) -> tuple[str, bool]:
    """(metric, maximize) by which a step is best; by default the metric of "valid".

    Never of a test split unless asked for: what chooses the checkpoint is not what the checkpoint
    is judged by.

    Args:
        splits: eval -> the split it is on, None where its task has no splits.
        model: whose outputs the metrics are of.
    """
    if not evals and not asked:
        return f"train/{task.spec.metric}", task.spec.maximize
    if not asked:
        fit = [name for name, split in splits.items() if split != "test"]
        if not fit:
            raise ValueError(
                f"all evaluations ({', '.join(evals)}) are on the test split, which must not "
                'choose the checkpoint; add evals.valid={"split": "valid"}, or set selection'
            )
        name = "valid" if "valid" in fit else fit[0]
        asked = f"eval/{name}/{evals[name].spec.metric}"
    parts = asked.split("/")
    if len(parts) != 3 or parts[0] != "eval" or parts[1] not in evals:
        known = ", ".join(f"eval/{name}/<metric>" for name in evals)
        raise ValueError(f"selection={asked!r} names no evaluation; expected one of {known}")
    check_metric(f"selection={asked!r}", parts[2], evals[parts[1]], model)
    return asked, more_is_better(parts[2], evals[parts[1]].spec._asdict())


def check_metric(what: str, metric: str, task: Task, model: Model) -> None:
    """Refuse a metric that a task's loss does not give; traces it, and computes nothing."""

    def measure() -> Metrics:
        key = jax.random.key(0)
        batch, params = task.batch(key, 0), model.init(key)
        state = model.initial_state(params, (task.spec.batch_size,))
        marks = {"mask": batch.mask, "resets": batch.resets}
        outputs, _, _ = model.apply(params, batch.inputs, state, **marks)
        return task.loss(outputs, batch)

    known = jax.eval_shape(measure)
    if metric not in known:
        raise ValueError(f"{what}: {checks.unknown('metric', metric, known)}")
