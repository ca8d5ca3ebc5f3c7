"""PyTorch: the `state_dict` of `nn.LSTM`, `nn.GRU`, `nn.RNN`, whole, and of their cells.

`weight_ih_l{n}` (G H, X), `weight_hh_l{n}` (G H, H or P), `bias_ih_l{n}`, `bias_hh_l{n}` (G H) and
with a projection `weight_hr_l{n}` (P, H); with the suffix `_reverse` for the second direction.
Gates are i, f, g, o and r, z, n. A module has two biases where we have one: `load` adds them,
`dump` writes ours as `bias_ih` and zeros as `bias_hh`, or neither with `bias=False`. Names without
`_l{n}` are those of `nn.LSTMCell`, `nn.GRUCell` and `nn.RNNCell`.

    >>> import numpy as np
    >>> shapes = {"weight_ih_l0": (20, 3), "weight_hh_l0": (20, 5)}
    >>> layers, params = load({name: np.ones(shape) for name, shape in shapes.items()})
    >>> params["layer_0"]["W"].shape
    (3, 4, 5)
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from lstmx.interop import _tree, _weights
from lstmx.interop._arrays import array
from lstmx.interop._cells import KINDS, kind_of
from lstmx.interop._tree import SIDES, Layers
from lstmx.types import Cell, Params, State

ACCEPTED = ("lstm", "lstm_projected", "gru", "rnn_tanh", "rnn_relu")
CHOICES = {4: ("lstm",), 3: ("gru",), 1: ("rnn_tanh", "rnn_relu")}
WEIGHTS, BIASES = ("weight_ih", "weight_hh"), ("bias_ih", "bias_hh")
NAME = re.compile(r"(weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)(?:_l(\d+)(_reverse)?)?")


def load(
    state_dict: Mapping[str, Any], *, kind: str | None = None, prefix: str = ""
) -> tuple[Any, dict[str, Any]]:
    """(layers, params) of a module; (cell, params) of `nn.LSTMCell`, `nn.GRUCell`, `nn.RNNCell`.

    Layers, directions, sizes, projection and LSTM or GRU follow from names and shapes.

    Args:
        kind: "rnn_tanh" or "rnn_relu", which does not follow from the arrays of an `nn.RNN`.
        prefix: the module's place in a larger `state_dict`, such as "encoder.rnn."; other names
            are ignored.

    Raises:
        ValueError: names or shapes that are not those of one such module.
    """
    if not isinstance(state_dict, Mapping):
        raise ValueError(
            f"got a {type(state_dict).__name__}; expected its parameters, module.state_dict()"
        )
    parts: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for name, value in state_dict.items():
        if not name.startswith(prefix):
            continue
        match = NAME.fullmatch(name.removeprefix(prefix))
        if match is None:
            raise ValueError(
                f"{name!r} is no parameter of nn.LSTM, nn.GRU or nn.RNN; if they are part of a "
                "larger module, say prefix='<its name>.'"
            )
        what, layer, reverse = match.groups()
        side = SIDES[bool(reverse)]
        parts.setdefault((layer or "", side), {})[what] = array(value)
    if not parts:
        names = sorted(state_dict)[:8]
        raise ValueError(f"no parameter starts with {prefix!r}; expected a prefix of {names}")
    if set(parts) == {("", SIDES[0])}:
        return _load(parts["", SIDES[0]], kind)
    count = len({layer for layer, _ in parts})
    sides = SIDES[: len({side for _, side in parts})]
    if set(parts) != {(str(n), side) for n in range(count) for side in sides}:
        places = ", ".join(sorted(f"l{layer} {side}" for layer, side in parts))
        raise ValueError(f"got {places}; expected every layer from l0 on, with the same sides")
    tree: dict[str, Any] = {}
    for n in range(count):
        both = {side: parts[str(n), side] for side in sides}
        tree[f"layer_{n}"] = both if len(both) > 1 else both[SIDES[0]]
    return _tree.load(tree, lambda tree: False, lambda leaf: _load(leaf, kind))


def _load(arrays: Mapping[str, np.ndarray], kind: str | None) -> tuple[Cell, dict[str, Any]]:
    _weights.names(arrays, WEIGHTS, (*BIASES, "weight_hr"))
    projection = arrays.get("weight_hr")
    # R sees the projected output, so its rows are P, and H is that of the projection.
    hidden_size = arrays["weight_hh"].shape[1] if projection is None else projection.shape[1]
    kind = _weights.infer(arrays["weight_hh"].shape[0], hidden_size, kind, CHOICES)
    extra: dict[str, Any] = {}
    if projection is not None:
        if kind != "lstm":
            raise ValueError(f"weight_hr is a projection; expected none in a {kind}")
        _weights.check("weight_hr", projection, (arrays["weight_hh"].shape[1], hidden_size))
        kind, extra = "lstm_projected", {"W_hr": projection.T.copy()}
    W, R = (arrays[name].T for name in WEIGHTS)
    blocks = _weights.Blocks(W, R, *(arrays.get(name) for name in BIASES))
    return _weights.load(kind, KINDS[kind].gates, blocks, **extra)


def dump(
    layers: Layers, params: Params, *, prefix: str = "", bias: bool = True
) -> dict[str, np.ndarray]:
    """The `state_dict` of an equivalent module; of `nn.LSTMCell` and so on for one cell.

    Args:
        prefix: as for `load`.
        bias: False for a module made with `bias=False`, which has no biases.

    Raises:
        ValueError: a cell that torch does not have; layers of different size or kind, which one
            module cannot have; `bias=False` and a bias that is not zero.
    """
    if isinstance(layers, Cell):
        kind = kind_of(layers, "torch.nn.LSTMCell", [k for k in ACCEPTED if k != "lstm_projected"])
        return {prefix + name: a for name, a in _dump(kind, params, bias).items()}
    names, seen = _tree.check(layers, params), set()
    result: dict[str, np.ndarray] = {}
    for n, (name, layer) in enumerate(zip(names, layers)):
        cells = (layer,) if isinstance(layer, Cell) else layer
        sides = [params[name]] if isinstance(layer, Cell) else [params[name][s] for s in SIDES]
        for end, cell, part in zip(("", "_reverse"), cells, sides):
            kind = kind_of(cell, "torch", ACCEPTED)
            arrays = _dump(kind, part, bias)
            seen.add((kind, cell.out_features, np.shape(part["b"]), len(cells)))
            result |= {f"{prefix}{what}_l{n}{end}": a for what, a in arrays.items()}
    if len(seen) > 1:
        raise ValueError(
            "one torch module has layers of one kind, size and number of directions; these are "
            f"{sorted(seen)}; expected one call for each module"
        )
    return result


def _dump(kind: str, params: Params, bias: bool) -> dict[str, np.ndarray]:
    _weights.without_bias(bias, params)
    blocks = _weights.dump(kind, KINDS[kind].gates, params)
    names = (*WEIGHTS, *BIASES) if bias else WEIGHTS
    result = {name: block.T.copy() for name, block in zip(names, blocks)}
    if kind == "lstm_projected":
        result["weight_hr"] = np.asarray(params["W_hr"]).T.copy()
    return result


def load_state(layers: Layers, state: Any) -> State:
    """Our state from torch's: (h, c), or h; [L D, B, H] for a stack, [B, H] for one cell.

    Raises:
        ValueError: another number of states or of layers.
    """
    if isinstance(layers, Cell):
        return _tree.to_letters(kind_of(layers, "torch", ACCEPTED), "hc", state)
    rows = sum(1 if isinstance(layer, Cell) else 2 for layer in layers)
    arrays = state if isinstance(state, tuple | list) else (state,)
    for part in arrays:
        if len(part) != rows:
            raise ValueError(
                f"the state has {len(part)} rows; expected {rows}, layers x directions"
            )
    one = lambda n: tuple(a[n] for a in arrays) if isinstance(state, tuple | list) else state[n]
    number = iter(range(rows))
    places = {
        f"layer_{n}": next(number) if isinstance(layer, Cell) else {s: next(number) for s in SIDES}
        for n, layer in enumerate(layers)
    }
    leaf = lambda cell, n: load_state(cell, one(n))
    return _tree.dump(layers, places, leaf)


def dump_state(layers: Layers, state: State) -> Any:
    """The inverse of `load_state`: the initial state of a torch module."""
    if isinstance(layers, Cell):
        return _tree.by_letter(layers, "hc", state)
    parts: list[Any] = []
    _tree.dump(layers, state, lambda cell, s: parts.append(_tree.by_letter(cell, "hc", s)))
    if isinstance(parts[0], tuple):
        return tuple(np.stack(arrays) for arrays in zip(*parts))
    return np.stack(parts)
