"""The loop of training: a chunk of steps as one `lax.scan`."""

from collections.abc import Mapping
from typing import Any

from jax import lax

from lstmx.train import optimizer
from lstmx.train.step import train_step
from lstmx.types import Key, Metrics, Model, Task, TrainState


def chunk(
    task: Task,
    model: Model,
    options: Mapping[str, Any],
    total_steps: int,
    state: TrainState,
    hparams: Mapping[str, Any],
    key: Key,
    num_steps: int,
    regularized: bool = False,
) -> tuple[TrainState, Metrics]:
    """`num_steps` training steps; metrics come back stacked, [num_steps].

    Args:
        options: `config.optimizer`.
        total_steps: updates of the whole run, for the learning rate schedule.
        hparams: traced hyperparameters of the optimizer.
        key: the run's key for training; step t draws from `fold_in(key, t)`, so that the numbers
            do not depend on how steps are cut into chunks.
        regularized: whether any of the hyperparameters of `lstmx.train.penalty` is not 0.
    """
    update = optimizer.make(options, hparams, total_steps)

    def body(now: TrainState, _: None) -> tuple[TrainState, Metrics]:
        return train_step(task, model, update, now, key, hparams if regularized else None)

    return lax.scan(body, state, None, length=num_steps)
