"""Haiku: `hk.LSTM`, `hk.GRU` and `hk.VanillaRNN`, as the parameter dict of `hk.transform`.

    LSTM         {"lstm/linear": {"w": (X + H, 4 H), "b": (4 H)}}        gates i, g, f, o
    GRU          {"gru": {"w_i": (X, 3 H), "w_h": (H, 3 H), "b": (3 H)}}  gates z, r, a
    VanillaRNN   {"vanilla_rnn/linear": {"w": (X, H), "b": (H)}, "vanilla_rnn/linear_1": ...}

An LSTM adds 1 to its forget gate when it runs: `load` adds that 1 to the bias, and `dump` subtracts
it, which rounds. A GRU resets before the product, and its update gate z weights the new value,
where ours weights the old one: signs of its weights change. A VanillaRNN has a relu. A stack is
{"layer_0": ...}, two directions {"forward": ..., "backward": ...}.

A flat dict of several modules is a stack too, in the order of the numbers in their names: "lstm",
"lstm_1", ..., as Haiku counts; "rnn1", "rnn2", "rnn10"; "block_0/gru", "block_1/gru". The order of
a dict means nothing: names that differ in anything but one such number need `order`.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lstmx.interop import _tree, _weights
from lstmx.interop._arrays import array
from lstmx.interop._cells import kind_of
from lstmx.interop._tree import Layers
from lstmx.types import Cell, Params, State

ORDER = {"lstm": "izfo", "gru_reset_before": "urn", "rnn_relu": "h"}


def load(
    params: Mapping[str, Any], *, order: Sequence[str] | None = None
) -> tuple[Any, dict[str, Any]]:
    """(cell, params) of one module, or (layers, params) of several or of a tree of them.

    Args:
        order: the names of the modules of a flat dict, the first layer first, such as
            ("encoder", "decoder"); other modules are ignored.

    Raises:
        ValueError: names or shapes that are not those of such modules; modules whose order does
            not follow from their names.
    """
    if params and all(re.fullmatch(r"layer_\d+", name) for name in params) and order is None:
        return _tree.load(params, lambda tree: False, _load)
    if set(params) == set(_tree.SIDES):
        return _tree.load(params, lambda tree: False, _load)
    modules = _modules(params)
    names = _numbered(modules) if order is None else _ordered(modules, order)
    if len(names) == 1 and order is None:
        return _load(modules[names[0]])
    stack = {f"layer_{n}": modules[name] for n, name in enumerate(names)}
    return _tree.load(stack, lambda tree: False, _load)


def _modules(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Name of each core -> its part of the dict."""
    modules: dict[str, dict[str, Any]] = {}
    for path, arrays in params.items():
        above, _, last = path.rpartition("/")
        core = above if above and last in ("linear", "linear_1") else path
        # A core's Linears are modules of their own, one level below it.
        modules.setdefault(core, {})[path] = arrays
    return modules


def _ordered(modules: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    """The names in the order that the caller states. Raises ValueError."""
    unknown = [name for name in order if name not in modules]
    if isinstance(order, str) or unknown or not order or len(set(order)) < len(order):
        raise ValueError(f"order={order!r}; expected each once, of {sorted(modules)}")
    return list(order)


def _numbered(modules: Mapping[str, Any]) -> list[str]:
    """The names in the order of the only number in which they differ. Raises ValueError."""
    split = {name: [_number(part) for part in name.split("/")] for name in modules}
    bases = {tuple(base for base, _ in parts) for parts in split.values()}
    numbers = {name: tuple(number for _, number in parts) for name, parts in split.items()}
    varying = [place for place in zip(*numbers.values()) if len(set(place)) > 1]
    one = len(bases) == 1 and len(varying) == 1 and len(set(varying[0])) == len(modules)
    if len(modules) > 1 and not one:
        raise ValueError(
            f"the order of the modules {sorted(modules)} is not in the dict; say "
            f"order={tuple(sorted(modules))!r}, with the first layer first"
        )
    return sorted(modules, key=lambda name: numbers[name])


def _number(part: str) -> tuple[str, int]:
    """A name without the number at its end, and that number; 0 where there is none."""
    base, number = re.fullmatch(r"(.*?)_?(\d*)", part, re.DOTALL).groups()  # type: ignore[union-attr]
    return base, int(number or 0)


def _load(module: Mapping[str, Any]) -> tuple[Cell, dict[str, Any]]:
    parts = [
        {n: array(a) for n, a in arrays.items()} if isinstance(arrays, Mapping) else {}
        for arrays in module.values()
    ]
    last = [path.rpartition("/")[2] for path in module]
    if len(parts) == 1 and "w_h" in parts[0]:
        _weights.names(parts[0], ("w_i", "w_h", "b"))
        blocks = _weights.Blocks(parts[0]["w_i"], parts[0]["w_h"], parts[0]["b"], None)
        cell, params = _weights.load("gru_reset_before", ORDER["gru_reset_before"], blocks)
        return cell, _negated(params)
    if last == ["linear"] and list(module) != last:
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


def dump(layers: Layers, params: Params, *, double_bias: bool = True) -> dict[str, Any]:
    """The parameter dict of a module under its default name; a tree of such dicts for a stack.

    Args:
        double_bias: as for VanillaRNN: whether the product with the state has a bias too, which is
            then zero. Other modules do not depend on it.

    Raises:
        ValueError: a cell that Haiku does not have.
    """
    return _tree.dump(layers, params, functools.partial(_dump, double_bias=double_bias))


def _dump(cell: Cell, params: Params, double_bias: bool) -> dict[str, dict[str, np.ndarray]]:
    kind = kind_of(cell, "Haiku", tuple(ORDER))
    if kind == "lstm":
        params = _forget(params, -1)
    if kind == "gru_reset_before":
        params = _negated(params)
    W, R, b, zeros = _weights.dump(kind, ORDER[kind], params)
    if kind == "lstm":
        return {"lstm/linear": {"w": np.concatenate([W, R]), "b": b}}
    if kind == "gru_reset_before":
        return {"gru": {"w_i": W, "w_h": R, "b": b}}
    second = {"w": R} | ({"b": zeros} if double_bias else {})
    return {"vanilla_rnn/linear": {"w": W, "b": b}, "vanilla_rnn/linear_1": second}


def _forget(params: Params, change: int) -> dict[str, Any]:
    """Parameters with a changed forget bias, the second of i, f, z, o."""
    b = np.array(params["b"])
    b[1] += change
    return {**params, "b": b}


def _negated(params: Params) -> dict[str, Any]:
    """Exchanges u and 1 - u of the update gate: sigma(-a) = 1 - sigma(a)."""
    copies = {name: np.array(params[name]) for name in ("W", "R", "b")}
    for weights in copies.values():
        weights[..., 1, :] *= -1
    return {**params, **copies}


def load_state(layers: Layers, state: Any) -> State:
    """Our state from `hk.LSTMState(hidden, cell)`, or h; a tree for a stack."""
    kind = lambda cell: kind_of(cell, "Haiku", tuple(ORDER))
    leaf = lambda cell, part: _tree.to_letters(kind(cell), "hc", part)
    return _tree.dump(layers, state, leaf)


def dump_state(layers: Layers, state: State) -> Any:
    """(hidden, cell), for `hk.LSTMState`, or h; a tree for a stack."""
    return _tree.dump(layers, state, lambda cell, part: _tree.by_letter(cell, "hc", part))
