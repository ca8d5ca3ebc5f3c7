"""A learned initial state, and a clipped state."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from lstmx import registry
from lstmx.types import Array, Cell, Gates, Key, Noise, Params, State
from lstmx.wrappers import _common
from lstmx.wrappers._common import Named


def learned_state(
    cell: Cell, names: tuple[str, ...] = ("c", "h"), *, spatial: tuple[int, ...] = ()
) -> Cell:
    """A cell with a learned initial state, used at the first step and at resets.

    Parameters are {"cell": the cell's, "start": {leaf: [...]}}; "start" is added to the initial
    state of the cell and is initially 0.

    Args:
        names: the leaves that are learned; those that the state does not have are skipped.
        spatial: size of the map, for cells on grids; each place has a start.

    Raises:
        ValueError: from `init`, a state that has none of these leaves, or a stabilised one.
    """
    return registry.cached(
        _learned_state,
        "wrapper 'learned_state'",
        cell=cell,
        names=_common.several(names),
        spatial=tuple(spatial),
    )


def _learned_state(cell: Cell, names: tuple[str, ...], spatial: tuple[int, ...]) -> Cell:
    def init(key: Key, in_features: int) -> Params:
        params = cell.init(key, in_features)
        state = cell.initial_state(params, (1, *spatial))
        present = [name for name in names if _has(state, name)]
        _common.check_leaves(state, present or names)
        start = {name: jnp.zeros_like(_common.find(state, name)[0]) for name in present}
        return {"cell": params, "start": start}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        state = cell.initial_state(params["cell"], batch_shape)
        for name, start in params["start"].items():
            leaf = _common.find(state, name)
            state = _common.replace(state, name, leaf + _common.rows(start, leaf))
        return state

    def step(params: Params, state: State, x: Any, noise: Noise = ()) -> tuple[State, Array, Gates]:
        return cell.step(params["cell"], state, x, noise)

    inner_linear = cell.linear
    linear = None
    if inner_linear is not None:
        linear = lambda params, x: inner_linear(params["cell"], x)
    return cell._replace(
        init=init,
        initial_state=initial_state,
        step=_common.reading(cell, step),
        prepare=_common.prepare_inner(cell),
        linear=linear,
    )


def clip_state(cell: Cell, limits: Mapping[str, float]) -> Cell:
    """A cell with leaves of its state clipped to [-limit, limit] after every step.

    An output that is one of the leaves changes with it; h is computed from c before clipping.

    Args:
        limits: leaf of the state -> limit, such as {"c": 3.0}.

    Raises:
        ValueError: a limit that is not positive; from `initial_state`, names of unknown leaves.
    """
    pairs = _common.named("limits", limits)
    for name, limit in pairs:
        if not limit > 0:
            raise ValueError(f"limit of {name!r} is {limit}; expected a positive number")
    return registry.cached(_clip_state, "wrapper 'clip_state'", cell=cell, limits=pairs)


def _clip_state(cell: Cell, limits: Named) -> Cell:
    bounds = dict(limits)

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        state = cell.initial_state(params, batch_shape)
        _common.check_leaves(state, list(bounds))
        return state

    def step(params: Params, state: State, x: Any, noise: Noise = ()) -> tuple[State, Array, Gates]:
        new, y, gates = cell.step(params, state, x, noise)
        clipped = lambda name, leaf: jnp.clip(leaf, -bounds[name], bounds[name])
        new, y = _common.change(cell, new, y, list(bounds), clipped)
        return new, y, gates

    return cell._replace(initial_state=initial_state, step=_common.reading(cell, step), linear=None)


def _has(state: State, name: str) -> bool:
    try:
        _common.find(state, name)
    except ValueError:
        return False
    return True
