"""ONNX: the inputs W, R, B and P of the operators `LSTM`, `GRU` and `RNN`, a dict for each.

W [D, G H, X], R [D, G H, H], B [D, 2 G H], the biases of the input and then those of the state, and
an LSTM's peepholes P [D, 3 H], with D directions, forward first. Gates are i, o, f, c and peepholes
i, o, f; gates of a GRU are z, r, h. B and P may be absent; P is zero then. Two directions are a
pair of cells. A stack is {"layer_0": ...}.

These attributes do not follow from the arrays: a GRU resets before the product unless
`linear_before_reset=1`, and an RNN is tanh or relu, which `kind` states. `activations` are the
defaults, except those of an LSTM and an RNN that are Tanh by default, which `activation` of `load`
and `dump` states; `dump` refuses a cell with another one. `input_forget` must be 0, `clip` absent.
A node with `direction="reverse"` is one cell, to be unrolled with `reverse=True`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lstmx.interop import _tree, _weights
from lstmx.interop._arrays import array
from lstmx.interop._cells import activation_of, kind_of, own_activation
from lstmx.interop._tree import SIDES, Layers
from lstmx.types import Cell, Params, State

ORDER = {
    "lstm": "iofz",
    "lstm_peepholes": "iofz",
    "gru": "urn",
    "gru_reset_before": "urn",
    "rnn_tanh": "h",
    "rnn_relu": "h",
}
PEEPHOLES = "iof"


def load(
    inputs: Mapping[str, Any], *, kind: str | None = None, activation: str | None = None
) -> tuple[Any, dict[str, Any]]:
    """(cell, params) of one node with one direction, else (layers, params).

    Args:
        kind: "gru" for `linear_before_reset=1` and "gru_reset_before" for 0; "rnn_tanh" or
            "rnn_relu". An LSTM needs none.
        activation: the node's activation in place of Tanh, such as "relu".

    Raises:
        ValueError: names or shapes that are not those of such a node; no `kind` where it is needed;
            an activation that the cell here does not have.
    """
    name = activation_of(kind, activation)
    leaf_of = lambda leaf: _load(leaf, kind, name)
    if "W" not in inputs:
        tree = {name: _sides(node) for name, node in inputs.items()}
        return _tree.load(tree, lambda tree: False, leaf_of)
    leaf = _sides(inputs)
    if "forward" in leaf:
        return _tree.load(leaf, lambda tree: False, leaf_of)
    return leaf_of(leaf)


def _sides(node: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of a node without the axis of directions; by side where there are two."""
    _weights.names(node, ("W", "R"), ("B", "P"))
    arrays = {name: array(value) for name, value in node.items()}
    lengths = {a.shape[0] for a in arrays.values()}
    if lengths == {1}:
        return {name: a[0] for name, a in arrays.items()}
    if lengths != {2}:
        raise ValueError(
            f"the first axes are {sorted(lengths)} long; expected 1 or 2, the directions"
        )
    return {side: {n: a[i] for n, a in arrays.items()} for i, side in enumerate(SIDES)}


def _load(
    leaf: Mapping[str, np.ndarray], kind: str | None, activation: str | None
) -> tuple[Cell, dict[str, Any]]:
    R = leaf["R"].T
    if kind == "lstm_peepholes":
        kind = "lstm"
    if kind is None and activation and R.shape[0] == R.shape[1]:
        kind = "rnn_tanh"  # its activation is replaced by the one stated
    kind = _weights.infer(R.shape[1], R.shape[0], kind, _weights.CHOICES)
    extra = {}
    if "P" in leaf:
        if kind != "lstm":
            raise ValueError(f"P holds an LSTM's peepholes; a {kind} has none")
        _weights.check("P", leaf["P"], (3 * R.shape[0],))
        kind = "lstm_peepholes"
        extra = {f"p_{g}": p.copy() for g, p in zip(PEEPHOLES, np.split(leaf["P"], 3))}
    biases: list[Any] = [None, None]
    if "B" in leaf:
        _weights.check("B", leaf["B"], (2 * R.shape[1],))
        biases = np.split(leaf["B"], 2)
    blocks = _weights.Blocks(leaf["W"].T, R, *biases)
    return _weights.load(kind, ORDER[kind], blocks, activation, **extra)


