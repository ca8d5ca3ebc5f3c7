"""A chunk of training steps as one `lax.scan`, over steps or over cycles of a task's buckets."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lstmx.train import optimizer
from lstmx.train.step import train_step
from lstmx.types import HParams, Key, Metrics, Model, Task, TrainState


def chunk(
    task: Task,
    model: Model,
    options: Mapping[str, Any],
    total_steps: int,
    state: TrainState,
    hparams: HParams,
    key: Key,
    num_steps: int,
    regularized: bool = False,
) -> tuple[TrainState, Metrics]:
    """The train state after `num_steps` training steps, and their metrics, each [num_steps].

    Args:
        task: the source of batches.
        model: the model to train.
        options: `config.optimizer`.
        total_steps: updates of the whole run, for the learning rate schedule.
        state: the train state before the first of the steps.
        hparams: traced hyperparameters of the optimizer and of `lstmx.train.penalty`.
        key: the key of the run for training; step t samples from `fold_in(key, t)`, so that numbers
            do not depend on the length of chunks.
        num_steps: number of steps; for a task with buckets, as `state.step`, a multiple of their
            number.
        regularized: whether to add the penalty on activations of `lstmx.train.penalty` to the loss.
    """
    update = optimizer.make(options, hparams, total_steps)

    penalised = hparams if regularized else None

    def body(now: TrainState, _: None) -> tuple[TrainState, Metrics]:
        return train_step(task, model, update, now, key, penalised)

    if not task.buckets:
        return lax.scan(body, state, None, length=num_steps)

    # Not a switch over lengths: under vmap over replicas all of its branches are computed.
    def cycle(now: TrainState, _: None) -> tuple[TrainState, Metrics]:
        found = []
        for batch in task.buckets:
            now, metrics = train_step(
                task._replace(batch=batch), model, update, now, key, penalised
            )
            found.append(metrics)
        return now, jax.tree.map(lambda *values: jnp.stack(values), *found)

    last, metrics = lax.scan(cycle, state, None, length=num_steps // len(task.buckets))
    return last, jax.tree.map(lambda values: values.reshape(num_steps), metrics)
