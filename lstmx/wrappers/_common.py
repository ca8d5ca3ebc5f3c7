"""Shared parts of wrappers: leaves of a state by name, nested noise, `Inputs`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.types import Array, Cell, Gates, Inputs, Key, Noise, Params, State, no_noise

Step = Callable[..., tuple[State, Array, Gates]]
Named = tuple[tuple[str, float], ...]
"""Pairs (leaf of the state, number): a mapping as a hashable value."""


SEEDED = "threefry2x32"
"""The implementation of JAX by which steps sample from seeds. Engines compute many steps at once
under `vmap`, where "rbg" draws all samples from the first of the keys."""
OUTPUT_COPY = "y"
"""Name of the leaf in which a wrapper's state has a copy of the output, as in `ImputedState`."""


@dataclass(frozen=True)
class Reader:
    """A `Cell.step` whose input is `Inputs` or a plain array.

    Attributes:
        step: (params, state, Inputs, noise) -> (state, y, gates).
    """

    step: Step

    def __call__(self, params: Params, state: State, x: Any, noise: Noise = (), /) -> Any:
        """Returns (state, y, gates)."""
        return self.step(params, state, inputs(x), noise)


def inputs(x: Any) -> Inputs:
    """Returns the input of a wrapper that reads `Inputs`, from these or from a plain array."""
    return x if isinstance(x, Inputs) else Inputs(x)


def reading(cell: Cell, step: Step) -> Step:
    """Returns the step of a wrapper, a `Reader` if that of the inner cell is one."""
    return Reader(step) if isinstance(cell.step, Reader) else step


def inner_step(
    cell: Cell, params: Params, state: State, x: Inputs, noise: Noise
) -> tuple[State, Array, Gates]:
    """Returns a step of the inner cell from the inputs of a wrapper."""
    return cell.step(params, state, inner_input(cell, x), noise)


def inner_input(cell: Cell, x: Inputs) -> Any:
    """Returns the input of the inner cell: `Inputs` if it reads these, else the values."""
    return x if isinstance(cell.step, Reader) else x.values


def check_width(x: Inputs, features: int) -> None:
    """Raises ValueError for inputs of another width: one input would broadcast to many."""
    if x.values.shape[-1] != features:
        raise ValueError(f"inputs have X={x.values.shape[-1]} features; expected {features}")


def find(state: State, name: str) -> Array:
    """Returns a leaf by name, of the state of a cell or of a wrapper around it.

    Raises:
        ValueError: the state has no such leaf.
    """
    fields, inner = [], state
    while hasattr(inner, "_fields"):
        if name in inner._fields and name != "cell":
            return getattr(inner, name)
        fields += [field for field in inner._fields if field != "cell"]
        inner = getattr(inner, "cell", None)
    raise ValueError(checks.unknown("leaf of the state", name, fields))


def replace(state: State, name: str, value: Array) -> State:
    """Returns the state with another value of the leaf of this name."""
    if name in state._fields:
        return state._replace(**{name: value})
    return state._replace(cell=replace(state.cell, name, value))


def change(
    cell: Cell,
    state: State,
    y: Array,
    names: Sequence[str],
    function: Callable[[str, Array], Array],
) -> tuple[State, Array]:
    """Returns the state and output of a step with `function` applied to some leaves of the state.

    An output that is one of these leaves (`Cell.output`) changes with it, and so do its copies in
    the states of wrappers.

    Raises:
        ValueError: the output is one of these leaves, but `Cell.output` does not name it.
    """
    for name in names:
        leaf = find(state, name)
        if leaf is y and cell.output is None:
            raise ValueError(
                f"the output of the cell is leaf {name!r} of its state, but Cell.output is None; "
                f"expected Cell(..., output={name!r})"
            )
        value = function(name, leaf)
        state = replace(state, name, value)
        if name == cell.output or (name == OUTPUT_COPY and _has_copy(state)):
            state, y = _replace_output(state, cell.output, value), value
    return state, y


def _has_copy(state: State) -> bool:
    """Whether the state of a wrapper has a copy of the output, the leaf `OUTPUT_COPY`."""
    return _nested(state) and (OUTPUT_COPY in state._fields or _has_copy(state.cell))


def _replace_output(state: State, output: str | None, value: Array) -> State:
    """Returns the state with another value of the leaf that is the output, and of its copies."""
    if _nested(state):
        state = state._replace(cell=_replace_output(state.cell, output, value))
        return state._replace(**{OUTPUT_COPY: value}) if OUTPUT_COPY in state._fields else state
    if output is None or output not in state._fields:
        return state
    return state._replace(**{output: value})


def _nested(state: State) -> bool:
    """Whether this is the state of a wrapper, which contains that of the inner cell."""
    return hasattr(getattr(state, "cell", None), "_fields")


