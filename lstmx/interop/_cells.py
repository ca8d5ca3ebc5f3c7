"""Maps cells to the kinds of recurrent layers that frameworks have, and back.

A cell is identified by its origin: its name and options. Options that change the function of the
cell are compared; options of its initialization are not.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lstmx import cells, checks
from lstmx.cells import _gates, gru, lstm, mgu, rnn
from lstmx.cells._lstm_spec import LSTMSpec
from lstmx.types import Cell


class Kind(NamedTuple):
    """A recurrence that at least one framework has.

    Attributes:
        cell: name of the cell in lstmx.
        options: options of the cell.
        gates: order of gates in lstmx, one letter each.
        params: names of its parameters.
        state: the class of its state.
    """

    cell: str
    options: Mapping[str, Any]
    gates: str
    params: tuple[str, ...]
    state: Any


WEIGHTS = ("W", "R", "b")
KINDS = {
    "lstm": Kind("lstm", {}, "ifzo", WEIGHTS, lstm.LSTMState),
    "lstm_projected": Kind("lstm", {}, "ifzo", (*WEIGHTS, "W_hr"), lstm.LSTMState),
    "lstm_peepholes": Kind(
        "lstm", {"variant": "V"}, "ifzo", (*WEIGHTS, "p_i", "p_f", "p_o"), lstm.LSTMState
    ),
    "gru": Kind("gru", {}, "run", (*WEIGHTS, "b_hn"), gru.GRUState),
    "gru_reset_before": Kind("gru", {"reset": "before"}, "run", WEIGHTS, gru.GRUState),
    "rnn_tanh": Kind("rnn", {}, "h", WEIGHTS, rnn.RNNState),
    "rnn_relu": Kind("rnn", {"activation": "relu"}, "h", WEIGHTS, rnn.RNNState),
    "mgu": Kind(
        "mgu", {"convention": "flax", "reset": "after"}, "fn", (*WEIGHTS, "b_hn"), mgu.MGUState
    ),
}
"""Name of a kind -> the cell in lstmx. In "gru" the reset gate acts after the product."""

INITIALIZATION: Mapping[str, Any] = {
    "forget_bias": 1.0,
    "forget_start": "constant",
    "chrono": 0,
    "initializer": "orthogonal",
}
"""Fields of `LSTMSpec` that define the initialization only, with their defaults."""


SYNONYMS = {"linear": "identity"}
"""Name of an activation in frameworks -> its name in lstmx, where they differ."""


def make(kind: str, hidden_size: int, activation: str | None = None, **options: Any) -> Cell:
    """Returns the cell of a kind, with another activation if one is given.

    Raises:
        ValueError: an activation that the cell does not have.
    """
    merged = {**KINDS[kind].options, **_activated(kind, activation), **options}
    return cells.make(KINDS[kind].cell, hidden_size=hidden_size, **merged)


def activation_of(kind: str | None, activation: str | None) -> str | None:
    """Returns the activation in lstmx that `kind` or `activation` names, or None.

    Raises:
        ValueError: an unknown activation, or one that contradicts the kind.
    """
    named = kind.removeprefix("rnn_") if kind in ("rnn_tanh", "rnn_relu") else None
    if activation is None:
        return named
    name = SYNONYMS.get(activation, activation)
    checks.one_of("activation", name, _gates.ACTIVATIONS)
    if named not in (None, name):
        raise ValueError(f"kind={kind!r} contradicts activation={activation!r}; leave one out")
    return name


def own_activation(cell: Cell) -> str | None:
    """Returns the activation option of a cell; for an LSTM that of the cell state."""
    options = dict(cell.origin.options) if cell.origin else {}
    return options.get("output_activation") or options.get("activation")


def _activated(kind: str, activation: str | None) -> dict[str, Any]:
    """Returns the options of the cell in lstmx that set this activation."""
    name = KINDS[kind].cell
    if activation in (None, "tanh") and name != "rnn":
        return {}
    if name == "lstm":
        return {"input_activation": activation, "output_activation": activation}
    if name == "rnn":
        return {"activation": activation} if activation else {}
    raise ValueError(f"activation={activation!r}: the {name} here has tanh, and no other")


def kind_of(
    cell: Cell, framework: str, accepted: Sequence[str], activation: str | None = None
) -> str:
    """Returns the kind of a cell, which must be one of `accepted`.

    Args:
        activation: the activation of the framework's layer, if it is an option that cannot be
            inferred from arrays. The layout does not depend on it.

    Raises:
        ValueError: a wrapped or unknown cell, one that the framework does not have, or one with
            another activation.
    """
    origin = cell.origin
    if origin is None or origin.make() != cell:
        raise ValueError(
            f"{framework} cannot tell what a cell computes that was made or changed by hand; "
            "expected one of lstmx.cells.make"
        )
    if origin.name not in _READ:
        raise ValueError(
            f"{framework} has no cell like this one, of {origin.name}; expected a plain lstm, gru, "
            "rnn or mgu (a wrapper is taken off by handing over the cell inside)"
        )
    kind, differs = _READ[origin.name](dict(origin.options), activation)
    if kind not in accepted:
        what = ", ".join(f"{name}={value!r}" for name, value in differs.items()) or kind
        values, name = list(differs.values()), origin.name.split(".")[-2]
        both = ({"activation"}, {"input_activation", "output_activation"})
        if activation is not None and set(differs) in both and len(set(values)) == 1:
            raise ValueError(
                f"this {name} has {what}, the layer of {framework} is taken to have "
                f"{activation!r}; say activation={values[0]!r} where it has that"
            )
        reason = _REASONS.get(kind, "")
        raise ValueError(
            f"{framework} has no {name} with {what}{reason}; it has {', '.join(accepted)}"
        )
    return kind


_REASONS = {
    "gru": ": a reset gate after the product is another function than one before it",
    "gru_reset_before": ": a reset gate before the product is another function than one after it",
}

Read = tuple[str, dict[str, Any]]
"""(kind, or "" for none; the options in which the cell differs from the plain one)."""


def _read_lstm(options: Mapping[str, Any], activation: str | None) -> Read:
    spec = dataclasses.replace(lstm.describe(**options), **INITIALIZATION)
    usual: dict[str, Any] = _activated("lstm", activation)
    plain = LSTMSpec(spec.hidden_size, peepholes="none", **usual)
    differs = {
        f.name: getattr(spec, f.name)
        for f in dataclasses.fields(spec)
        if getattr(spec, f.name) != getattr(plain, f.name)
    }
    if spec == plain:
        return "lstm", differs
    if spec == LSTMSpec(spec.hidden_size, **usual):
        return "lstm_peepholes", differs
    return ("lstm_projected" if set(differs) == {"projection"} else ""), differs


def _read_gru(options: Mapping[str, Any], activation: str | None) -> Read:
    _activated("gru", activation)
    if options["heads"] > 1:
        return "", {"heads": options["heads"]}
    kind = "gru" if options["reset"] == "after" else "gru_reset_before"
    return kind, {"reset": options["reset"]}


def _read_rnn(options: Mapping[str, Any], activation: str | None) -> Read:
    name = options["activation"]
    if options["heads"] > 1:
        return "", {"heads": options["heads"]}
    if activation is None:
        return f"rnn_{name}", {"activation": name}
    return ("rnn_tanh" if name == activation else ""), {"activation": name}


def _read_mgu(options: Mapping[str, Any], activation: str | None) -> Read:
    _activated("mgu", activation)
    differs = {name: options[name] for name in ("convention", "reset")}
    return ("mgu" if differs == KINDS["mgu"].options else ""), differs


_READ: dict[str, Callable[[Mapping[str, Any], str | None], Read]] = {
    "lstmx.cells.lstm.cell": _read_lstm,
    "lstmx.cells.gru.cell": _read_gru,
    "lstmx.cells.rnn.cell": _read_rnn,
    "lstmx.cells.mgu.cell": _read_mgu,
}
"""Name of a factory -> function from (options, activation) to the kind."""
