"""Streams of temporal order: networks of memory blocks that learn at the end of every sequence.

Only the last symbol of a sequence has a target, so that to change the weights at every symbol is to
change them there. State and traces go on into the next sequence of the stream.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx.tasks import temporal_order
from lstmx.types import Array, Params

from . import side_by_side, streams, traces

if TYPE_CHECKING:
    from .protocols import Orders

CHUNK = 20  # sequences of a compiled call


class Net(NamedTuple):
    """A network between two sequences.

    Attributes:
        params: of the model: "layers" and "readout".
        state: of the cell, without a batch axis.
        traces: gate -> derivatives of the cell states by the weights into it, [H, X + Q + 1].
        stream: number of streams that have ended.
        row: how many of them, up to the last one, had no error.
        sequences: of this stream so far.
        done: whether nothing more happens.
        correct: sequences before the error of the last stream that has ended.
    """

    params: Params
    state: Any
    traces: dict[str, Array]
    stream: Array
    row: Array
    sequences: Array
    done: Array
    correct: Array


def fresh(layer: traces.Blocks, params: Params) -> Net:
    """Networks [N] with these params at the start of their first stream."""
    state, zeros = jax.vmap(lambda each: traces.start(layer, each))(params)
    zero = jnp.zeros(jax.tree.leaves(params)[0].shape[0], jnp.int32)
    return Net(params, state, zeros, zero, zero, zero, zero > 0, zero)


def compiled(
    protocol: "Orders", config: Any, layer: traces.Blocks, learning: bool
) -> side_by_side.Chunk:
    """The function that computes `CHUNK` sequences."""
    rate, chosen = jnp.asarray(config.hparams.learning_rate), config.task
    task = temporal_order.task(
        batch_size=CHUNK,
        split="train" if learning else "test",
        length=chosen.length,
        symbols=chosen.symbols,
        loss="logistic",
    )

    def one(net: Net, number: Array, at: Array) -> Net:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), number), at)
        batch = task.batch(key, 0)
        lengths = jnp.sum(batch.mask, axis=1)
        classes = jnp.sum(jnp.where(batch.weights > 0, batch.targets, 0), axis=1)
        targets = jax.nn.one_hot(classes, task.spec.out_features)
        x = jax.nn.one_hot(batch.inputs, task.spec.in_features)

        def step(net: Net, each: tuple[Array, Array, Array]) -> tuple[Net, None]:
            x, length, target = each
            return sequence(protocol, layer, rate, net, x, length, target, learning), None

        return jax.lax.scan(step, net, (x, lengths, targets))[0]

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None)))


def sequence(
    protocol: "Orders",
    layer: traces.Blocks,
    rate: Array,
    net: Net,
    x: Array,
    length: Array,
    target: Array,
    learning: bool,
) -> Net:
    """The net one sequence later.

    Args:
        protocol: whose stream it is.
        layer: of the network.
        rate: the learning rate, [].
        net: before the sequence.
        x: inputs [T, X]; those from the length on are padding.
        length: of the sequence, [].
        target: of the outputs at its last step, [Y].
        learning: whether weights change.
    """

    def step(before: Any, at: Any) -> tuple[Any, None]:
        (state, kept), (time, x) = before, at
        after = traces.read(layer, net.params, state, kept, x)
        return streams.where(time < length - 1, after[:2], before), None

    before = net.state, net.traces
    before, _ = jax.lax.scan(step, before, (jnp.arange(len(x) - 1), x[:-1]))
    learned = traces.learn(layer, net.params, *before, x[length - 1], target)
    failed = jnp.max(jnp.abs(learned.y - target)) >= protocol.tolerance
    params = net.params
    if learning:
        params = jax.tree.map(lambda w, slope: w - rate * slope, params, learned.slopes)
    sequences = net.sequences + 1
    ended = failed | (sequences >= protocol.longest)
    stream = net.stream + ended
    row = jnp.where(failed, 0, net.row + ended)
    done = (row >= protocol.row) | (stream >= protocol.training) if learning else ended
    after = learned.state, learned.traces, sequences
    state, kept, sequences = streams.where(ended, jax.tree.map(jnp.zeros_like, after), after)
    correct = jnp.where(ended, net.sequences + ~failed, net.correct)
    later = Net(params, state, kept, stream, row, sequences, done, correct)
    return streams.where(net.done, net, later)


KIND = streams.Kind(fresh, compiled)
