"""Networks of memory blocks that learn at every symbol of a stream, which ends at an error.

The weights change at every symbol, and traces keep what they were computed with, as in the papers.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import experiment, precision
from lstmx.interrupt import Interrupt
from lstmx.tasks import _reber
from lstmx.types import Array, Params

from . import side_by_side, traces

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


def run(
    protocol: "Streams", file: Path, *, train: bool, interrupt: Interrupt | None = None
) -> tuple[np.ndarray, float] | None:
    """Correct symbols [networks, tests] of every test stream, and the seconds of it all.

    Args:
        protocol: what to run.
        file: of the progress, .npz.
        train: whether to go on; else None where it is not finished.
        interrupt: once it is requested, the progress is saved and None is returned.

    Raises:
        ValueError: a cell whose traces are not computed here.
    """
    if not train and not file.exists():
        return None
    config = protocol.make()
    layer = traces.blocks(config)
    with precision.scope(config.model.precision):
        model = experiment.build(config).model
        keys = jax.vmap(jax.random.key)(jnp.arange(protocol.networks))
        progress = side_by_side.Progress(fresh(layer, jax.vmap(model.init)(keys)))
        if file.exists():
            progress = side_by_side.load(file, progress.nets)
        while progress.phase < 2 and train and not (interrupt and interrupt.requested):
            chunk = compiled(protocol, config, layer, learning=progress.phase == 0)
            progress = side_by_side.until_done(progress, chunk, file, interrupt)
            if np.all(progress.nets.done):
                nets = progress.nets
                if progress.phase == 0:
                    repeat = lambda leaf: jnp.repeat(jnp.asarray(leaf), protocol.tests, axis=0)
                    nets = fresh(layer, jax.tree.map(repeat, nets.params))
                progress = progress._replace(nets=nets, at=0, phase=progress.phase + 1)
                side_by_side.save(file, progress)
    if progress.phase < 2:
        return None
    shape = protocol.networks, protocol.tests
    return np.asarray(progress.nets.correct).reshape(shape), progress.seconds


def compiled(
    protocol: "Streams", config: Any, layer: traces.Blocks, *, learning: bool
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
        before = where(net.node == 0, jax.tree.map(jnp.zeros_like, before), before)
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
    state, kept, node, symbols = where(ended, jax.tree.map(jnp.zeros_like, after), after)
    correct = jnp.where(ended, net.symbols + ~failed, net.correct)
    later = Net(params, state, kept, node, stream, symbols, done, correct)
    return where(net.done, net, later)


def fresh(layer: traces.Blocks, params: Params) -> Net:
    """Networks [N] with these params at the start of their first stream."""
    state, zeros = jax.vmap(lambda each: traces.start(layer, each))(params)
    zero = jnp.zeros(jax.tree.leaves(params)[0].shape[0], jnp.int32)
    return Net(params, state, zeros, zero, zero, zero, zero > 0, zero)


def where(condition: Array, one: Any, other: Any) -> Any:
    """One tree where the condition [] holds, else the other."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)
