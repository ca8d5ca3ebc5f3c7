"""Streams of embedded Reber strings: networks of memory blocks that learn at every symbol.

The weights change at every symbol, and traces keep what they were computed with, as in the papers.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx.tasks import _reber
from lstmx.types import Array, Params

from . import side_by_side, streams, traces

if TYPE_CHECKING:
    from .protocols import Streams

CHUNK = 2000  # symbols of a compiled call


class Net(NamedTuple):
    """A network within its stream.

    Attributes:
        params: of the model: "layers" and "readout".
        state: of the cell, without a batch axis.
        traces: gate -> derivatives of the cell states by the weights into it, [H, X + Q + 1].
        node: of the grammar.
        stream: number of streams that have ended.
        symbols: of this stream so far.
        done: whether nothing more happens.
        correct: symbols before the error of the last stream that has ended.
    """

    params: Params
    state: Any
    traces: dict[str, Array]
    node: Array
    stream: Array
    symbols: Array
    done: Array
    correct: Array


def compiled(
    protocol: "Streams", config: Any, layer: traces.Blocks, learning: bool
) -> side_by_side.Chunk:
    """The function that computes `CHUNK` symbols."""
    rate = jnp.asarray(config.hparams.learning_rate)

    def one(net: Net, number: Array, at: Array) -> Net:
        key = jax.random.fold_in(jax.random.key(config.seed), number)
        key = jax.random.fold_in(jax.random.fold_in(key, int(learning)), at)
        bits = jnp.asarray(jax.random.bernoulli(key, shape=(CHUNK,)), jnp.int32)
        step = lambda net, bit: symbol(protocol, layer, rate, net, bit, learning=learning)
        return jax.lax.scan(lambda net, bit: (step(net, bit), None), net, bits)[0]

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None)))


def symbol(
    protocol: "Streams", layer: traces.Blocks, rate: Array, net: Net, bit: Array, *, learning: bool
) -> Net:
    """The net one symbol later.

    Args:
        layer: of the network.
        rate: the learning rate, [].
        bit: which of two legal symbols comes, [].
        learning: whether weights change.
    """
    token = jnp.asarray(_reber.CHOICES)[net.node, bit]
    node = jnp.asarray(_reber.NEXT)[net.node, token]
    target = jnp.asarray(_reber.LEGAL, jnp.float32)[node]
    before = net.state, net.traces
    if protocol.external_reset:
        before = streams.where(net.node == 0, jax.tree.map(jnp.zeros_like, before), before)
    x = jax.nn.one_hot(token, len(_reber.SYMBOLS))
    learned = traces.learn(layer, net.params, *before, x, target)
    failed = jnp.max(jnp.abs(learned.y - target)) >= protocol.tolerance
    params = net.params
    if learning:
        step = rate * protocol.decay ** jnp.asarray(net.symbols, jnp.float32)
        params = jax.tree.map(lambda w, slope: w - step * slope, params, learned.slopes)
    symbols = net.symbols + 1
    ended = failed | (symbols >= protocol.longest)
    stream = net.stream + ended
    done = ended & ~failed if learning else ended
    if learning:
        done |= stream >= protocol.training
    after = (learned.state, learned.traces if learning else before[1], node, symbols)
    state, kept, node, symbols = streams.where(ended, jax.tree.map(jnp.zeros_like, after), after)
    correct = jnp.where(ended, net.symbols + ~failed, net.correct)
    later = Net(params, state, kept, node, stream, symbols, done, correct)
    return streams.where(net.done, net, later)


def fresh(layer: traces.Blocks, params: Params) -> Net:
    """Networks [N] with these params at the start of their first stream."""
    state, zeros = jax.vmap(lambda each: traces.start(layer, each))(params)
    zero = jnp.zeros(jax.tree.leaves(params)[0].shape[0], jnp.int32)
    return Net(params, state, zeros, zero, zero, zero, zero > 0, zero)


KIND = streams.Kind(fresh, compiled)
