"""Equinox: `eqx.nn.LSTMCell` and `eqx.nn.GRUCell`, the fields of each as a dict.

`weight_ih` (G H, X), `weight_hh` (G H, H), `bias` (G H) and for a GRU `bias_n` (H), which its reset
gate multiplies. Gates are i, f, g, o and r, z, n. A stack is {"layer_0": ...}, two directions
{"forward": ..., "backward": ...}: Equinox has cells only.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from lstmx.interop import _tree, _weights
from lstmx.interop._arrays import array
from lstmx.interop._cells import KINDS, kind_of
from lstmx.interop._tree import Layers
from lstmx.types import Cell, Params, State

ACCEPTED = ("lstm", "gru")
CHOICES = {4: ("lstm",), 3: ("gru",)}
NAMES = ("weight_ih", "weight_hh", "bias", "bias_n")


def load(fields: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """(cell, params) of one cell's fields, or (layers, params) of a tree of them.

    Fields that are None, as with `use_bias=False`, are ignored.

    Raises:
        ValueError: names or shapes that are not those of such a cell.
    """
    return _tree.load(fields, lambda tree: "weight_ih" in tree, _load)


def _load(leaf: Mapping[str, Any]) -> tuple[Cell, dict[str, Any]]:
    _weights.names(leaf, NAMES[:2], NAMES[2:])
    arrays = {name: array(value) for name, value in leaf.items() if value is not None}
    R = arrays["weight_hh"].T
    kind = _weights.infer(R.shape[1], R.shape[0], None, CHOICES)
    b_state = None
    if "bias_n" in arrays:
        if kind != "gru":
            raise ValueError("bias_n belongs to a GRU; expected none in an LSTMCell")
        _weights.check("bias_n", arrays["bias_n"], R.shape[:1])
        b_state = np.concatenate([np.zeros(2 * R.shape[0], R.dtype), arrays["bias_n"]])
    blocks = _weights.Blocks(arrays["weight_ih"].T, R, arrays.get("bias"), b_state)
    return _weights.load(kind, KINDS[kind].gates, blocks)


def dump(layers: Layers, params: Params, *, bias: bool = True) -> dict[str, Any]:
    """The fields of the cell, for `eqx.tree_at`; a tree of them for a stack.

    Args:
        bias: False for a cell made with `use_bias=False`, whose biases are None.

    Raises:
        ValueError: a cell that Equinox does not have; `bias=False` and a bias that is not zero.
    """
    return _tree.dump(layers, params, functools.partial(_dump, with_bias=bias))


def _dump(cell: Cell, params: Params, with_bias: bool) -> dict[str, np.ndarray]:
    kind = kind_of(cell, "Equinox", ACCEPTED)
    _weights.without_bias(with_bias, params)
    W, R, bias, _ = _weights.dump(kind, KINDS[kind].gates, params)
    biases = (bias, *([params["b_hn"]] if kind == "gru" else [])) if with_bias else ()
    arrays = (W.T.copy(), R.T.copy(), *biases)
    return {name: np.asarray(a) for name, a in zip(NAMES, arrays)}


def load_state(layers: Layers, state: Any) -> State:
    """Our state from (h, c), or h of a GRU; a tree for a stack."""
    leaf = lambda cell, part: _tree.to_letters(kind_of(cell, "Equinox", ACCEPTED), "hc", part)
    return _tree.dump(layers, state, leaf)


def dump_state(layers: Layers, state: State) -> Any:
    """(h, c), or h of a GRU; a tree for a stack."""
    return _tree.dump(layers, state, lambda cell, part: _tree.by_letter(cell, "hc", part))
