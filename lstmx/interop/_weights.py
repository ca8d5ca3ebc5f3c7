"""Weights of one cell between our layout and blocks side by side, `[X, G H]`, in any gate order."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmx.interop._cells import KINDS, make
from lstmx.types import Cell, Params

CHOICES: Mapping[int, tuple[str, ...]] = {
    4: ("lstm",),
    3: ("gru", "gru_reset_before"),
    1: ("rnn_tanh", "rnn_relu"),
}
"""Number of gates -> the kinds that may have so many."""


class Blocks(NamedTuple):
    """The weights of one cell as most frameworks keep them.

    Attributes:
        W: from the input, [X, G H].
        R: from the state, [H, G H].
        b_input: bias beside W, [G H], or None.
        b_state: bias beside R, [G H], or None. The reset gate of a "gru" acts on its last block.
    """

    W: np.ndarray
    R: np.ndarray
    b_input: np.ndarray | None = None
    b_state: np.ndarray | None = None


def infer(
    columns: int, hidden_size: int, kind: str | None, choices: Mapping[int, tuple[str, ...]]
) -> str:
    """The kind of a matrix of so many gate columns.

    Raises:
        ValueError: a width that no kind has; one that several have and no `kind`; another `kind`.
    """
    gates = columns // max(hidden_size, 1)
    found = choices.get(gates, ())
    if gates * hidden_size != columns or not found:
        known = ", ".join(f"{n} H ({' or '.join(k)})" for n, k in choices.items())
        raise ValueError(f"{columns} gate columns for H={hidden_size}; expected {known}")
    if kind is None and len(found) > 1:
        raise ValueError(
            f"the arrays do not tell {' from '.join(found)}; say kind={found[0]!r} or another"
        )
    if kind is not None and kind not in found:
        raise ValueError(
            f"kind={kind!r} does not have {gates} gates; expected {' or '.join(found)}"
        )
    return kind or found[0]


def load(
    kind: str, order: str, blocks: Blocks, activation: str | None = None, **extra: np.ndarray
) -> tuple[Cell, dict[str, Any]]:
    """A cell of this kind and its parameters.

    Args:
        order: the framework's order of gates, in our letters.
        activation: of the layer, in our words; the kind's own if None.
        extra: W_hr and peepholes, as they are in our layout.

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
    """The parts of `Blocks` of a cell's parameters, in the framework's order.

    All biases are in `b_input`, but for the one that a reset gate acts on. That is exact: what a
    framework adds is then a zero.

    Raises:
        ValueError: parameters that are not those of this kind.
    """
    if set(params) != set(KINDS[kind].params):
        raise ValueError(
            f"parameters are {sorted(params)}; this {KINDS[kind].cell} has "
            f"{sorted(KINDS[kind].params)}"
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


def names(found: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Refuse missing and superfluous names. Raises ValueError."""
    missing = [name for name in needed if name not in found]
    superfluous = sorted(set(found) - set(needed) - set(optional))
    if missing or superfluous:
        raise ValueError(
            f"names are {sorted(found)}; expected {', '.join(needed)}"
            + (f" and perhaps {', '.join(optional)}" if optional else "")
        )


def check(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse another shape. Raises ValueError."""
    if array.shape != shape:
        raise ValueError(f"{name} is {array.shape}; expected {shape}")
