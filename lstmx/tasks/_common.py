"""Checks of options, keys of splits, masks and metrics that several tasks use."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.data import fetch, vectors
from lstmx.types import Array, Batch, Key, Mean, Metrics, Task

SPLITS = ("train", "valid", "test")


def check_split(split: str) -> None:
    """Raises ValueError for anything but train, valid and test."""
    checks.one_of("split", split, SPLITS)


def check_vectors(trained: bool, *files: str, tokeniser: str = "word") -> None:
    """Raises ValueError for vectors of other tokens than words, or `trained=False` without any."""
    if any(files) and tokeniser != "word":
        raise ValueError(f"vectors_file is of words; expected tokeniser='word', not {tokeniser!r}")
    if not any(files) and not trained:
        raise ValueError("vectors_trained=False keeps the vectors of a file; name vectors_file")


def with_vectors(
    task: Task, file: str, words: Sequence[str], trained: bool, *, name: str = "vectors"
) -> Task:
    """The task of a vocabulary whose embedding starts from vectors; the task itself for file "".

    Args:
        task: of the training part.
        file: see `lstmx.data.fetch.find`.
        words: of every token; "" for a token that is no word.
        trained: whether training changes the embedding.
        name: which embedding, see `Task.vectors`.

    Raises:
        ValueError: a file that is missing or wrong.
    """
    if not file:
        return task
    place = fetch.find(file)
    found = vectors.load(place, words, trained=trained)
    spec = task.spec._replace(
        files={**task.spec.files, place.name: fetch.sha256(place)},
        remarks=(*task.spec.remarks, found.about),
        record={**task.spec.record, name: found.record},
    )
    return task._replace(spec=spec, vectors={**task.vectors, name: found})


def split_key(key: Key, split: str) -> Key:
    """The key of a split: one key never generates the same examples for two splits."""
    return jax.random.fold_in(key, SPLITS.index(split))


def weighted(values: Array, weights: Array) -> Mean:
    """The sum of values times weights, and the sum of weights."""
    weights = jnp.broadcast_to(weights, values.shape)
    # NaN times 0 is NaN: values without weight, such as those of padding, are replaced first.
    return Mean(jnp.sum(jnp.where(weights > 0, values, 0.0) * weights), jnp.sum(weights))


def last_step(lengths: Array, steps: int) -> Array:
    """Weights [B, T] that are 1 at the last step of each sequence, 0 elsewhere."""
    return jnp.asarray(jnp.arange(steps) == lengths[:, None] - 1, jnp.float32)


def initial_resets(batch_size: int, steps: int) -> Array:
    """Resets [B, T] of a stateless batch: True at the first step of every row."""
    return jnp.zeros((batch_size, steps), bool).at[:, 0].set(True)


def real(lengths: Array, steps: int) -> Array:
    """The mask [B, T] of sequences of these lengths [B]: False at padding."""
    return jnp.arange(steps) < lengths[:, None]


def cross_entropy(logits: Array, targets: Array) -> Array:
    """Cross entropy in nats of logits [..., C] against integer classes [...]."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def correct(logits: Array, targets: Array) -> Array:
    """1 where the largest of the logits [..., C] is that of the target [...], else 0."""
    return jnp.asarray(jnp.argmax(logits, axis=-1) == targets, jnp.float32)


def classification(outputs: Array, batch: Batch) -> Metrics:
    """The metrics of a classification task: "loss", the cross entropy in nats, and "accuracy"."""
    nll = cross_entropy(outputs, batch.targets)
    hits = correct(outputs, batch.targets)
    return {"loss": weighted(nll, batch.weights), "accuracy": weighted(hits, batch.weights)}


def logistic(outputs: Array, targets: Array, weights: Array, tolerance: float) -> Metrics:
    """The metrics of the papers of 1997 to 2002: half the squared error of logistic outputs.

    The loss is summed over the outputs and steps of a sequence and averaged over sequences. Its
    derivative by an output is then y - t per sequence as in the papers, whose learning rates apply.

    Args:
        outputs: [B, T, Y], before the logistic function.
        targets: [B, T, Y] within [0, 1], or [B, T] classes that stand for their one-hot codes.
        weights: [B, T], 0 at steps without a target.
        tolerance: an output is correct if its absolute error is smaller.

    Returns:
        "loss"; "error", the mean absolute error of an output; "correct", the fraction of steps at
        which every output is correct; "sequence_accuracy", the fraction of sequences in which
        every step is correct.
    """
    if jnp.issubdtype(targets.dtype, jnp.integer):
        targets = jax.nn.one_hot(targets, outputs.shape[-1], dtype=outputs.dtype)
    error = jnp.abs(jax.nn.sigmoid(outputs) - targets)
    hits = jnp.asarray(jnp.all(error < tolerance, axis=-1), jnp.float32)
    squares = weighted(jnp.sum(jnp.square(error), axis=-1) / 2, weights)
    return {
        "loss": squares._replace(count=_num_scored(weights)),
        "error": weighted(jnp.mean(error, axis=-1), weights),
        "correct": weighted(hits, weights),
        "sequence_accuracy": sequence_accuracy(hits, weights),
    }


def sequence_accuracy(hits: Array, weights: Array) -> Mean:
    """The fraction of sequences whose hits [B, T] are 1 at every step with a weight."""
    missed = jnp.any((hits < 1) & (weights > 0), axis=1)
    scored = jnp.any(weights > 0, axis=1)
    return Mean(jnp.sum(jnp.asarray(scored & ~missed, jnp.float32)), _num_scored(weights))


def _num_scored(weights: Array) -> Array:
    """The number of sequences that have a step with a weight."""
    return jnp.sum(jnp.asarray(jnp.any(weights > 0, axis=1), jnp.float32))


def rows(step: Array | int, batch_size: int, count: int) -> tuple[Array, Array]:
    """Indices [B] of the step-th batch of `count` examples, and [B] whether each one exists."""
    index = jnp.asarray(step) * batch_size + jnp.arange(batch_size)
    return jnp.minimum(index, count - 1), index < count
