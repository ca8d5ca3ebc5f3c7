"""Networks of memory blocks that learn at every symbol of embedded Reber strings.

The weights change at every symbol, and traces keep what they were computed with, as in `streams`;
state and traces are zero where a string begins. Strings are new ones every time; those that a
network must predict are stored, and may occur among the new ones.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import experiment, precision
from lstmx.interrupt import Interrupt
from lstmx.tasks import _reber, reber
from lstmx.types import Array, Batch, Params

from . import side_by_side, traces

if TYPE_CHECKING:
    from .protocols import Strings

GROUP = 32
"""Stored strings that are predicted together, before it is asked whether one was wrong."""


class Net(NamedTuple):
    """A network between two strings.

    Attributes:
        params: of the model: "layers" and "readout".
        strings: number of strings that it has learned from.
        done: whether nothing more happens.
        solved: whether it has predicted all stored strings.
    """

    params: Params
    strings: Array
    done: Array
    solved: Array


def run(
    protocol: "Strings", file: Path, *, train: bool, interrupt: Interrupt | None = None
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Strings until the end [networks], whether it was a success [networks], and the seconds.

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
        params = jax.vmap(model.init)(jax.vmap(jax.random.key)(jnp.arange(protocol.networks)))
        zero = jnp.zeros(protocol.networks, jnp.int32)
        progress = side_by_side.Progress(Net(params, zero, zero > 0, zero > 0))
        if file.exists():
            progress = side_by_side.load(file, progress.nets)
        if train:
            chunk = compiled(protocol, config, layer)
            progress = side_by_side.until_done(progress, chunk, file, interrupt)
    nets = progress.nets
    if not np.all(nets.done):
        return None
    return np.asarray(nets.strings), np.asarray(nets.solved), progress.seconds


def compiled(protocol: "Strings", config: Any, layer: traces.Blocks) -> side_by_side.Chunk:
    """The function that reads new strings and then predicts the stored ones."""
    rate, count = jnp.asarray(config.hparams.learning_rate), config.eval_every
    is_right, tests = predictor(config), stored(config, protocol.sets)

    def one(net: Net, number: Array, at: Array) -> Net:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), number), at)
        symbols, lengths = _reber.strings(key, (count,), config.task.length)
        params = read(layer, rate, net.params, symbols, lengths)
        own = jax.tree.map(lambda leaf: leaf[number * protocol.sets // protocol.networks], tests)
        solved, strings = is_right(params, own), net.strings + count
        return Net(params, strings, solved | (strings >= config.steps), solved)

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None)))


def read(
    layer: traces.Blocks, rate: Array, params: Params, symbols: Array, lengths: Array
) -> Params:
    """The params after some strings, one after the other.

    Args:
        layer: of the network.
        rate: the learning rate, [].
        params: of the model: "layers" and "readout".
        symbols: tokens, [N, L].
        lengths: of the strings, [N]; one of length 0 is left out.
    """
    steps = jnp.maximum(lengths - 1, 0)  # the last symbol is a target only
    ends, longest = jnp.cumsum(steps), symbols.shape[0] * (symbols.shape[1] - 1)
    # Networks side by side are at the same symbol of all, not of their strings: none waits.
    number = jnp.repeat(jnp.arange(len(steps)), steps, total_repeat_length=longest)
    place = jnp.arange(longest) - (ends - steps)[number]
    fresh = traces.start(layer, params)

    def step(carry: Any) -> Any:
        time, params, *memory = carry
        begins = place[time] == 0
        state, kept = jax.tree.map(lambda new, old: jnp.where(begins, new, old), fresh, (*memory,))
        token = symbols[number[time], place[time] + jnp.arange(2)]
        x, target = jax.nn.one_hot(token, len(_reber.SYMBOLS))
        learned = traces.learn(layer, params, state, kept, x, target)
        params = jax.tree.map(lambda w, slope: w - rate * slope, params, learned.slopes)
        return time + 1, params, learned.state, learned.traces

    start = (jnp.asarray(0), params, *fresh)
    return jax.lax.while_loop(lambda carry: carry[0] < ends[-1], step, start)[1]


def stored(config: Any, sets: int) -> Batch:
    """The distinct strings of train and test, [sets, groups, GROUP, T]; rows of padding last."""
    task, pairs = config.task, []
    for seed in range(sets):
        split = _reber.sets(seed, task.strings, task.length)
        distinct = {tuple(string) for name in ("train", "test") for string in split[name]}
        # The longest are the hardest: most networks err in the first group.
        pairs.append(sorted(distinct, key=lambda string: (-len(string), string)))
    groups = -(-max(map(len, pairs)) // GROUP)
    symbols = np.zeros((sets, groups * GROUP, max(len(pair[0]) for pair in pairs)), np.int32)
    lengths = np.zeros(symbols.shape[:2], np.int32)
    for n, pair in enumerate(pairs):
        for row, string in enumerate(pair):
            symbols[n, row, : len(string)], lengths[n, row] = string, len(string)
    flat = reber.encode(jnp.asarray(symbols).reshape(-1, symbols.shape[2]), jnp.ravel(lengths))
    return jax.tree.map(lambda leaf: leaf.reshape(sets, groups, GROUP, -1), flat)


def predictor(config: Any) -> Callable[[Params, Batch], Array]:
    """(params, strings [groups, GROUP, T]) -> whether all are predicted as the task demands."""
    built = experiment.build(config)

    def is_right(params: Params, strings: Batch) -> Array:
        batch = lambda n: jax.tree.map(lambda leaf: leaf[n], strings)
        return side_by_side.all_right(built.model, built.task, params, batch, strings.mask.shape[0])

    return is_right
