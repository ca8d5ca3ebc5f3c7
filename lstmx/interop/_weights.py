"""Conversion of one cell's weights between our layout and `[X, G H]` in any order of gates."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmx.interop._cells import KINDS, make
from lstmx.interop._tree import of_model
from lstmx.types import Cell, Params

CHOICES: Mapping[int, tuple[str, ...]] = {
    4: ("lstm",),
    3: ("gru", "gru_reset_before"),
    1: ("rnn_tanh", "rnn_relu"),
}
"""Number of gates -> the kinds with that number."""


class Blocks(NamedTuple):
    """The weights of one cell in the layout of most frameworks.

    Attributes:
        W: from the input, [X, G H].
        R: from the state, [H, G H].
        b_input: bias of the product with W, [G H], or None.
        b_state: bias of the product with R, [G H], or None. The reset gate of a "gru" multiplies
            its last block.
    """

    W: np.ndarray
    R: np.ndarray
    b_input: np.ndarray | None = None
    b_state: np.ndarray | None = None


def infer(
    columns: int, hidden_size: int, kind: str | None, choices: Mapping[int, tuple[str, ...]]
) -> str:
    """The kind of cell whose weights have this number of columns.

    Args:
        columns: number of columns, G H.
        hidden_size: width H of the state.
        kind: the kind that the caller states, or None.
        choices: number of gates G -> the kinds with that number.

    Raises:
        ValueError: a number of columns that no kind has, or several have where `kind` is None;
            a `kind` with another number.
    """
    gates = columns // max(hidden_size, 1)
    kinds = choices.get(gates, ())
    if gates * hidden_size != columns or not kinds:
        expected = ", ".join(f"{n} H ({' or '.join(k)})" for n, k in choices.items())
        raise ValueError(f"{columns} gate columns for H={hidden_size}; expected {expected}")
    if kind is None and len(kinds) > 1:
        raise ValueError(
            f"these may be arrays of {' or '.join(kinds)}; say kind={kinds[0]!r} or another"
        )
    if kind is not None and kind not in kinds:
        raise ValueError(
            f"kind={kind!r} does not have {gates} gates; expected {' or '.join(kinds)}"
        )
    return kind or kinds[0]


def load(
    kind: str, order: str, blocks: Blocks, activation: str | None = None, **extra: np.ndarray
) -> tuple[Cell, dict[str, Any]]:
    """A cell of this kind and its parameters.

    Args:
        kind: a key of `KINDS`.
        order: the framework's order of gates, in our letters.
        blocks: the weights.
        activation: of the layer, by our name; that of the kind if None.
        extra: W_hr and peepholes, in our layout.

    Raises:
        ValueError: shapes that do not fit together; an activation that the cell does not have.
    """
    ours, (rows, columns) = KINDS[kind].gates, blocks.R.shape
    width = columns // len(ours)
    check("the weights from the input", blocks.W, (blocks.W.shape[0], columns))
    check("the weights from the state", blocks.R, (rows, len(ours) * width))
    for bias in (blocks.b_input, blocks.b_state):
        if bias is not None:
            check("the bias", bias, (columns,))
    unpack = lambda array: take(array.reshape(*array.shape[:-1], len(ours), width), order, ours)
    zeros = np.zeros(columns, blocks.R.dtype)
    b_input, b_state = (unpack(zeros if b is None else b) for b in (blocks.b_input, blocks.b_state))
    params = {"W": unpack(blocks.W), "R": unpack(blocks.R), "b": b_input + b_state}
    if "b_hn" in KINDS[kind].params:
        # The reset gate multiplies this bias, so it cannot be added to the other.
        params["b"] = np.concatenate([params["b"][:-1], b_input[-1:]])
        params["b_hn"] = b_state[-1].copy()
    projection = {"projection": rows} if kind == "lstm_projected" else {}
    if not projection and rows != width:
        raise ValueError(
            f"the weights from the state are {blocks.R.shape}; expected {(width, columns)}"
        )
    return make(kind, width, activation, **projection), params | extra


def dump(
    kind: str, order: str, params: Params
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The fields of `Blocks` for a cell's parameters, in the framework's order of gates.

    All biases are in `b_input`, except the one that a reset gate multiplies. That is exact, since
    the framework then adds a zero.

    Raises:
        ValueError: parameters that are not those of this kind.
    """
    if set(params) != set(KINDS[kind].params):
        raise ValueError(
            f"parameters are {sorted(params)}; this {KINDS[kind].cell} has "
            f"{sorted(KINDS[kind].params)}{of_model(params)}"
        )
    ours = KINDS[kind].gates
    W, R, b = (np.asarray(params[name]) for name in ("W", "R", "b"))
    b_state = np.zeros_like(b)
    if "b_hn" in params:
        b_state[-1] = params["b_hn"]
    pack = lambda array: take(array, ours, order).reshape(*array.shape[:-2], -1)
    return pack(W), pack(R), pack(b), pack(b_state)


def without_bias(bias: bool, params: Params) -> None:
    """Refuse to leave out biases that are not zero. Raises ValueError."""
    biases = [np.asarray(params[name]) for name in ("b", "b_hn") if name in params]
    if not bias and any(map(np.any, biases)):
        raise ValueError(
            "bias=False, but a bias is not zero; expected zeros, as in a module without biases"
        )


def take(array: np.ndarray, before: str, after: str) -> np.ndarray:
    """Gates [..., G, H] from one order into another."""
    return array[..., [before.index(gate) for gate in after], :]


def names(arrays: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Refuse missing and superfluous names. Raises ValueError."""
    missing = [name for name in needed if name not in arrays]
    superfluous = sorted(set(arrays) - set(needed) - set(optional))
    if missing or superfluous:
        raise ValueError(
            f"names are {sorted(arrays)}; expected {', '.join(needed)}"
            + (f" and perhaps {', '.join(optional)}" if optional else "")
        )


def check(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse another shape. Raises ValueError."""
    if array.shape != shape:
        raise ValueError(f"{name} is {array.shape}; expected {shape}")
