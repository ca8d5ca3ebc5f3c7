"""Haiku: `hk.LSTM`, `hk.GRU` and `hk.VanillaRNN`, as the parameter dict of `hk.transform`.

    LSTM         {"lstm/linear": {"w": (X + H, 4 H), "b": (4 H)}}        gates i, g, f, o
    GRU          {"gru": {"w_i": (X, 3 H), "w_h": (H, 3 H), "b": (3 H)}}  gates z, r, a
    VanillaRNN   {"vanilla_rnn/linear": {"w": (X, H), "b": (H)}, "vanilla_rnn/linear_1": ...}

An LSTM adds 1 to its forget gate when it runs: `load` adds that 1 to the bias, and `dump` takes it
off, which rounds. A GRU resets before the product, and its update gate overwrites where ours
keeps: signs of its weights change. A VanillaRNN is a relu. A stack is {"layer_0": ...}, two
directions {"forward": ..., "backward": ...}; a flat dict of several modules ("lstm", "lstm_1", ...)
is a stack too.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lstmx.interop import _tree, _weights
from lstmx.interop._cells import kind_of
from lstmx.interop._tree import Layers
from lstmx.types import Cell, Params, State

ORDER = {"lstm": "izfo", "gru_reset_before": "urn", "rnn_relu": "h"}


def load(params: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """(cell, params) of one module, or (layers, params) of several or of a tree of them.

    Raises:
        ValueError: names or shapes that are not those of such modules.
    """
    if any("layer_" in name for name in params):
        return _tree.load(params, lambda tree: False, _load)
    modules = _modules(params)
    if len(modules) == 1:
        return _load(params)
    stack = {f"layer_{n}": module for n, module in enumerate(modules.values())}
    return _tree.load(stack, lambda tree: False, _load)


def _modules(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of each core, by its name, in the order in which Haiku numbers names."""
    found: dict[str, dict[str, Any]] = {}
    for path, arrays in params.items():
        above, _, last = path.rpartition("/")
        linear = last in ("linear", "linear_1")
        found.setdefault(above if linear else path, {})[last if linear else ""] = arrays
    number = lambda name: (lambda end: int(end) if end.isdigit() else 0)(name.rpartition("_")[2])
    ordered = sorted(found, key=lambda name: (number(name), name))
    return {
        name: {f"{name}/{part}".rstrip("/"): arrays for part, arrays in found[name].items()}
        for name in ordered
    }


def _load(module: Mapping[str, Any]) -> tuple[Cell, dict[str, Any]]:
    parts = [{n: np.asarray(a) for n, a in arrays.items()} for arrays in module.values()]
    last = [path.rpartition("/")[2] for path in module]
    if len(parts) == 1 and "w_h" in parts[0]:
        _weights.names(parts[0], ("w_i", "w_h", "b"))
        blocks = _weights.Blocks(parts[0]["w_i"], parts[0]["w_h"], parts[0]["b"], None)
        cell, params = _weights.load("gru_reset_before", ORDER["gru_reset_before"], blocks)
        return cell, _turn(params)
    if last == ["linear"]:
        _weights.names(parts[0], ("w", "b"))
        columns, width = parts[0]["w"].shape[1], parts[0]["w"].shape[1] // 4
        if columns % 4 or parts[0]["w"].shape[0] <= width:
            raise ValueError(f"w is {parts[0]['w'].shape}; expected (X + H, 4 H)")
        W, R = np.split(parts[0]["w"], [-width])
        cell, params = _weights.load(
            "lstm", ORDER["lstm"], _weights.Blocks(W, R, parts[0]["b"], None)
        )
        return cell, _forget(params, 1)
    if sorted(last) == ["linear", "linear_1"]:
        first, second = (parts[last.index(name)] for name in ("linear", "linear_1"))
        for linear in (first, second):
            _weights.names(linear, ("w",), ("b",))
        blocks = _weights.Blocks(first["w"], second["w"], first.get("b"), second.get("b"))
        return _weights.load("rnn_relu", "h", blocks)
    raise ValueError(f"modules are {list(module)}; expected those of hk.LSTM, GRU or VanillaRNN")


def dump(layers: Layers, params: Params) -> dict[str, Any]:
    """The parameter dict of a module under its own name; a tree of such dicts for a stack.

    Raises:
        ValueError: a cell that Haiku does not have.
    """
    return _tree.dump(layers, params, _dump)


def _dump(cell: Cell, params: Params) -> dict[str, dict[str, np.ndarray]]:
    kind = kind_of(cell, "Haiku", tuple(ORDER))
    if kind == "lstm":
        params = _forget(params, -1)
    if kind == "gru_reset_before":
        params = _turn(params)
    W, R, b, zeros = _weights.dump(kind, ORDER[kind], params)
    if kind == "lstm":
        return {"lstm/linear": {"w": np.concatenate([W, R]), "b": b}}
    if kind == "gru_reset_before":
        return {"gru": {"w_i": W, "w_h": R, "b": b}}
    return {"vanilla_rnn/linear": {"w": W, "b": b}, "vanilla_rnn/linear_1": {"w": R, "b": zeros}}


def _forget(params: Params, change: int) -> dict[str, Any]:
    b = np.array(params["b"])
    b[1] += change
    return {**params, "b": b}


def _turn(params: Params) -> dict[str, Any]:
    """The update gate from what overwrites to what keeps: sigma(-a) = 1 - sigma(a)."""
    signs = {name: np.array(params[name]) for name in ("W", "R", "b")}
    for array in signs.values():
        array[..., 1, :] *= -1
    return {**params, **signs}


def load_state(layers: Layers, state: Any) -> State:
    """Our state from `hk.LSTMState(hidden, cell)`, or h; a tree for a stack."""
    leaf = lambda cell, own: _tree.to_letters(kind_of(cell, "Haiku", tuple(ORDER)), "hc", own)
    return _tree.dump(layers, state, leaf)


def dump_state(layers: Layers, state: State) -> Any:
    """(hidden, cell), for `hk.LSTMState`, or h; a tree for a stack."""
    return _tree.dump(layers, state, lambda cell, own: _tree.by_letter(cell, "hc", own))
