"""One training step and one evaluation step, of one replica."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from lstmx.constants import joined, split_constants
from lstmx.parallel import shards
from lstmx.train import optimizer as optimizers
from lstmx.train.penalty import penalty
from lstmx.train.pruning import Pruned
from lstmx.types import (
    Array,
    Batch,
    HParams,
    Key,
    Mean,
    Metrics,
    Model,
    Params,
    State,
    Task,
    TrainState,
)


def train_step(
    task: Task,
    model: Model,
    optimizer: optax.GradientTransformation,
    now: TrainState,
    key: Key,
    hparams: HParams | None = None,
) -> tuple[TrainState, Metrics]:
    """One update on one batch.

    The recurrent state is passed on without its gradient. For a task whose windows follow each
    other this is truncated back-propagation through time; for a task that resets every batch the
    same code is stateless.

    Every shard of the batch differentiates the sum of the losses of its rows; sums and counts are
    added over the shards once, and divided at the end.

    Args:
        task: the source of the batch.
        model: the model to train.
        optimizer: its state is that of the trained part of params, see `lstmx.constants`.
        now: the train state before the update.
        key: the key of the run for training; step t samples from `fold_in(key, t)`.
        hparams: "ar" and "tar" of `lstmx.train.penalty`, which is then added to the mean loss;
            None trains without the penalty, and without its cost.

    Returns:
        the next state, and the metrics of the task with "grad_norm", "finite", with hparams
        "penalty", and "sparsity" where the optimizer prunes.
    """
    key_batch, key_noise = jax.random.split(jax.random.fold_in(key, now.step))
    whole = task.batch(key_batch, now.step)
    batch = shards.local(whole)
    trained, constants = split_constants(now.params)

    def objective(trained: Params) -> tuple[Array, tuple[State, Metrics]]:
        at = (joined(trained, constants), batch.inputs, now.state)
        options = {"mask": batch.mask, "resets": batch.resets, "key": key_noise}
        if hparams is None:
            outputs, state, _ = model.apply(*at, **options)
            metrics = task.loss(outputs, batch)
            return metrics["loss"].total, (state, metrics)
        outputs, state, h = _with_hidden(model)(*at, **options)
        metrics = dict(task.loss(outputs, batch))
        added = penalty(h, batch, whole, hparams)
        metrics["penalty"] = Mean(added, jnp.ones_like(added) / shards.position()[0])
        # The sum over the shards is divided by the count of the whole batch at the end, while the
        # penalty is part of a mean: so it is multiplied by that count here.
        one_shard = shards.position()[0] == 1
        count = metrics["loss"].count if one_shard else _count(task, outputs, whole)
        return metrics["loss"].total + count * added, (state, metrics)

    gradients, (state, metrics) = jax.grad(objective, has_aux=True)(trained)
    gradients, metrics = shards.total((gradients, metrics))
    count = jnp.maximum(metrics["loss"].count, 1e-30)  # a batch without weight moves nothing
    gradients = jax.tree.map(lambda g: g / count, gradients)
    norm = optimizers.norm(gradients)
    updates, opt_state = optimizer.update(gradients, now.opt_state, trained)
    params = joined(optax.apply_updates(trained, updates), constants)
    # Not the finiteness of the value: it overflows for gradients that clipping can still scale.
    finite = norm.finite & jnp.isfinite(metrics["loss"].total)
    one = jnp.ones_like(norm.value)
    metrics = {
        **metrics,
        "grad_norm": Mean(norm.value, one),
        "finite": Mean(finite.astype(one.dtype), one),
    }
    if isinstance(opt_state, Pruned):
        metrics["sparsity"] = Mean(opt_state.sparsity, one)
    state = jax.lax.stop_gradient(state)
    return TrainState(now.step + 1, params, opt_state, state), metrics


def _count(task: Task, outputs: Any, whole: Batch) -> Array:
    """The count of the loss of the whole batch, for a shard that has some of its rows, [].

    The count does not depend on the outputs: the loss is computed of zeros, of which the compiler
    keeps only the sum of the weights.
    """
    rows = whole.mask.shape[0]
    zeros = jax.tree.map(lambda y: jnp.zeros((rows, *y.shape[1:]), y.dtype), outputs)
    return task.loss(zeros, whole)["loss"].count


def _with_hidden(model: Model) -> Callable[..., tuple[Any, State, Array]]:
    """`model.hidden`. Raises ValueError where the model has none."""
    if model.hidden is None:
        raise ValueError(
            "hparams.ar and hparams.tar need a model that returns what its readout reads; expected "
            "Model.hidden, as model 'sequence' has it"
        )
    return model.hidden


def evaluate(
    task: Task,
    model: Model,
    params: Params,
    key: Key,
    num_batches: int,
    fraction: str | None = None,
) -> Metrics:
    """Metrics over `num_batches` batches of a task, without noise.

    Steps 0 ... num_batches - 1 of a held-out split cover it once. Each batch starts from the
    recurrent state that the one before it left, except where it resets.

    Args:
        task: the source of the batches.
        model: the model to evaluate.
        params: of the model.
        key: of the evaluation; batch n samples from `fold_in(key, n)`.
        num_batches: number of batches.
        fraction: a metric of at most 1; the evaluation ends with the first batch, of this shard,
            in which it is below. None reads all batches.

    Returns:
        sums over the rows of this shard; the caller adds them up over the shards.
    """
    rows = task.spec.batch_size // shards.position()[0]

    def body(state: State, number: Array) -> tuple[State, Metrics]:
        batch = shards.local(task.batch(jax.random.fold_in(key, number), number))
        outputs, state = predicted(task, model, params, batch, state)
        return state, task.loss(outputs, batch)

    start = model.initial_state(params, (rows,))
    if fraction is None:
        _, metrics = jax.lax.scan(body, start, jnp.arange(num_batches))
        return jax.tree.map(lambda a: a.sum(0), metrics)

    def unfinished(carry: tuple[Array, State, Metrics]) -> Array:
        number, _, sums = carry
        return (number < num_batches) & (sums[fraction].total >= sums[fraction].count)

    def add(carry: tuple[Array, State, Metrics]) -> tuple[Array, State, Metrics]:
        number, state, sums = carry
        state, metrics = body(state, number)
        return number + 1, state, jax.tree.map(jnp.add, sums, metrics)

    none = jax.tree.map(shards.zeros, jax.eval_shape(body, start, jnp.int32(0))[1])
    return jax.lax.while_loop(unfinished, add, (jnp.int32(0), start, none))[2]


def predicted(
    task: Task, model: Model, params: Params, batch: Batch, state: State
) -> tuple[Any, State]:
    """The outputs for a batch without noise, and the state after it; as `Task.outputs` says."""

    def apply(inputs: Any, state: State, mask: Array, resets: Array) -> tuple[Any, State]:
        outputs, state, _ = model.apply(params, inputs, state, mask=mask, resets=resets)
        return outputs, state

    if task.outputs is not None:
        return task.outputs(apply, batch, state)
    return apply(batch.inputs, state, batch.mask, batch.resets)


def values(metrics: Metrics) -> dict[str, Array]:
    """total / count of every metric; NaN where the count is 0."""
    return {k: m.total / jnp.where(m.count == 0, jnp.nan, m.count) for k, m in metrics.items()}
