"""Flax linen: `LSTMCell`, `OptimizedLSTMCell`, `GRUCell`, `SimpleCell` and `MGUCell`.

A Dense layer for each gate and each of input (i) and state (h), with kernels (X, H) and (H, H) and
these biases:

    LSTM     ii if ig io (none)   hi hf hg ho (all)
    GRU      ir iz in (all)       hr hz (none), hn (bias)     the reset comes after the product
    MGU      if in (all)          hf (none), hn (bias)        its gate keeps, and resets after
    Simple   i (bias)             h (none)

LSTM cells of both kinds have the same parameters. `load` removes `{"params": ...}` around a cell
and the containers of layers: {"cell": ...} of `nn.RNN`, and {"forward_rnn": ...,
"backward_rnn": ...} of `nn.Bidirectional`, which is a stack of one layer here. A stack is
{"layer_0": ...}, two directions {"forward": ..., "backward": ...}; `dump` returns these forms.

`activation_fn` does not follow from the parameters. It is Flax' default, tanh, or the `activation`
of `load` and `dump`; `dump` refuses a cell with another one. `gate_fn` must be the default;
`SimpleCell(residual=True)`, which has no counterpart here, has the parameters of a plain one and is
not recognized.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lstmx.interop import _tree, _weights
from lstmx.interop._arrays import array
from lstmx.interop._cells import activation_of, kind_of, own_activation
from lstmx.interop._tree import Layers
from lstmx.types import Cell, Params, State


class Form(NamedTuple):
    """The names of a kind's parameters in linen.

    Attributes:
        order: our letters of the gates, in linen's order.
        letters: linen's letters of the same gates.
        biases: the Dense layers that have a bias.
    """

    order: str
    letters: tuple[str, ...]
    biases: tuple[str, ...]

    @property
    def denses(self) -> tuple[str, ...]:
        """Names of the Dense layers: those of the input, then those of the state."""
        return tuple(side + letter for side in "ih" for letter in self.letters)


LSTM = Form("ifzo", ("i", "f", "g", "o"), ("hi", "hf", "hg", "ho"))
SIMPLE = Form("h", ("",), ("i",))
FORMS = {
    "lstm": LSTM,
    "gru": Form("run", ("r", "z", "n"), ("ir", "iz", "in", "hn")),
    "mgu": Form("fn", ("f", "n"), ("if", "in", "hn")),
    "rnn_tanh": SIMPLE,
    "rnn_relu": SIMPLE,
}


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
    if set(tree) == {"params"}:
        tree = tree["params"]
    is_leaf = lambda tree: any(set(tree) == set(form.denses) for form in FORMS.values())
    name = activation_of(kind, activation)
    return _tree.load(tree, is_leaf, functools.partial(load_cell, kind=kind, activation=name))


def load_cell(
    leaf: Mapping[str, Any], kind: str | None = None, activation: str | None = None
) -> tuple[Cell, dict[str, Any]]:
    """(cell, params) of the Dense layers of one cell. Raises ValueError as `load` does."""
    kinds = [name for name, form in FORMS.items() if set(form.denses) == set(leaf)]
    if not kinds:
        forms = "; ".join(" ".join(form.denses) for form in dict.fromkeys(FORMS.values()))
        raise ValueError(f"Dense layers are {sorted(leaf)}; expected those of one cell: {forms}")
    if kind is not None and kind not in kinds:
        raise ValueError(f"kind={kind!r}, but these are the layers of {' or '.join(kinds)}")
    kind = kind or kinds[0]
    form = FORMS[kind]
    for name, dense in leaf.items():
        expected = ("kernel", "bias") if name in form.biases else ("kernel",)
        if set(dense) != set(expected):
            hint = (
                "; a cell without reset gate is none of ours"
                if (kind, name) == ("mgu", "hn")
                else ""
            )
            raise ValueError(f"{name} of {kind} has {sorted(dense)}; expected {expected}{hint}")
    half = len(form.letters)
    first, second = (form.denses[n : n + half] for n in (0, half))
    W, R = (_side(leaf, names) for names in (first, second))
    blocks = _weights.Blocks(W[0], R[0], W[1], R[1])
    return _weights.load(kind, form.order, blocks, activation)


def _side(leaf: Mapping[str, Any], names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Kernels [X, G H] and biases [G H] of the Dense layers of one side; zero where absent."""
    kernels = [array(leaf[name]["kernel"]) for name in names]
    shape = kernels[0].shape
    biases = [
        array(leaf[name].get("bias", np.zeros(shape[1:], kernel.dtype)))
        for name, kernel in zip(names, kernels)
    ]
    for name, kernel, bias in zip(names, kernels, biases):
        _weights.check(f"the kernel of {name}", kernel, shape)
        _weights.check(f"the bias of {name}", bias, shape[1:])
    return np.concatenate(kernels, axis=1), np.concatenate(biases)


def dump(layers: Layers, params: Params, *, activation: str | None = None) -> dict[str, Any]:
    """The tree of a cell, to go under "params"; a tree of such trees for a stack.

    Args:
        activation: name of the cell's `activation_fn`; tanh if None.

    Raises:
        ValueError: a cell that linen does not have; one with another activation.
    """
    name = activation_of(None, activation) or "tanh"
    return _tree.dump(layers, params, functools.partial(dump_cell, activation=name))


def dump_cell(cell: Cell, params: Params, activation: str) -> dict[str, dict[str, np.ndarray]]:
    """The Dense layers of one cell. Raises ValueError as `dump` does."""
    kind = kind_of(cell, "Flax linen", tuple(FORMS), activation)
    form, count = FORMS[kind], len(FORMS[kind].letters)
    W, R, b_input, b_state = _weights.dump(kind, form.order, params)
    if kind == "lstm":
        b_input, b_state = b_state, b_input  # linen's biases are those of the state
    kernels = [k for matrix in (W, R) for k in np.split(matrix, count, axis=1)]
    biases = [b for bias in (b_input, b_state) for b in np.split(np.asarray(bias), count)]
    return {
        name: {"kernel": kernel.copy()} | ({"bias": bias} if name in form.biases else {})
        for name, kernel, bias in zip(form.denses, kernels, biases)
    }


def load_state(layers: Layers, state: Any) -> State:
    """Our state from a carry (c, h), or h; a tree for a stack."""
    kind = lambda cell: kind_of(cell, "Flax", tuple(FORMS), own_activation(cell))
    leaf = lambda cell, part: _tree.to_letters(kind(cell), "ch", part)
    return _tree.dump(layers, state, leaf)


def dump_state(layers: Layers, state: State) -> Any:
    """The carry (c, h), or h; a tree for a stack."""
    return _tree.dump(layers, state, lambda cell, part: _tree.by_letter(cell, "ch", part))
