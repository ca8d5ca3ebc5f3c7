"""The truncated gradient of memory blocks at every symbol, without a pass back through time.

The truncated gradient of Hochreiter & Schmidhuber 1997 keeps of the past what a cell state holds.
The derivatives of a cell state by the weights into its block go forward with it, as traces

    s_z' = f s_z + i g'(a_z) v      s_i' = f s_i + g i (1 - i) v      s_f' = f s_f + c f (1 - f) v

with v the inputs of the block, (x, q, 1), and q what it reads of the previous step: the outputs of
the cells, and with recurrence="all" the gates too.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import cells
from lstmx.types import Array, Cell, Params

SCALES = {"narrow": 1.0, "wide": 2.0}
"""Output activation -> k, of a cell state c to k tanh(c / 2), within [-k, k]."""


class Blocks(NamedTuple):
    """A layer of memory blocks whose gradient traces give.

    Attributes:
        cell: of the layer.
        gates: with traces: "i", and "f" if it has one.
        size: number of cells H.
        block: cells of a block.
        scale: k of `SCALES`.
    """

    cell: Cell
    gates: str
    size: int
    block: int
    scale: float


class Read(NamedTuple):
    """What a layer has after one symbol.

    Attributes:
        state: of the cell.
        traces: gate -> derivatives of the cell states by the weights into it, [H, X + Q + 1].
        h: outputs of the cells, [H].
        gates: of the step: i, f, z, o.
        inputs: of the blocks: (x, q, 1).
    """

    state: Any
    traces: dict[str, Array]
    h: Array
    gates: Mapping[str, Array]
    inputs: Array


class Learned(NamedTuple):
    """What one symbol leads to.

    Attributes:
        state: of the cell, afterwards.
        traces: gate -> derivatives of the cell states by the weights into it, [H, X + Q + 1].
        y: outputs of the network, [Y].
        slopes: the gradient of half the squared error at this symbol by all params.
    """

    state: Any
    traces: dict[str, Array]
    y: Array
    slopes: Params


def blocks(config: Any) -> Blocks:
    """The layer that a config describes.

    Raises:
        ValueError: a network without traces here.
    """
    options = config.model.cell.to_dict()
    name = options.pop("name")
    ranges = {
        "truncated": (True,),
        "recurrence": ("cells", "all"),
        "biases": ("gates",),
        "input_activation": ("wide",),
        "output_activation": tuple(SCALES),
        "output_gate": (True,),
    }
    if name not in ("lstm1997", "lstm2000"):
        raise ValueError(f"cell {name!r} has no traces here; expected 'lstm1997' or 'lstm2000'")
    for option, allowed in ranges.items():
        if options.get(option, True) not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise ValueError(
                f"cell {name!r}: {option}={options[option]!r}; expected {expected}: other networks "
                "have no traces here"
            )
    return Blocks(
        cells.make(name, **options),
        "if" if name == "lstm2000" else "i",
        options["hidden_size"],
        options["block_size"],
        SCALES[options["output_activation"]],
    )


def start(layer: Blocks, params: Params) -> tuple[Any, dict[str, Array]]:
    """State and traces, zeros, where a string or a stream begins.

    Args:
        params: of the model: "layers" and "readout".
    """
    weights = params["layers"]["layer_0"]
    state = layer.cell.initial_state(weights, ())
    size = sum(weights[name].shape[0] for name in "WR") + 1
    return state, dict.fromkeys((*layer.gates, "z"), jnp.zeros((layer.size, size)))


def read(layer: Blocks, params: Params, before: Any, traces: dict[str, Array], x: Array) -> Read:
    """State and traces of one symbol, whose outputs have no targets.

    Args:
        params: of the model: "layers" and "readout".
        before: the state of the cell.
        traces: gate -> [H, X + Q + 1].
        x: inputs, [X].
    """
    state, h, gates = layer.cell.step(params["layers"]["layer_0"], before, x)
    inputs = jnp.concatenate([x, *before[1:], jnp.ones(1)])  # the state without c is q
    return Read(state, _accumulate(layer, traces, before.c, gates, inputs), h, gates, inputs)


def learn(
    layer: Blocks, params: Params, before: Any, traces: dict[str, Array], x: Array, target: Array
) -> Learned:
    """State, traces, outputs and gradient of one symbol.

    Args:
        params: of the model: "layers" and "readout".
        before: the state of the cell.
        traces: gate -> [H, X + Q + 1].
        x: inputs, [X].
        target: of the outputs, [Y].
    """
    readout = params["readout"]
    state, traces, h, gates, inputs = read(layer, params, before, traces, x)
    a = h @ readout["W"]
    if "V" in readout:
        a = a + x @ readout["V"]
    y = jax.nn.sigmoid(a + readout["b"] if "b" in readout else a)
    delta = (y - target) * y * (1 - y)
    slopes = {
        "layers": {"layer_0": _of_layer(layer, readout, traces, state.c, gates, inputs, delta, x)},
        "readout": _of_readout(readout, h, x, delta),
    }
    return Learned(state, traces, y, slopes)


def _accumulate(
    layer: Blocks, traces: dict[str, Array], c: Array, gates: Mapping[str, Array], inputs: Array
) -> dict[str, Array]:
    """The traces one step later; c are the cell states before the step, [H]."""
    wide = {gate: jnp.repeat(gates[gate], layer.block) for gate in "if"}
    i, f, z = wide["i"], wide["f"], gates["z"]
    slopes = {"z": i * (1 - (z / 2) ** 2), "i": z * i * (1 - i), "f": c * f * (1 - f)}
    return {
        gate: f[:, None] * trace + slopes[gate][:, None] * inputs for gate, trace in traces.items()
    }


def _of_layer(
    layer: Blocks,
    readout: Params,
    traces: dict[str, Array],
    c: Array,
    gates: Mapping[str, Array],
    inputs: Array,
    delta: Array,
    x: Array,
) -> Params:
    """The gradient by the weights of the blocks.

    Args:
        traces: of this step.
        c: cell states after the step, [H].
        gates: of the step: i, f, z, o.
        inputs: (x, q, 1) of the step.
        delta: the error's derivative by the inputs of the output units, [Y].
    """
    block, k = layer.block, layer.scale
    by_block = lambda values: values.reshape(-1, block, *values.shape[1:]).sum(axis=1)
    back, squashed, o = readout["W"] @ delta, jnp.tanh(c / 2), gates["o"]
    at_cell = back * jnp.repeat(o, block) * k * (1 - squashed**2) / 2
    parts = {gate: at_cell[:, None] * trace for gate, trace in traces.items()}
    parts |= {gate: by_block(parts[gate]) for gate in parts.keys() - {"z"}}
    parts["o"] = (by_block(back * k * squashed) * o * (1 - o))[:, None] * inputs
    order = [gate for gate in "ifzo" if gate in parts]
    whole = jnp.concatenate([parts[gate] for gate in order]).T  # [X + Q + 1, sum of sizes]
    biases = jnp.concatenate([parts[gate][:, -1] for gate in order if gate != "z"])
    return {"W": whole[: len(x)], "R": whole[len(x) : -1], "b": biases}


def _of_readout(readout: Params, h: Array, x: Array, delta: Array) -> Params:
    every = {"W": h[:, None] * delta, "V": x[:, None] * delta, "b": delta}
    return {name: every[name] for name in readout}
