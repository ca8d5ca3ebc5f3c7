"""Networks to which a memory cell is added once their error has stopped falling.

Until then the output units read nothing of the cell, so that no gradient reaches it either: the
weights to and from it are those of its initialization when it is added.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import experiment, precision
from lstmx.interrupt import Interrupt
from lstmx.types import Array, Batch, Params

from . import side_by_side

if TYPE_CHECKING:
    from .protocols import Added


class Net(NamedTuple):
    """A network between two evaluations.

    Attributes:
        params: of the model.
        sequences: number of sequences that it has learned from.
        error: the mean loss of those since the evaluation before; infinite before the first.
        added: the number of sequences after which the cell was added; 0 before.
        done: whether nothing more happens.
        solved: whether all sequences of an evaluation were correct.
    """

    params: Params
    sequences: Array
    error: Array
    added: Array
    done: Array
    solved: Array


def run(
    protocol: "Added", file: Path, *, train: bool, interrupt: Interrupt | None = None
) -> tuple[Net, float] | None:
    """The networks at their end, and the seconds.

    Args:
        protocol: what to run.
        file: of the progress, .npz.
        train: whether to go on; else None where it is not finished.
        interrupt: once it is requested, the progress is saved and None is returned.
    """
    if not train and not file.exists():
        return None
    config = protocol.make()
    with precision.scope(config.model.precision):
        progress = side_by_side.Progress(fresh(config, protocol.networks))
        if file.exists():
            progress = side_by_side.load(file, progress.nets)
        if train:
            chunk = compiled(config)
            progress = side_by_side.until_done(progress, chunk, file, interrupt)
    return (progress.nets, progress.seconds) if np.all(progress.nets.done) else None


def fresh(config: Any, networks: int) -> Net:
    """Networks before their first sequence; network n has seed n."""
    init = experiment.build(config).model.init
    params = jax.vmap(init)(jax.vmap(jax.random.key)(jnp.arange(networks)))
    zero = jnp.zeros(networks, jnp.int32)
    return Net(params, zero, jnp.full(networks, jnp.inf), zero, zero > 0, zero > 0)


def compiled(config: Any) -> side_by_side.Chunk:
    """The function that trains until the next evaluation, and evaluates."""
    built = experiment.build(config)
    rate, count = jnp.asarray(config.hparams.learning_rate), config.eval_every
    test, tests = built.evals["test"], config.eval_batches

    def loss(params: Params, batch: Batch, added: Array) -> Array:
        read = _read(params, added)
        outputs = built.model.apply(read, batch.inputs, mask=batch.mask, resets=batch.resets)[0]
        found = built.task.loss(outputs, batch)["loss"]
        return found.total / found.count

    def one(net: Net, number: Array, at: Array) -> Net:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), number), at)
        key_train, key_test = jax.random.split(key)
        is_added = net.added > 0

        def step(params: Params, key: Array) -> tuple[Params, Array]:
            batch = built.task.batch(key, 0)
            error, slopes = jax.value_and_grad(loss)(params, batch, is_added)
            return jax.tree.map(lambda w, slope: w - rate * slope, params, slopes), error

        params, errors = jax.lax.scan(step, net.params, jax.random.split(key_train, count))
        error, sequences = jnp.mean(errors), net.sequences + count
        stopped = ~is_added & (error >= net.error)
        solved = side_by_side.all_right(
            built.model, test, _read(params, is_added), lambda n: test.batch(key_test, n), tests
        )
        added = jnp.where(stopped, sequences, net.added)
        return Net(params, sequences, error, added, solved | (sequences >= config.steps), solved)

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None)))


def _read(params: Params, added: Array) -> Params:
    """The params whose output units read the cell only if it has been added."""
    readout = params["readout"]
    return {**params, "readout": {**readout, "W": jnp.where(added, readout["W"], 0.0)}}
