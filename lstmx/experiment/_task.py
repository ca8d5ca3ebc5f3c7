"""The tasks of a config: to train on, of evaluations and of the curriculum."""

from collections.abc import Mapping
from typing import Any

from lstmx import checks, precision, registry
from lstmx.experiment._memory import check_batch
from lstmx.types import Task

FILES = ("file", "target_file")
"""Options that name what a task fits scales or a vocabulary to."""


def make_task(section: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Task:
    """The task that a section of a config describes.

    Args:
        section: `config.task`, the name of the task and its options.
        overrides: options that an evaluation changes. The split of an evaluation that names none is
            "test", never the data of training.

    Raises:
        ValueError: whatever the task refuses, and batches that cannot fit into memory.
    """
    options = dict(section)
    if overrides is not None:
        split = held_out(section)
        options = {**options, **({} if split is None else {"split": split}), **overrides}
    check_batch(options)
    return registry.make("tasks", options.pop("name"), **options)


def in_precision(mode: str, task: Task) -> Task:
    """The task with the floats of its batches in the dtype of the mode."""
    buckets = tuple(precision.drawn(mode, batch) for batch in task.buckets)
    return task._replace(batch=precision.drawn(mode, task.batch), buckets=buckets)


def held_out(section: Mapping[str, Any]) -> str | None:
    """The default split of an evaluation; None for a task without splits."""
    return "test" if "split" in section else None


def phase_task(section: Mapping[str, Any], start: int, overrides: Mapping[str, Any]) -> Task:
    """The task of a phase of the curriculum: that of the config with some options changed."""
    for option in overrides:
        if option == "name" or option not in section:
            line = checks.unknown(f"option of task {section['name']!r}:", option, list(section))
            raise ValueError(f"curriculum from step {start}: {line}")
    return make_task({**section, **overrides})


def check_batch_size(task: Task, start: int, phase_task: Task) -> None:
    """Refuse another batch size: the recurrent state has a row for each example."""
    have, want = phase_task.spec.batch_size, task.spec.batch_size
    if have != want:
        raise ValueError(
            f"curriculum from step {start} changes batch_size from {want} to {have}; expected the "
            "same batches with other lengths"
        )


def check_buckets(task: Task, log_every: int) -> None:
    """Refuse log points within a cycle of buckets, which is compiled as a whole."""
    count = max(1, len(task.buckets))
    if log_every % count:
        raise ValueError(
            f"log_every={log_every} with task.buckets={count}; expected a multiple of {count}"
        )


def check_file(section: Mapping[str, Any], what: str, overrides: Mapping[str, Any]) -> None:
    """Refuse another file in an evaluation or a phase of a task of lstmx.

    Its scales or its vocabulary would be fitted to that file, and tokens of the same number would
    be other words than those that the model was trained on.
    """
    for option in FILES:
        mine, other = section.get(option), overrides.get(option)
        if other is not None and other != mine and "." not in section["name"]:
            both = f"from {checks.shown(mine)} to {checks.shown(other)}"
            raise ValueError(
                f"{what} changes {option} {both}, to which scales or a vocabulary would be fitted "
                f"anew; expected the {option} of training, whose parts are the option split"
            )


def check_fits(task: Task, what: str, other: Task) -> None:
    """Refuse a task of an evaluation or a phase whose inputs or outputs the model does not have."""
    for field in ("in_features", "out_features", "inputs", "tables"):
        have, want = getattr(other.spec, field), getattr(task.spec, field)
        if have != want:
            raise ValueError(
                f"{what} changes {field} from {want} to {have}; it may change lengths, splits and "
                "the like, not what the model reads and writes"
            )
