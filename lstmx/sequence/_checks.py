"""State and parameters of an unroll: those of the cell for the inputs, or refused in one line.

An engine would fail too, but late, in its own axis order and on many lines; or it would broadcast a
state of another shape, and return outputs of another.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lstmx.engines._step import batch_shape, first
from lstmx.types import Cell, Params, State


class Misfit(ValueError):
    """A state, inputs or parameters that do not fit a cell."""


@contextlib.contextmanager
def within(layer: str) -> Iterator[None]:
    """A context that names the layer in the message of a `Misfit`."""
    try:
        yield
    except Misfit as error:
        raise Misfit(f"{layer}: {error}") from error


def by_name(what: str, given: Any, names: Sequence[str]) -> None:
    """Raises ValueError unless `given` is a mapping with these keys and no others."""
    if not isinstance(given, Mapping) or set(given) != set(names):
        raise ValueError(f"{what} is {_form(given)}; expected a dict with {', '.join(names)}")


def has_names(what: str, given: Any, names: Sequence[str]) -> None:
    """Raises ValueError unless `given` is a mapping with these keys, and maybe others."""
    if not isinstance(given, Mapping) or not set(names) <= set(given):
        raise ValueError(f"{what} is {_form(given)}; expected a dict with {', '.join(names)}")


def start(
    cell: Cell, made: Params, params: Params, state: State | None, xs: Any, noise: Any
) -> State:
    """Returns the state before the first step: the one given, or the initial state for None.

    The initial state gets the dtypes that a step returns: those of parameters in half precision
    with inputs in float32 would not stay.

    Args:
        made: the parameters before `Cell.prepare`.
        xs: inputs with time leading; so is the noise.

    Raises:
        ValueError: a state, inputs or parameters that do not fit the cell.
    """
    rows = batch_shape(xs)
    with explained(cell, made, xs):
        if state is not None:
            expected = jax.eval_shape(lambda: cell.initial_state(params, rows))
            before = check_state(state, expected, rows)
        else:
            before = cell.initial_state(params, rows)
        after = _after(cell, params, before, xs, noise)
        if state is None and (wider := _in_types(before, after)) is not before:
            before = wider
            after = _after(cell, params, before, xs, noise)
    for path, a, b in _changes(before, after):
        if a.shape != b.shape or not jnp.issubdtype(a.dtype, jnp.floating):
            raise Misfit(_turned(path, a, b))
        by_cast = f", as by lstmx.precision.cast({b.dtype.name!r}, (params, state))"
        raise Misfit(
            f"state{path} is {a.dtype}, but a step returns {b.dtype} for params in "
            f"{_dtypes(params)} and inputs in {_dtypes(xs)}; cast them to one dtype"
            f"{by_cast if b.dtype.name in ('float32', 'float64') else ''}"
        )
    return before


def check_state(state: State, expected: State, rows: tuple[int, ...]) -> State:
    """Returns the state, in the structure of another one.

    Args:
        expected: a state of arrays, or of shapes and dtypes.
        rows: the axes of the batch.

    Raises:
        ValueError: another structure, or leaves of other shapes.
    """
    structure = jax.tree.structure(expected)
    # By their texts: a class that was defined anew, in a notebook, has equal fields.
    if str(jax.tree.structure(state)) != str(structure):
        raise Misfit("state is {}; expected {}".format(*_forms(state, expected)))
    leaves = jax.tree.leaves(state)
    for (path, b), a in zip(jax.tree.leaves_with_path(expected), leaves):
        if jnp.shape(a) != b.shape:
            in_front = jnp.shape(a)[1:] == b.shape
            hint = ", and no axis of layers in front" if in_front else ""
            raise Misfit(
                f"state{jax.tree_util.keystr(path)} is {jnp.shape(a)}; expected {b.shape} for "
                f"inputs with B={rows[0]} examples{hint}"
            )
    return jax.tree.unflatten(structure, leaves)


@contextlib.contextmanager
def explained(cell: Cell, params: Params, xs: Any) -> Iterator[None]:
    """A context whose errors are a `Misfit` where the parameters are not those for the inputs."""
    try:
        yield
    except Misfit:
        raise
    except Exception as error:
        reason = _reason(cell, params, max(jax.tree.leaves(xs), key=jnp.ndim).shape[-1])
        if reason is None:
            raise
        line = (str(error).splitlines() or [""])[0]
        raise Misfit(f"{reason} ({type(error).__name__}: {line})") from error


def check_kept(before: Any, after: Any) -> None:
    """Raises ValueError unless a step returns the state in the types that it was given in.

    Args:
        before: the state, a pytree of arrays.
        after: of shapes and dtypes, the state that a step returns.
    """
    for path, a, b in _changes(before, after):
        raise ValueError(_turned(path, a, b))


def _after(cell: Cell, params: Params, state: State, xs: Any, noise: Any) -> State:
    """The shapes and dtypes of the state after a step."""
    return jax.eval_shape(cell.step, params, state, *first((xs, noise)))[0]


def _changes(before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """The leaves of a state that a step changes in shape or dtype: (path, before, after)."""
    if str(jax.tree.structure(before)) != str(jax.tree.structure(after)):
        raise Misfit("a step returns as state {}; expected {}".format(*_forms(after, before)))
    for (path, a), b in zip(jax.tree.leaves_with_path(before), jax.tree.leaves(after)):
        a = a if hasattr(a, "dtype") else jax.typeof(a)
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            yield jax.tree_util.keystr(path), a, b


def _turned(path: str, a: Any, b: Any) -> str:
    return (
        f"a step turns state{path} from {a.dtype}{list(a.shape)} into {b.dtype}{list(b.shape)}; "
        "expected the same shape and dtype"
    )


def _in_types(before: State, after: State) -> State:
    """The state with the float dtypes of another one; the same object where these are its own."""
    changed = {path: b for path, _, b in _changes(before, after)}

    def leaf(path: Any, a: Any) -> Any:
        b = changed.get(jax.tree_util.keystr(path))
        if b is None or not all(jnp.issubdtype(c.dtype, jnp.floating) for c in (a, b)):
            return a
        return a.astype(b.dtype)

    return jax.tree.map_with_path(leaf, before) if changed else before


def _reason(cell: Cell, params: Params, width: int) -> str | None:
    """What is wrong with parameters for inputs of a width; None if they are of the right shapes.

    A cell does not say for what width its parameters are, but makes them for any.
    """
    other = f"inputs have X={width} features, but the parameters were made for another number"
    try:
        expected, wider = (_shapes(cell, n) for n in (width, width + 1))
    except Exception as error:  # a ValueError is that of a width that the cell refuses
        return other if isinstance(error, ValueError) or not width else None
    given = _paths(params)
    wrong = [path for path in expected if given.get(path) != expected[path]]
    if not wrong:
        return None
    of_cell = [path for path in wrong if expected[path] == wider.get(path) or path not in given]
    path = (of_cell or wrong)[0]
    found = f"params{path} is {given.get(path, 'missing')}; expected {expected[path]}"
    return f"the parameters are not those of the cell: {found}" if of_cell else f"{other}: {found}"


def _shapes(cell: Cell, width: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters for inputs of a width, by path."""
    return _paths(jax.eval_shape(lambda key: cell.init(key, width), jax.random.key(0)))


def _paths(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path): jnp.shape(a) for path, a in leaves}


def _dtypes(tree: Any) -> str:
    return ", ".join(sorted({jnp.result_type(a).name for a in jax.tree.leaves(tree)}))


def _forms(*trees: Any) -> list[str]:
    """Two different trees in words, or in those of JAX where the difference is deeper."""
    forms = [_form(tree) for tree in trees]
    return forms if forms[0] != forms[1] else [str(jax.tree.structure(tree)) for tree in trees]


def _form(tree: Any) -> str:
    """A tree in words: `LSTMState(c, h)`, `a dict with forward, backward`, `an array (2, 5)`."""
    if hasattr(tree, "_fields"):
        nested = lambda part: isinstance(part, tuple | list | Mapping)
        fields = (f"{f}={_form(a)}" if nested(a) else f for f, a in zip(tree._fields, tree))
        return f"{type(tree).__name__}({', '.join(fields)})"
    if isinstance(tree, Mapping):
        return f"a dict with {', '.join(map(str, tree)) or 'no keys'}"
    if isinstance(tree, tuple | list):
        return f"a {type(tree).__name__} of {len(tree)}"
    return f"an array {tree.shape}" if hasattr(tree, "shape") else f"a {type(tree).__name__}"
