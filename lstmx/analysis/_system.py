"""A cell, a model or any step function as a map of one vector, the joint state.

The state of an LSTM is (c, h): a Jacobian, an exponent or a fixed point belongs to both, 2 H wide;
d h' / d h at a fixed c is the derivative of nothing that the network does. Every analysis of
dynamics therefore sees one vector s [D] with all float leaves of the state, of all layers.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from lstmx import models
from lstmx.types import Array, Cell, Model, Params, State


@dataclass(frozen=True, eq=False)
class System:
    """A recurrent step of one example, s' = step(params, s, x), without noise (evaluation).

    Equal cells or models with parameters of equal shapes give the same object, so that a jitted
    function with a system as a static argument compiles once.

    Attributes:
        step: (params, s [D], x) -> (s' [D], y); x is the input of one step, [X] or a pytree.
        start: (params) -> s [D], the initial state.
        size: D.
        parts: name of a leaf of the state -> its slice of s, such as "c" and "h"; the names of a
            model begin with the layer, "layer_0.c".
        vector: a state with any leading axes, as a trace has it -> [..., D].
        state: the inverse, [..., D] -> state.
    """

    step: Callable[[Params, Array, Any], tuple[Array, Any]]
    start: Callable[[Params], Array]
    size: int
    parts: Mapping[str, slice]
    vector: Callable[[State], Array]
    state: Callable[[Array], State]


def system(
    of: Cell | Model | Callable[..., Any],
    params: Params,
    *,
    state: State = None,
    shape: tuple[int, ...] = (),
) -> System:
    """Returns the step of a cell, a model, or a function as a map of the joint state.

    >>> import jax, lstmx
    >>> from lstmx import analysis
    >>> cell = lstmx.cells.make("lstm", hidden_size=5)
    >>> params = cell.init(jax.random.key(0), 3)
    >>> s = analysis.system(cell, params)
    >>> s.size, dict(s.parts)
    (10, {'c': slice(0, 5, None), 'h': slice(5, 10, None)})

    Args:
        of: a cell, wrapped or not; a model, whose layers all belong to the state; or any function
            (params, state, x) -> (state, y) of one example, without a batch axis.
        params: its parameters, of which only the shapes and types matter here.
        state: the initial state, for a function; else that of the cell or model.
        shape: spatial axes of the state, for cells of maps such as conv_lstm.

    Raises:
        ValueError: a bidirectional model, a state with leaves that are not floats, a function
            without a state, a cell or model with one.
    """
    if isinstance(of, Cell | Model):
        if state is not None:
            raise ValueError("state= is for step functions; a cell or model has its own")
        leaves, tree = jax.tree.flatten(params)
        shapes = tuple((jnp.shape(a), jnp.result_type(a).name) for a in leaves)
        return _of_member(of, tree, shapes, shape)
    if state is None:
        raise ValueError("a step function needs its initial state: state=...")
    single = jax.tree.map(jnp.asarray, state)
    return _build(of, lambda params: single, jax.eval_shape(lambda: single))


@functools.lru_cache(maxsize=256)
def _of_member(
    of: Cell | Model, tree: Any, shapes: tuple[Any, ...], shape: tuple[int, ...]
) -> System:
    """The system of a cell or model, one object for each set of shapes and types."""
    params = jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(*each) for each in shapes])
    if isinstance(of, Cell):
        start, step = _cell_functions(of, shape)
    else:
        stream = models.stream(of)
        start, step = (lambda params: stream.start(params, 1)), stream.step

    def single_start(params: Params) -> State:
        return jax.tree.map(lambda a: a[0], start(params))

    def single_step(params: Params, state: State, x: Any) -> tuple[State, Any]:
        batched = jax.tree.map(lambda a: a[None], (state, x))
        return jax.tree.map(lambda a: a[0], step(params, *batched))

    return _build(single_step, single_start, jax.eval_shape(single_start, params))


def _cell_functions(
    cell: Cell, shape: tuple[int, ...]
) -> tuple[Callable[[Params], State], Callable[..., tuple[State, Any]]]:
    """(params) -> state and (params, state, x) -> (state, y) of a batch of one, in evaluation."""

    def start(params: Params) -> State:
        params, _ = cell.prepare(params, None, (1, *shape), 1)
        return cell.initial_state(params, (1, *shape))

    def step(params: Params, state: State, x: Any) -> tuple[State, Any]:
        params, noise = cell.prepare(params, None, (1, *shape), 1)
        noise = jax.tree.map(lambda a: a[:, 0], noise)
        state, y, _ = cell.step(params, state, x, noise)
        return state, y

    return start, step


def _build(
    step: Callable[..., tuple[State, Any]], start: Callable[[Params], State], example: State
) -> System:
    """The system of functions of one example; `example` has the shapes of its state."""
    paths, tree = jax.tree_util.tree_flatten_with_path(example)
    names = [leaf_name(path) for path, _ in paths]
    leaves = [leaf for _, leaf in paths]
    for name, leaf in zip(names, leaves):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise ValueError(f"state {name} is {leaf.dtype}; expected a state of floats only")
    sizes = [math.prod(leaf.shape) for leaf in leaves]
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    parts = {name: slice(end - size, end) for name, size, end in zip(names, sizes, ends)}

    def vector(state: State) -> Array:
        flat = [
            jnp.reshape(a, (*jnp.shape(a)[: jnp.ndim(a) - leaf.ndim], size))
            for a, leaf, size in zip(jax.tree.leaves(state), leaves, sizes)
        ]
        return jnp.concatenate(flat, axis=-1)

    def restore(s: Array) -> State:
        pieces = [
            s[..., part].reshape(*s.shape[:-1], *leaf.shape).astype(leaf.dtype)
            for part, leaf in zip(parts.values(), leaves)
        ]
        return jax.tree.unflatten(tree, pieces)

    def move(params: Params, s: Array, x: Any) -> tuple[Array, Any]:
        state, y = step(params, restore(s), x)
        return vector(state), y

    return System(move, lambda params: vector(start(params)), ends[-1], parts, vector, restore)


def leaf_name(path: Any) -> str:
    """The name of a leaf of a state by its path: fields, keys and numbers; "s" for an array."""
    return jax.tree_util.keystr(path, simple=True, separator=".") or "s"


def trajectory(
    system: System,
    params: Params,
    inputs: Any,
    state: Array | None = None,
    *,
    mask: Array | None = None,
) -> tuple[Array, Any]:
    """Returns the states after every step, [B, T, D], and the outputs, [B, T, ...].

    Args:
        system: of the cell, model or step.
        params: its parameters.
        inputs: [B, T, X], or a pytree of arrays with [B, T] leading.
        state: the states before the first step, [B, D] or [D]; the initial state if None.
        mask: [B, T] bool, False where a step does not exist: the state is held.
    """
    first, _ = driven(system, params, inputs, state, mask)
    return _trajectory(system, params, inputs, first, mask)


def driven(
    system: System, params: Params, inputs: Any, state: Any = None, mask: Any = None
) -> tuple[Array, int]:
    """Returns the states before the first step, [B, D], and the number of steps T.

    Args:
        system: of the cell, model or step.
        params: its parameters.
        inputs: [B, T, X], or a pytree of arrays with [B, T] leading.
        state: the states before the first step, [B, D] or [D]; the initial state if None.
        mask: [B, T], or None.

    Raises:
        ValueError: inputs, states or a mask that do not fit together, or an input of the step that
            it does not take.
    """
    lead = {jnp.shape(leaf)[:2] for leaf in jax.tree.leaves(inputs)}
    if len(lead) != 1 or len(next(iter(lead))) < 2:
        raise ValueError(f"got inputs with leading axes {sorted(lead)}; expected [B, T, ...]")
    rows, length = next(iter(lead))
    first = states(system, params, state)
    if first.ndim == 2 and first.shape[0] not in (1, rows):
        raise ValueError(f"got {first.shape[0]} states for inputs of {rows} rows")
    if mask is not None and jnp.shape(mask) != (rows, length):
        raise ValueError(f"got a mask {jnp.shape(mask)}; expected {(rows, length)}")
    check_input(system, params, inputs, 2)
    return jnp.broadcast_to(first, (rows, system.size)), length


def states(system: System, params: Params, given: Any = None) -> Array:
    """Returns given states [B, D] or [D], or the initial one, [D].

    Raises:
        ValueError: states of another shape.
    """
    found = system.start(params) if given is None else jnp.asarray(given)
    if found.ndim not in (1, 2) or found.shape[-1] != system.size:
        raise ValueError(f"got states {found.shape}; expected [B, {system.size}] or one of them")
    return found


def check_input(system: System, params: Params, inputs: Any, axes: int) -> None:
    """Raises ValueError for inputs that the step does not take, when these axes are indexed."""
    leaves, tree = jax.tree.flatten((params, inputs))
    kinds = tuple((jnp.shape(leaf), jnp.result_type(leaf).name) for leaf in leaves)
    _check_input(system, tree, kinds, axes)


@functools.lru_cache(maxsize=1024)
def _check_input(system: System, tree: Any, kinds: tuple[Any, ...], axes: int) -> None:
    params, inputs = jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(*kind) for kind in kinds])
    x = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[axes:], a.dtype), inputs)
    s = jax.eval_shape(system.start, params)
    try:
        jax.eval_shape(system.step, params, s, x)
    except (TypeError, ValueError) as error:
        given, one = (
            ", ".join(str(list(leaf.shape)) for leaf in jax.tree.leaves(of)) for of in (inputs, x)
        )
        raise ValueError(
            f"got inputs {given}; the step does not take an input {one}: "
            f"{str(error).splitlines()[0]}"
        ) from None


@functools.partial(jax.jit, static_argnums=0)
def _trajectory(
    system: System, params: Params, inputs: Any, state: Array, mask: Array | None
) -> tuple[Array, Any]:
    def one(s: Array, xs: Any, present: Array | None) -> tuple[Array, Any]:
        def body(s: Array, now: tuple[Any, Array | None]) -> tuple[Array, tuple[Array, Any]]:
            x, here = now
            after, y = system.step(params, s, x)
            after = after if here is None else jnp.where(here, after, s)
            return after, (after, y)

        return jax.lax.scan(body, s, (xs, present))[1]

    return jax.vmap(one)(state, inputs, mask)
