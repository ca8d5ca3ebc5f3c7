"""Which cell is it: from a cell to the kind that frameworks know, and back.

A cell does not carry its name, so it is told by the functions it is made of and by what these
enclose. Everything that changes what it computes counts; where its weights start does not.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lstmx import cells
from lstmx.cells import _gates, gru, lstm, mgu, rnn
from lstmx.cells._lstm_spec import LSTMSpec
from lstmx.types import Cell, no_noise


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

START = {
    "forget_bias": 1.0,
    "forget_start": "constant",
    "chrono": 0,
    "initializer": "orthogonal",
}
"""The fields of a spec that say where weights start, and nothing of what is computed."""


def make(kind: str, hidden_size: int, **options: Any) -> Cell:
    """The cell of a kind."""
    return cells.make(KINDS[kind].cell, hidden_size=hidden_size, **KINDS[kind].options, **options)


def kind_of(cell: Cell, framework: str, accepted: Sequence[str]) -> str:
    """The kind of a cell, which must be among those accepted.

    Raises:
        ValueError: a wrapped or unknown cell, or one that the framework does not have.
    """
    made_by = cell.update.__module__
    functions = (cell.init, cell.initial_state, cell.recur, cell.update)
    homes = {_plain(function).__module__ for function in functions}
    wrapped = cell.prepare is not no_noise or cell.project is not _gates.project
    if wrapped or len(homes) > 1 or made_by not in _READ:
        raise ValueError(
            f"{framework} has no cell like this one, of {', '.join(sorted(homes))}; expected a "
            "plain lstm, gru, rnn or mgu (a wrapper is taken off by handing over the cell inside)"
        )
    kind, differs = _READ[made_by](cell)
    if kind not in accepted:
        what = ", ".join(f"{name}={value!r}" for name, value in differs.items()) or kind
        reason = _REASONS.get(kind, "")
        raise ValueError(
            f"{framework} has no {made_by.rpartition('.')[2]} with {what}{reason}; it has "
            f"{', '.join(accepted)}"
        )
    return kind


_REASONS = {
    "gru": ": a reset gate after the product is another function than one before it",
    "gru_reset_before": ": a reset gate before the product is another function than one after it",
}


def _read_lstm(cell: Cell) -> tuple[str, dict[str, Any]]:
    spec = _enclosed(cell.update)["spec"]
    spec = dataclasses.replace(spec, **START)
    plain = LSTMSpec(spec.hidden_size, peepholes="none")
    differs = {
        f.name: getattr(spec, f.name)
        for f in dataclasses.fields(spec)
        if getattr(spec, f.name) != getattr(plain, f.name)
    }
    if spec == plain:
        return "lstm", differs
    if spec == LSTMSpec(spec.hidden_size):
        return "lstm_peepholes", differs
    return ("lstm_projected" if set(differs) == {"projection"} else ""), differs


def _read_gru(cell: Cell) -> tuple[str, dict[str, Any]]:
    options = _enclosed(cell.init)
    if options["heads"] > 1:
        return "", {"heads": options["heads"]}
    kind = "gru" if options["reset"] == "after" else "gru_reset_before"
    return kind, {"reset": options["reset"]}


def _read_rnn(cell: Cell) -> tuple[str, dict[str, Any]]:
    heads, f = _enclosed(cell.init)["heads"], _enclosed(cell.update)["f"]
    if heads > 1:
        return "", {"heads": heads}
    names = [name for name, function in _gates.ACTIVATIONS.items() if function is f]
    return f"rnn_{names[0]}", {"activation": names[0]}


def _read_mgu(cell: Cell) -> tuple[str, dict[str, Any]]:
    options = {
        "convention": _enclosed(cell.update)["convention"],
        "reset": _enclosed(cell.init)["reset"],
    }
    return ("mgu" if options == KINDS["mgu"].options else ""), options


_READ: dict[str, Callable[[Cell], tuple[str, dict[str, Any]]]] = {
    "lstmx.cells.lstm": _read_lstm,
    "lstmx.cells.gru": _read_gru,
    "lstmx.cells.rnn": _read_rnn,
    "lstmx.cells.mgu": _read_mgu,
}


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return function.func if isinstance(function, functools.partial) else function


def _enclosed(function: Callable[..., Any]) -> dict[str, Any]:
    """What a function took from the factory that made it, by name."""
    kept = function.__closure__ or ()  # type: ignore[attr-defined]
    return {n: c.cell_contents for n, c in zip(function.__code__.co_freevars, kept)}  # type: ignore[attr-defined]
