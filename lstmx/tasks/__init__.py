"""Tasks: pure functions that make batches, with loss, metrics and trivial baseline.

A task is a module with one factory `task(*, batch_size=32, split="train", ...) -> Task`; the
module's name is its registration. Importing this package imports no jax; making a task does.

>>> from lstmx import tasks
>>> task = tasks.make("adding", batch_size=2, length=7)
>>> task.spec.metric, round(task.spec.baseline, 4)
('mse', 0.1667)
"""

from typing import TYPE_CHECKING, Any

from lstmx import registry

if TYPE_CHECKING:
    from lstmx.types import Task


def make(name: str, **options: Any) -> "Task":
    """The task `name`, or that of a dotted module outside lstmx, with these options.

    Raises:
        ValueError: unknown name or option, an option of the wrong type, or values that the task
            refuses.
    """
    registry.trust(name)
    return registry.make("tasks", name, **options)


def names() -> list[str]:
    """The names of all tasks that lstmx ships, sorted."""
    return registry.names("tasks")
