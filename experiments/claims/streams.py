"""Networks of memory blocks that learn at every symbol of a stream, many side by side.

The truncated gradient of Hochreiter & Schmidhuber 1997 needs no pass back through time: the
derivatives of a cell state by the weights into its block go forward with it, as traces

    s_z' = f s_z + i g'(a_z) v      s_i' = f s_i + g i (1 - i) v      s_f' = f s_f + c f (1 - f) v

with v the inputs of the block, (x, q, 1). The weights change at every symbol, and traces keep what
they were computed with, as in the papers.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import cells, experiment, precision
from lstmx.cells.lstm import LSTMState
from lstmx.interrupt import Interrupt
from lstmx.tasks import _reber
from lstmx.types import Array, Cell, Params

if TYPE_CHECKING:
    from .online import Streams

CHUNK = 2000  # symbols of a compiled call
SAVE = 60.0  # seconds between savings
OUTPUTS = len(_reber.SYMBOLS)


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
    stop = lambda: interrupt is not None and interrupt.requested
    if not train and not file.exists():
        return None
    config = protocol.make()
    _check(config)
    with precision.scope(config.model.precision):
        model = experiment.build(config).model
        keys = jax.vmap(jax.random.key)(jnp.arange(protocol.networks))
        nets, at, phase, seconds = _fresh(config, jax.vmap(model.init)(keys)), 0, 0, 0.0
        if file.exists():
            nets, at, phase, seconds = _load(file, nets)
        while phase < 2 and train and not stop():
            chunk = compiled(protocol, config, learning=phase == 0)
            while not np.all(nets.done) and not stop():
                start = time.monotonic()
                (interrupt or Interrupt()).mark(file, True)  # ends after it has saved
                nets, at = advance(chunk, nets, at, SAVE, interrupt)
                seconds += time.monotonic() - start
                _save(file, nets, at, phase, seconds)
                (interrupt or Interrupt()).mark(file, False)
            if np.all(nets.done):
                phase, at = phase + 1, 0
                if phase == 1:
                    repeat = lambda leaf: jnp.repeat(jnp.asarray(leaf), protocol.tests, axis=0)
                    nets = _fresh(config, jax.tree.map(repeat, nets.params))
                _save(file, nets, at, phase, seconds)
    if phase < 2:
        return None
    return np.asarray(nets.correct).reshape(protocol.networks, protocol.tests), seconds


def advance(
    chunk: Callable[..., Net], nets: Net, at: int, seconds: float, until: Interrupt | None = None
) -> tuple[Net, int]:
    """The nets some chunks of symbols later, and the number of chunks so far.

    Networks that are done cost nothing: the others are computed in groups of a power of two.

    Args:
        chunk: of `compiled`.
        nets: each leaf with an axis of networks in front.
        at: number of chunks before.
        seconds: about how long.
        until: a request to stop.
    """
    start = time.monotonic()
    nets = jax.tree.map(np.array, nets)  # a copy, since its rows are replaced
    while time.monotonic() - start < seconds and not (until is not None and until.requested):
        left = np.flatnonzero(~nets.done)
        if len(left) == 0:
            break
        rows = np.resize(left, 1 << (len(left) - 1).bit_length())  # some of them twice
        some = jax.device_get(chunk(jax.tree.map(lambda leaf: leaf[rows], nets), rows, at))  # noqa: B023
        for leaf, new in zip(jax.tree.leaves(nets), jax.tree.leaves(some)):
            leaf[rows] = new
        at += 1
    return nets, at


def compiled(protocol: "Streams", config: Any, *, learning: bool) -> Callable[..., Net]:
    """The function (nets, numbers of the networks, number of the chunk) -> nets after `CHUNK`."""
    options = config.model.cell.to_dict()
    cell = cells.make(options.pop("name"), **options)
    rate = jnp.asarray(config.hparams.learning_rate)

    def one(net: Net, number: Array, at: Array) -> Net:
        key = jax.random.fold_in(jax.random.key(config.seed), number)
        key = jax.random.fold_in(jax.random.fold_in(key, int(learning)), at)
        bits = jnp.asarray(jax.random.bernoulli(key, shape=(CHUNK,)), jnp.int32)
        step = lambda net, bit: (
            symbol(protocol, cell, options["block_size"], rate, net, bit, learning=learning),
            None,
        )
        return jax.lax.scan(step, net, bits)[0]

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None)))


def symbol(
    protocol: "Streams",
    cell: Cell,
    block: int,
    rate: Array,
    net: Net,
    bit: Array,
    *,
    learning: bool,
) -> Net:
    """The net one symbol later.

    Args:
        cell: with the truncated gradient.
        block: cells of a block.
        rate: the learning rate, [].
        bit: which of two legal symbols comes, [].
        learning: whether weights change.
    """
    layer, readout = net.params["layers"]["layer_0"], net.params["readout"]
    token = jnp.asarray(_reber.CHOICES)[net.node, bit]
    node = jnp.asarray(_reber.NEXT)[net.node, token]
    target = jnp.asarray(_reber.LEGAL, jnp.float32)[node]
    before, traces = net.state, net.traces
    if protocol.external_reset:
        before, traces = _where(
            net.node == 0, jax.tree.map(jnp.zeros_like, (before, traces)), (before, traces)
        )
    x = jax.nn.one_hot(token, OUTPUTS)
    state, h, gates = cell.step(layer, before, x)
    y = jax.nn.sigmoid(h @ readout["W"] + x @ readout["V"] + readout["b"])
    failed = jnp.max(jnp.abs(y - target)) >= protocol.tolerance
    params = net.params
    if learning:
        inputs = jnp.concatenate([x, before.h, jnp.ones(1)])
        traces = accumulate(traces, before.c, gates, inputs, block)
        delta = (y - target) * y * (1 - y)
        slopes = gradients(readout, traces, state.c, h, gates, inputs, delta, block)
        step = rate * protocol.decay ** jnp.asarray(net.symbols, jnp.float32)
        params = jax.tree.map(lambda w, slope: w - step * slope, params, slopes)
    symbols = net.symbols + 1
    ended = failed | (symbols >= protocol.longest)
    stream = net.stream + ended
    done = ended & ~failed if learning else ended
    if learning:
        done |= stream >= protocol.training
    fresh = jax.tree.map(jnp.zeros_like, (state, traces, node, symbols))
    state, traces, node, symbols = _where(ended, fresh, (state, traces, node, symbols))
    correct = jnp.where(ended, net.symbols + ~failed, net.correct)
    later = Net(params, state, traces, node, stream, symbols, done, correct)
    return _where(net.done, net, later)


def accumulate(
    traces: dict[str, Array], c: Array, gates: Mapping[str, Array], inputs: Array, block: int
) -> dict[str, Array]:
    """The traces one step later.

    Args:
        traces: gate -> [H, X + Q + 1].
        c: cell states before the step, [H].
        gates: of the step: i, f, z, o.
        inputs: (x, q, 1) of the step.
        block: cells of a block.
    """
    wide = {gate: jnp.repeat(gates[gate], block) for gate in "if"}
    i, f, z = wide["i"], wide["f"], gates["z"]
    slopes = {"z": i * (1 - (z / 2) ** 2), "i": z * i * (1 - i), "f": c * f * (1 - f)}
    return {
        gate: f[:, None] * trace + slopes[gate][:, None] * inputs for gate, trace in traces.items()
    }


def gradients(
    readout: Params,
    traces: dict[str, Array],
    c: Array,
    h: Array,
    gates: Mapping[str, Array],
    inputs: Array,
    delta: Array,
    block: int,
) -> Params:
    """The gradient of the error at one symbol by all params.

    Args:
        readout: the params of the output units.
        traces: of this step.
        c: cell states after the step, [H].
        h: outputs of the cells, [H].
        gates: of the step: i, f, z, o.
        inputs: (x, q, 1) of the step.
        delta: the error's derivative by the inputs of the output units, [Y].
        block: cells of a block.
    """
    by_block = lambda values: values.reshape(-1, block, *values.shape[1:]).sum(axis=1)
    back, squashed, o = readout["W"] @ delta, jnp.tanh(c / 2), gates["o"]  # 2 sigma(c) - 1
    at_cell = back * jnp.repeat(o, block) * (1 - squashed**2) / 2
    parts = {gate: at_cell[:, None] * trace for gate, trace in traces.items()}
    parts |= {gate: by_block(parts[gate]) for gate in parts.keys() - {"z"}}
    parts["o"] = (by_block(back * squashed) * o * (1 - o))[:, None] * inputs
    order = [gate for gate in "ifzo" if gate in parts]
    whole = jnp.concatenate([parts[gate] for gate in order]).T  # [X + Q + 1, sum of sizes]
    biases = jnp.concatenate([parts[gate][:, -1] for gate in order if gate != "z"])
    layer = {"W": whole[:OUTPUTS], "R": whole[OUTPUTS:-1], "b": biases}
    output = {"W": h[:, None] * delta, "V": inputs[:OUTPUTS, None] * delta, "b": delta}
    return {"layers": {"layer_0": layer}, "readout": output}


def _check(config: Any) -> None:
    expected = {"truncated": True, "recurrence": "cells", "biases": "gates"}
    expected |= {"input_activation": "wide", "output_activation": "narrow"}
    cell = config.model.cell
    for option, value in expected.items():
        if cell.get(option) != value:
            raise ValueError(
                f"cell {cell.name!r}: {option}={cell.get(option)!r}; expected {value!r}, as in "
                "Gers et al. 2000: other networks have no traces here"
            )


def _fresh(config: Any, params: Params) -> Net:
    """Networks [N] with these params at the start of their first stream."""
    count, size = jax.tree.leaves(params)[0].shape[0], config.model.cell.hidden_size
    gates = "if" if config.model.cell.name == "lstm2000" else "i"
    trace = jnp.zeros((count, size, OUTPUTS + size + 1))
    zero = jnp.zeros(count, jnp.int32)
    state = LSTMState(jnp.zeros((count, size)), jnp.zeros((count, size)))
    traces = dict.fromkeys((*gates, "z"), trace)
    return Net(params, state, traces, zero, zero, zero, zero > 0, zero)


def _where(condition: Array, one: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)


def _save(file: Path, nets: Net, at: int, phase: int, seconds: float) -> None:
    leaves = {f"leaf{n}": np.asarray(leaf) for n, leaf in enumerate(jax.tree.leaves(nets))}
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part.npz")
    np.savez(part, at=at, phase=phase, seconds=seconds, **leaves)  # type: ignore[arg-type]
    part.replace(file)  # whole, or not at all


def _load(file: Path, like: Net) -> tuple[Net, int, int, float]:
    """What `_save` wrote, in the structure of other nets."""
    leaves, structure = jax.tree.flatten(like)
    with np.load(file) as stored:
        nets = jax.tree.unflatten(structure, [stored[f"leaf{n}"] for n in range(len(leaves))])
        return nets, int(stored["at"]), int(stored["phase"]), float(stored["seconds"])
