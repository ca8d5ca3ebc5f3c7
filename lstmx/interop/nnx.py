"""Flax NNX: `LSTMCell`, `OptimizedLSTMCell`, `GRUCell` and `SimpleCell`, as a dict of Linears.

`LSTMCell` has the parameters of linen's, with `if_` for `if`. The others have `dense_i` (X, G H)
and `dense_h` (H, G H):

    OptimizedLSTMCell   gates i, f, g, o   bias with dense_h
    GRUCell             gates r, z, n      bias with dense_i: no b_hn, so ours must be zero
    SimpleCell                             bias with dense_i

The dict is the one that `nnx.to_pure_dict(nnx.state(cell, nnx.Param))` returns and
`nnx.replace_by_pure_dict` takes. `load` removes the containers of layers: {"cell": ...} of
`nnx.RNN`, and {"forward_rnn": ..., "backward_rnn": ...} of `nnx.Bidirectional`, which is a stack of
one layer here. A stack is {"layer_0": ...}, two directions {"forward": ..., "backward": ...};
`dump` returns these forms.

`activation_fn` does not follow from the parameters. It is Flax' default, tanh, or the `activation`
of `load` and `dump`; `dump` refuses a cell with another one. `gate_fn` must be the default.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from lstmx.interop import _tree, _weights, linen
from lstmx.interop._arrays import array
from lstmx.interop._cells import activation_of, kind_of
from lstmx.interop._tree import Layers
from lstmx.interop.linen import dump_state, load_state
from lstmx.types import Cell, Params

__all__ = ["dump", "dump_state", "load", "load_state"]

ORDER = {"lstm": "ifzo", "gru": "run", "rnn_tanh": "h", "rnn_relu": "h"}
CHOICES = {4: ("lstm",), 3: ("gru",), 1: ("rnn_tanh", "rnn_relu")}
LINEARS = ("dense_i", "dense_h")


def load(
    tree: Mapping[str, Any], *, kind: str | None = None, activation: str | None = None
) -> tuple[Any, dict[str, Any]]:
    """(cell, params) of one cell, or (layers, params) of a tree of them.

    Args:
        kind: "rnn_relu" is a SimpleCell with `activation="relu"`.
        activation: name of the cell's `activation_fn`, such as "relu"; tanh if None.

    Raises:
        ValueError: names or shapes that are not those of such a cell, another `kind`, or an
            activation that the cell here does not have.
    """
    is_leaf = lambda tree: "dense_h" in tree or "if_" in tree
    name = activation_of(kind, activation)
    return _tree.load(tree, is_leaf, functools.partial(_load, kind=kind, activation=name))


def _load(
    leaf: Mapping[str, Any], kind: str | None, activation: str | None
) -> tuple[Cell, dict[str, Any]]:
    if "dense_h" not in leaf:
        denses = {{"if_": "if"}.get(name, name): leaf[name] for name in leaf}
        return linen.load_cell(denses, kind, activation)
    _weights.names(leaf, LINEARS)
    parts = [{n: array(a) for n, a in leaf[linear].items()} for linear in LINEARS]
    for part in parts:
        _weights.names(part, ("kernel",), ("bias",))
    R = parts[1]["kernel"]
    if kind is None and R.shape[0] == R.shape[1]:
        kind = "rnn_tanh"
    kind = _weights.infer(R.shape[1], R.shape[0], kind, CHOICES)
    biases = [part.get("bias") for part in parts]
    blocks = _weights.Blocks(parts[0]["kernel"], R, *biases)
    return _weights.load(kind, ORDER[kind], blocks, activation)


def dump(
    layers: Layers, params: Params, *, optimized: bool = True, activation: str | None = None
) -> dict[str, Any]:
    """The dict of a cell; a tree of them for a stack.

    Args:
        optimized: whether an LSTM is an `OptimizedLSTMCell` or an `LSTMCell`.
        activation: name of the cell's `activation_fn`; tanh if None.

    Raises:
        ValueError: a cell that NNX does not have, or one with another activation; a GRU whose b_hn
            is not zero.
    """
    name = activation_of(None, activation) or "tanh"
    leaf = functools.partial(_dump, optimized=optimized, activation=name)
    return _tree.dump(layers, params, leaf)


def _dump(cell: Cell, params: Params, *, optimized: bool, activation: str) -> dict[str, Any]:
    kind = kind_of(cell, "Flax NNX", tuple(ORDER), activation)
    if kind == "lstm" and not optimized:
        denses = linen.dump_cell(cell, params, activation)
        return {{"if": "if_"}.get(name, name): dense for name, dense in denses.items()}
    W, R, bias, _ = _weights.dump(kind, ORDER[kind], params)
    if kind == "gru" and np.any(np.asarray(params["b_hn"])):
        raise ValueError(
            "nnx.GRUCell has no b_hn, which the reset gate multiplies, and b_hn is not zero "
            "here; expected zeros, or linen's GRUCell, which has it"
        )
    with_bias = LINEARS[kind == "lstm"]
    return {
        name: {"kernel": kernel} | ({"bias": bias} if name == with_bias else {})
        for name, kernel in zip(LINEARS, (W, R))
    }