def check_leaves(state: State, names: Sequence[str]) -> None:
    """Refuse names of unknown leaves, and of leaves that a stabiliser scales.

    Raises:
        ValueError: an unknown name, or a leaf whose value is relative to the stabiliser m.
    """
    for name in names:
        find(state, name)
    try:
        find(state, "m")
    except ValueError:
        return
    scaled = sorted({"c", "C", "n", "m"} & set(names))
    if scaled:
        raise ValueError(
            f"leaf {scaled[0]!r} of the state is scaled by its stabiliser 'm'; "
            "expected leaves such as 'h' that are not scaled"
        )


def named(what: str, numbers: Mapping[str, float]) -> Named:
    """Returns a mapping from leaf to number as sorted pairs.

    Raises:
        ValueError: an empty mapping, or one whose values are not numbers.
    """
    valid = isinstance(numbers, Mapping) and numbers
    if not valid or not all(isinstance(v, int | float) for v in numbers.values()):
        raise ValueError(
            f"{what}={numbers!r}; expected a number for each leaf, such as {{'h': 0.1}}"
        )
    return tuple(sorted((name, float(value)) for name, value in numbers.items()))


def several(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names as a tuple, which is hashable.

    Raises:
        ValueError: no names, or a string instead of a tuple.
    """
    if isinstance(names, str) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names={names!r}; expected names in a tuple, such as ('h',)")
    return tuple(names)


def leaf_shape(cell: Cell, params: Params, name: str, batch_shape: tuple[int, ...]) -> Any:
    """Returns the shape and dtype of a leaf of the cell's state, as a `jax.ShapeDtypeStruct`."""
    state = jax.eval_shape(lambda: cell.initial_state(params, batch_shape))
    return find(state, name)


def split(noise: Noise) -> tuple[Any, Noise]:
    """Returns (noise of the wrapper, noise of the inner cell); both empty if none was prepared."""
    return noise or ((), ())


def keys(key: Key | None) -> tuple[Any, Any]:
    """Returns (key of the wrapper, key of the inner cell); None and None in evaluation."""
    return (None, None) if key is None else tuple(jax.random.split(key))


def seeds(key: Key, shape: tuple[int, ...]) -> Array:
    """Returns noise from which steps sample, [*shape, 2]; the key may be of any implementation."""
    if jax.random.key_impl(key) == SEEDED:
        return jax.random.key_data(jax.random.split(key, shape))
    return jax.random.bits(key, (*shape, 2), jnp.uint32)


def kept(seeds: Array, rate: float, shape: tuple[int, ...]) -> Array:
    """Returns what dropout with a rate keeps, [B, *shape] bool, from an example's seeds [B, 2]."""
    sample = lambda key: jax.random.bernoulli(key, 1 - rate, shape)
    return jax.vmap(sample)(jax.random.wrap_key_data(seeds, impl=SEEDED))


def prepare_inner(cell: Cell) -> Callable[..., tuple[Params, Noise]]:
    """Returns the `prepare` of a wrapper without noise, whose parameters contain the cell's.

    For a cell without noise it is `no_noise`, by which callers that cannot pass noise recognise
    the cells that they can run.
    """
    if cell.prepare is no_noise:
        return no_noise

    def prepare(
        params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
    ) -> tuple[Params, Noise]:
        inner, noise = cell.prepare(params["cell"], key, batch_shape, length)
        return {**params, "cell": inner}, noise

    return prepare


def leading(array: Array, like: Array) -> Array:
    """Returns an array [B] as [B, 1, ...], which broadcasts with an array [B, ...]."""
    return array.reshape(array.shape + (1,) * (like.ndim - array.ndim))


def rows(parameter: Array, like: Array) -> Array:
    """Returns a parameter such as [H] as [1, ..., H], with as many axes as `like` [B, ..., H].

    JAX does so by itself unless `jax_numpy_rank_promotion` is "raise".
    """
    return jnp.expand_dims(parameter, range(like.ndim - parameter.ndim))


def elapsed(x: Inputs) -> Array:
    """Returns the time since the previous step, [B]."""
    one = jnp.ones(x.values.shape[:1], x.values.dtype)
    return one if x.elapsed is None else x.elapsed.astype(x.values.dtype)


def start_decay(key: Key, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Returns initial w and b of exp(-relu(w dt + b)), [...]: about a tenth decays per unit of
    time.

    Not zeros, where the gradient of relu is 0 and nothing would be learned.
    """
    return jax.random.uniform(key, shape, float, 0.0, 0.2), jnp.zeros(shape)


def decay(w: Array, b: Array, dt: Array) -> Array:
    """Returns exp(-relu(w dt + b)), in (0, 1]. Che et al. 2018."""
    return jnp.exp(-jax.nn.relu(rows(w, dt) * dt + rows(b, dt)))
