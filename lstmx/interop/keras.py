"""Keras 3: `LSTM`, `GRU` with either reset, and `SimpleRNN`, one dict for each layer.

`kernel` (X, G H), `recurrent_kernel` (H, G H) and `bias`: `dict(zip(NAMES, layer.get_weights()))`.
Gates are i, f, c, o and z, r, h. A GRU's bias is (2, 3 H), for input and state, with
`reset_after=True`, Keras' default, and (3 H) without. The forget bias of 1 is stored in the bias.
A `Bidirectional` layer is {"forward": ..., "backward": ...}, a stack {"layer_0": ...}; two sides
without a layer are a stack of one layer.

Activations do not follow from the arrays. They are Keras' defaults, or the `activation` of `load`
and `dump`, which has the meaning that it has for the layer: an LSTM applies it to its cell input
and to its cell state. Gates are sigmoids. `dump` refuses a cell whose activation is another one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lstmx.interop import _tree, _weights
from lstmx.interop._arrays import array
from lstmx.interop._cells import activation_of, kind_of, own_activation
from lstmx.interop._tree import Layers
from lstmx.types import Cell, Params, State

NAMES = ("kernel", "recurrent_kernel", "bias")
"""The order of `layer.get_weights()`."""

ORDER = {"lstm": "ifzo", "gru": "urn", "gru_reset_before": "urn", "rnn_tanh": "h", "rnn_relu": "h"}


def load(
    weights: Mapping[str, Any],
    *,
    kind: str | None = None,
    activation: str | None = None,
    recurrent_activation: str = "sigmoid",
) -> tuple[Any, dict[str, Any]]:
    """(cell, params) of one layer, or (layers, params) of a tree of them.

    Args:
        kind: "gru" or "gru_reset_before" for a GRU without bias, from whose shape it would follow;
            "rnn_relu" is a SimpleRNN with `activation="relu"`.
        activation: of the layer, such as "relu" or "linear"; Keras' default, tanh, if None.
        recurrent_activation: of the layer's gates; only "sigmoid" has a counterpart here.

    Raises:
        ValueError: names or shapes that are not those of such a layer; an activation that no cell
            here has.
    """
    name = _activation(kind, activation, recurrent_activation)
    return _tree.load(weights, lambda tree: "kernel" in tree, lambda leaf: _load(leaf, kind, name))


def _activation(kind: str | None, activation: str | None, recurrent_activation: str) -> str:
    if recurrent_activation != "sigmoid":
        raise ValueError(
            f"recurrent_activation={recurrent_activation!r}: the gates of cells here are sigmoids; "
            "expected 'sigmoid'"
        )
    return activation_of(kind, activation) or "tanh"


def _load(
    leaf: Mapping[str, Any], kind: str | None, activation: str
) -> tuple[Cell, dict[str, Any]]:
    _weights.names(leaf, NAMES[:2], NAMES[2:])
    arrays = {name: array(value) for name, value in leaf.items()}
    R, bias = arrays["recurrent_kernel"], arrays.get("bias")
    choices = dict(_weights.CHOICES)
    if bias is not None:
        choices[3] = ("gru",) if bias.ndim == 2 else ("gru_reset_before",)
    if kind is None and R.shape[1] == R.shape[0]:
        kind = "rnn_tanh"
    kind = _weights.infer(R.shape[1], R.shape[0], kind, choices)
    b_input, b_state = (None, None) if bias is None else (bias, None)
    if bias is not None and kind == "gru":
        _weights.check("bias", bias, (2, R.shape[1]))
        b_input, b_state = bias
    blocks = _weights.Blocks(arrays["kernel"], R, b_input, b_state)
    return _weights.load(kind, ORDER[kind], blocks, activation)


def dump(
    layers: Layers,
    params: Params,
    *,
    bias: bool = True,
    activation: str | None = None,
    recurrent_activation: str = "sigmoid",
) -> dict[str, Any]:
    """One layer's arrays by name, in the order of `set_weights`; a tree of them for a stack.

    Args:
        bias: False for a layer made with `use_bias=False`, which has no biases.
        activation, recurrent_activation: of the layer, as for `load`.

    Raises:
        ValueError: a cell that Keras does not have; one of another activation than the layer;
            `bias=False` and a bias that is not zero.
    """
    name = _activation(None, activation, recurrent_activation)
    return _tree.dump(layers, params, lambda cell, part: _dump(cell, part, bias, name))


def _dump(cell: Cell, params: Params, with_bias: bool, activation: str) -> dict[str, np.ndarray]:
    kind = kind_of(cell, "Keras", tuple(ORDER), activation)
    _weights.without_bias(with_bias, params)
    W, R, b_input, b_state = _weights.dump(kind, ORDER[kind], params)
    bias = np.stack([b_input, b_state]) if kind == "gru" else b_input
    return dict(zip(NAMES, (W, R, bias) if with_bias else (W, R)))


def load_state(layers: Layers, state: Any) -> State:
    """Our state from the list [h, c] or [h] of a layer, or h itself; a tree for a stack."""

    def leaf(cell: Cell, part: Any) -> State:
        kind = kind_of(cell, "Keras", tuple(ORDER), own_activation(cell))
        only = isinstance(part, tuple | list) and len(part) == 1
        return _tree.to_letters(kind, "hc", part[0] if only else part)

    return _tree.dump(layers, state, leaf)


def dump_state(layers: Layers, state: State) -> Any:
    """The list [h, c] or [h] that a layer takes as `initial_state`; a tree for a stack."""

    def leaf(cell: Cell, part: State) -> list[np.ndarray]:
        arrays = _tree.by_letter(cell, "hc", part)
        return list(arrays) if isinstance(arrays, tuple) else [arrays]

    return _tree.dump(layers, state, leaf)
