"""What tasks share: checks of their options, keys of their splits, sums of their losses."""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.types import Array, Batch, Key, Mean, Metrics

SPLITS = ("train", "valid", "test")


def check_split(split: str) -> None:
    """Refuse anything but train, valid and test. Raises ValueError."""
    checks.one_of("split", split, SPLITS)


def split_key(key: Key, split: str) -> Key:
    """The key of a split's own stream: one key never gives two splits the same examples."""
    return jax.random.fold_in(key, SPLITS.index(split))


def weighted(values: Array, weights: Array) -> Mean:
    """Sum of values times weights, and sum of weights; what has no weight cannot make a NaN."""
    weights = jnp.broadcast_to(weights, values.shape)
    return Mean(jnp.sum(jnp.where(weights > 0, values, 0.0) * weights), jnp.sum(weights))


def last_step(lengths: Array, steps: int) -> Array:
    """Weights [B, T] that are 1 at the last step of each sequence, 0 elsewhere."""
    return jnp.asarray(jnp.arange(steps) == lengths[:, None] - 1, jnp.float32)


def fresh(batch_size: int, steps: int) -> Array:
    """Resets [B, T] of stateless batches: every row starts afresh."""
    return jnp.zeros((batch_size, steps), bool).at[:, 0].set(True)


def real(lengths: Array, steps: int) -> Array:
    """Mask [B, T]: True at the steps that sequences of these lengths have."""
    return jnp.arange(steps) < lengths[:, None]


def cross_entropy(logits: Array, targets: Array) -> Array:
    """Cross entropy in nats of logits [..., C] against integer classes [...]."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def correct(logits: Array, targets: Array) -> Array:
    """1 where the largest of the logits [..., C] is the target's, else 0."""
    return jnp.asarray(jnp.argmax(logits, axis=-1) == targets, jnp.float32)


def classification(outputs: Array, batch: Batch) -> Metrics:
    """The loss of a task with classes: cross entropy in nats, and "accuracy"."""
    nll = cross_entropy(outputs, batch.targets)
    hits = correct(outputs, batch.targets)
    return {"loss": weighted(nll, batch.weights), "accuracy": weighted(hits, batch.weights)}


def logistic(outputs: Array, targets: Array, weights: Array, tolerance: float) -> Metrics:
    """The loss of the papers of 1997 to 2002: half the squared error of logistic outputs.

    It is summed over the outputs and steps of a sequence and averaged over sequences: its
    derivative is then the papers' y - t after every sequence, and their learning rates carry over.

    Args:
        outputs: [B, T, Y], before the squash.
        targets: [B, T, Y] within [0, 1], or [B, T] classes that stand for their one-hot codes.
        weights: [B, T], 0 where nothing is asked.
        tolerance: the largest absolute error with which an output counts as right.

    Returns:
        "loss"; "error", the mean absolute error of an output; "correct", the share of steps with
        every output right; "whole", the share of sequences with every step right.
    """
    if jnp.issubdtype(targets.dtype, jnp.integer):
        targets = jax.nn.one_hot(targets, outputs.shape[-1], dtype=outputs.dtype)
    error = jnp.abs(jax.nn.sigmoid(outputs) - targets)
    right = jnp.asarray(jnp.all(error < tolerance, axis=-1), jnp.float32)
    squares = weighted(jnp.sum(jnp.square(error), axis=-1) / 2, weights)
    return {
        "loss": squares._replace(count=_asked(weights)),
        "error": weighted(jnp.mean(error, axis=-1), weights),
        "correct": weighted(right, weights),
        "whole": whole(right, weights),
    }


def whole(right: Array, weights: Array) -> Mean:
    """The share of sequences [B] that are right [B, T] at every step with a weight."""
    missed = jnp.any((right < 1) & (weights > 0), axis=1)
    asked = jnp.any(weights > 0, axis=1)
    return Mean(jnp.sum(jnp.asarray(asked & ~missed, jnp.float32)), _asked(weights))


def _asked(weights: Array) -> Array:
    """Number of sequences of which anything is asked."""
    return jnp.sum(jnp.asarray(jnp.any(weights > 0, axis=1), jnp.float32))


def rows(step: Array | int, batch_size: int, count: int) -> tuple[Array, Array]:
    """Indices [B] of the step-th batch of `count` examples, and [B] whether each one exists."""
    index = jnp.asarray(step) * batch_size + jnp.arange(batch_size)
    return jnp.minimum(index, count - 1), index < count
