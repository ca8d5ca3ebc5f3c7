"""Which cell is it: from a cell to the kind that frameworks know, and back.

A cell is told by its origin, the name and the options it was made of. Everything that changes what
it computes counts; where its weights start does not.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lstmx import cells, checks
from lstmx.cells import _gates, gru, lstm, mgu, rnn
from lstmx.cells._lstm_spec import LSTMSpec
from lstmx.types import Cell


class Kind(NamedTuple):
    """A recurrence that some framework has.

    Attributes:
        cell: the name of our cell.
        options: its options.
        gates: our order of gates, a letter each.
        params: the names of its parameters.
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
"""Name of a kind -> what it is of ours. "gru" is the one whose reset acts after the product."""

START: Mapping[str, Any] = {
    "forget_bias": 1.0,
    "forget_start": "constant",
    "chrono": 0,
    "initializer": "orthogonal",
}
"""The fields of a spec that say where weights start, and nothing of what is computed."""


SPELLED = {"linear": "identity"}
"""Activations that frameworks call by another name than we do."""


def make(kind: str, hidden_size: int, activation: str | None = None, **options: Any) -> Cell:
    """The cell of a kind, with another activation where one is named.

    Raises:
        ValueError: an activation that the cell does not have.
    """
    chosen = {**KINDS[kind].options, **_activated(kind, activation), **options}
    return cells.make(KINDS[kind].cell, hidden_size=hidden_size, **chosen)


def activation_of(kind: str | None, activation: str | None) -> str | None:
    """Our name of the activation that a caller states, by `kind` or by name; None for neither.

    Raises:
        ValueError: an unknown activation; one that the kind contradicts.
    """
    named = kind.removeprefix("rnn_") if kind in ("rnn_tanh", "rnn_relu") else None
    if activation is None:
        return named
    own = SPELLED.get(activation, activation)
    checks.one_of("activation", own, _gates.ACTIVATIONS)
    if named not in (None, own):
        raise ValueError(f"kind={kind!r} contradicts activation={activation!r}; leave one out")
    return own


def own_activation(cell: Cell) -> str | None:
    """The activation that a cell has itself: for its state, which is the same for every one."""
    options = dict(cell.origin.options) if cell.origin else {}
    return options.get("output_activation") or options.get("activation")


def _activated(kind: str, activation: str | None) -> dict[str, Any]:
    """The options of our cell that give it this activation."""
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
    """The kind of a cell, which must be among those accepted.

    Args:
        activation: what the framework's layer computes its activation by, where that is a choice
            that its arrays do not tell. The layout is that of the kind with its own activation.

    Raises:
        ValueError: a wrapped or unknown cell, one that the framework does not have, or one of
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
        found, name = list(differs.values()), origin.name.split(".")[-2]
        both = ({"activation"}, {"input_activation", "output_activation"})
        if activation is not None and set(differs) in both and len(set(found)) == 1:
            raise ValueError(
                f"this {name} has {what}, the layer of {framework} is taken to have "
                f"{activation!r}; say activation={found[0]!r} where it has that"
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
"""A kind, "" for none, and the options that make the difference."""


def _read_lstm(options: Mapping[str, Any], activation: str | None) -> Read:
    spec = dataclasses.replace(lstm.describe(**options), **START)
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
    found = options["activation"]
    if options["heads"] > 1:
        return "", {"heads": options["heads"]}
    if activation is None:
        return f"rnn_{found}", {"activation": found}
    return ("rnn_tanh" if found == activation else ""), {"activation": found}


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
"""Name of a factory -> how its options tell the kind."""