def dump(
    layers: Layers, params: Params, *, bias: bool = True, activation: str | None = None
) -> dict[str, Any]:
    """The inputs of the node of one cell; {"layer_0": ...} of them for a stack.

    A GRU whose reset comes after the product needs `linear_before_reset=1` on its node, a relu
    `activations=["Relu"]`.

    Args:
        bias: False omits the input B.
        activation: the node's activation in place of Tanh.

    Raises:
        ValueError: a cell that ONNX does not have, or one with another activation; a pair of unlike
            cells; `bias=False` and a bias that is not zero.
    """
    expected = activation_of(None, activation) or "tanh"
    leaf = lambda cell, part: _dump(cell, part, bias, expected)
    if isinstance(layers, Cell):
        return {name: a[None] for name, a in leaf(layers, params).items()}
    result: dict[str, Any] = {}
    for name, node in _tree.dump(layers, params, leaf).items():
        sides = [node[side] for side in SIDES] if "forward" in node else [node]
        if len({tuple((n, a.shape) for n, a in side.items()) for side in sides}) > 1:
            raise ValueError(f"{name} has unlike cells; expected one kind and size in an ONNX node")
        result[name] = {n: np.stack([side[n] for side in sides]) for n in sides[0]}
    return result


def _dump(cell: Cell, params: Params, bias: bool, activation: str) -> dict[str, np.ndarray]:
    kind = kind_of(cell, "ONNX", tuple(ORDER), activation)
    _weights.without_bias(bias, params)
    blocks = _weights.dump(kind, ORDER[kind], params)
    W, R, *biases = blocks
    arrays = {"W": W.T.copy(), "R": R.T.copy()} | ({"B": np.concatenate(biases)} if bias else {})
    if kind == "lstm_peepholes":
        arrays["P"] = np.concatenate([np.asarray(params[f"p_{gate}"]) for gate in PEEPHOLES])
    return arrays


def load_state(layers: Layers, state: Any) -> State:
    """Our state from (h, c) or h, each [D, B, H]; {"layer_0": ...} of them for a stack."""
    kind = lambda cell: kind_of(cell, "ONNX", tuple(ORDER), own_activation(cell))
    if isinstance(layers, Cell):
        one = tuple(a[0] for a in state) if isinstance(state, tuple | list) else state[0]
        return _tree.to_letters(kind(layers), "hc", one)
    tree: dict[str, Any] = {}
    for name, layer in zip(_tree.check_names(layers, state), layers):
        part, many = state[name], isinstance(state[name], tuple | list)
        parts = [tuple(a[n] for a in part) if many else part[n] for n in range(2)[: _count(layer)]]
        tree[name] = parts[0] if isinstance(layer, Cell) else dict(zip(SIDES, parts))
    return _tree.dump(layers, tree, lambda cell, part: _tree.to_letters(kind(cell), "hc", part))


def dump_state(layers: Layers, state: State) -> Any:
    """The inverse of `load_state`: `initial_h` and `initial_c` of each node."""
    leaf = lambda cell, part: _tree.by_letter(cell, "hc", part)
    if isinstance(layers, Cell):
        return _join([leaf(layers, state)])
    tree = _tree.dump(layers, state, leaf)
    return {
        name: _join([part] if isinstance(layer, Cell) else [part[side] for side in SIDES])
        for (name, part), layer in zip(tree.items(), layers)
    }


def _count(layer: Any) -> int:
    return 1 if isinstance(layer, Cell) else 2


def _join(parts: list[Any]) -> Any:
    """The directions of one node along a new first axis."""
    if isinstance(parts[0], tuple):
        return tuple(np.stack(arrays) for arrays in zip(*parts))
    return np.stack(parts)
