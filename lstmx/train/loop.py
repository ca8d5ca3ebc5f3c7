"""A chunk of training steps as one `lax.scan`."""

from collections.abc import Mapping
from typing import Any

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
        num_steps: number of steps.
        regularized: whether to add the penalty on activations of `lstmx.train.penalty` to the loss.
    """
    update = optimizer.make(options, hparams, total_steps)

    def body(now: TrainState, _: None) -> tuple[TrainState, Metrics]:
        return train_step(task, model, update, now, key, hparams if regularized else None)

    return lax.scan(body, state, None, length=num_steps)
