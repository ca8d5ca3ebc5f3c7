"""Stacks: trees `{"layer_0": {"forward": ...}, ...}` with a framework's cell at every leaf."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lstmx.interop._arrays import array
from lstmx.interop._cells import KINDS
from lstmx.sequence import Layer
from lstmx.types import Cell, State

SIDES = ("forward", "backward")
RNN = {"forward_rnn": "forward", "backward_rnn": "backward"}
"""Names of the sides in Flax' `Bidirectional` -> ours."""
Layers = Cell | Sequence[Layer]
"""One cell, with its parameters; or a stack, with parameters as in `lstmx.sequence.stack`."""


def load(tree: Any, is_leaf: Callable[[Any], bool], leaf: Callable[[Any], Any]) -> Any:
    """(layers, params) of a stack in a framework's layout; (cell, params) of one cell.

    Flax' containers are removed: {"cell": ...} of its `RNN`, and the names of the sides of its
    `Bidirectional`. Two sides without a layer are a stack of one layer.

    Args:
        tree: the arrays of the framework.
        is_leaf: whether a tree is one cell.
        leaf: arrays of one cell -> (cell, params).

    Raises:
        ValueError: a tree that is neither a cell nor a stack.
    """
    tree = _bare(tree)
    if is_leaf(tree):
        return leaf(tree)
    if isinstance(tree, Mapping) and set(tree) == set(SIDES):
        tree = {"layer_0": tree}
    expected = [f"layer_{n}" for n in range(len(tree))] if isinstance(tree, Mapping) else []
    if not expected or set(tree) != set(expected):
        content = sorted(map(str, tree)) if isinstance(tree, Mapping) else type(tree).__name__
        raise ValueError(
            f"this is {content}; expected the parameters of one cell, or "
            '{"layer_0": ..., "layer_1": ...} of them, a pair being {"forward": ..., '
            '"backward": ...}'
        )
    layers: list[Any] = []
    params: dict[str, Any] = {}
    for name in expected:
        part = _bare(tree[name])
        if isinstance(part, Mapping) and set(part) == set(SIDES):
            sides = {side: leaf(_bare(part[side])) for side in SIDES}
            layers.append(tuple(cell for cell, _ in sides.values()))
            params[name] = {side: weights for side, (_, weights) in sides.items()}
        else:
            layer, params[name] = leaf(part)
            layers.append(layer)
    return layers, params


def _bare(tree: Any) -> Any:
    """A tree without the containers of Flax' layers."""
    if isinstance(tree, Mapping) and set(tree) == {"cell"}:
        return _bare(tree["cell"])
    if isinstance(tree, Mapping) and set(tree) == set(RNN):
        return {RNN[name]: part for name, part in tree.items()}
    return tree


def dump(layers: Layers, tree: Mapping[str, Any], leaf: Callable[[Cell, Any], Any]) -> Any:
    """The inverse of `load`, for parameters or a state. Raises ValueError.

    Args:
        layers: one cell or a stack.
        tree: our parameters or states of them.
        leaf: (cell, our parameters or state) -> those of the framework.
    """
    if isinstance(layers, Cell):
        return leaf(layers, tree)
    result: dict[str, Any] = {}
    for name, layer in zip(check(layers, tree), layers):
        if isinstance(layer, Cell):
            result[name] = leaf(layer, tree[name])
        else:
            result[name] = {s: leaf(cell, tree[name][s]) for s, cell in zip(SIDES, layer)}
    return result


def check(layers: Sequence[Layer], tree: Mapping[str, Any]) -> list[str]:
    """The names of the layers; raises ValueError where the tree has others or other sides."""
    expected = check_names(layers, tree)
    for name, layer in zip(expected, layers):
        if not isinstance(layer, Cell) and set(tree[name]) != set(SIDES):
            raise ValueError(
                f"{name} has two sides; expected {list(SIDES)}, not {list(tree[name])}"
            )
    return expected


def check_names(layers: Sequence[Layer], tree: Mapping[str, Any]) -> list[str]:
    """The names of the layers; raises ValueError where the tree has others."""
    expected = [f"layer_{n}" for n in range(len(layers))]
    if not isinstance(tree, Mapping) or set(tree) != set(expected):
        content = sorted(map(str, tree)) if isinstance(tree, Mapping) else type(tree).__name__
        raise ValueError(
            f"this has {content}; expected {expected} for {len(layers)} layers{of_model(tree)}"
        )
    return expected


def of_model(tree: Any) -> str:
    """What to pass instead, as the end of a message, where a tree is that of a whole model."""
    whole = isinstance(tree, Mapping) and isinstance(tree.get("layers"), Mapping)
    return '; of the parameters of a model pass params["layers"]' if whole else ""


def by_letter(cell: Cell, order: str, state: State) -> Any:
    """The state of a framework: arrays in the order of these letters, or h alone."""
    del cell
    if not isinstance(state, tuple) or not hasattr(state, "_fields"):
        raise ValueError(
            f"the state is a {type(state).__name__}; expected one of a cell, such as LSTMState"
        )
    if state._fields == ("h",):
        return np.asarray(state[0])
    return tuple(np.asarray(getattr(state, letter)) for letter in order)


def to_letters(kind: str, order: str, state: Any) -> State:
    """The inverse of `by_letter`, for a kind of cell. Raises ValueError."""
    make = KINDS[kind].state
    if make._fields == ("h",):
        if isinstance(state, tuple | list):
            raise ValueError(f"got {len(state)} states; expected one, h")
        return make(array(state))
    if not isinstance(state, tuple | list) or len(state) != len(order):
        raise ValueError(f"expected the states ({', '.join(order)}), not a {type(state).__name__}")
    return make(**{letter: array(a) for letter, a in zip(order, state)})
