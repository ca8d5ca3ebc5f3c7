"""What tests of tasks do to a task: draw a batch, measure outputs, predict without a mistake."""

import jax
import jax.numpy as jnp

from lstmx.types import Batch, Mean, Task


def quickly(function, *args):
    """The result in NumPy: one compilation, where eager operations would take one each."""
    return jax.device_get(jax.jit(function)(*args))


def draw(task: Task, seed: int = 0, step: int = 0) -> Batch:
    """A batch of a task."""
    return quickly(task.batch, jax.random.key(seed), step)


def score(task: Task, outputs, batch: Batch) -> dict[str, Mean]:
    """The metrics of outputs [B, T, Y] on a batch."""
    return quickly(task.loss, outputs, batch)


def value(mean: Mean) -> float:
    """A metric as a number."""
    return float(mean.total / mean.count)


def perfect(task: Task, batch: Batch) -> jax.Array:
    """Outputs without a mistake: the targets, or certain logits of the target classes."""
    if jnp.issubdtype(batch.targets.dtype, jnp.integer):
        return 100.0 * jax.nn.one_hot(batch.targets, task.spec.out_features)
    if task.spec.metric == "nll":
        return 200.0 * batch.targets - 100.0
    return batch.targets
