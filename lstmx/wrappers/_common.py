"""What wrappers share: named leaves of a state, noise beside the inner cell's, inputs beside x."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.types import Array, Cell, Key, Noise, Params, State, no_noise

Named = tuple[tuple[str, float], ...]
"""A number for each of some leaves of the state, in a form that can be cached."""


KEPT = "y"
"""The leaf in which a wrapper's state keeps a copy of the output, as `ImputedState` does."""


class Inputs(NamedTuple):
    """Inputs of one unroll, for cells that read more than values.

    Attributes:
        values: [B, T, X]; whatever stands where nothing was observed, NaN too, is not read.
        elapsed: time since the step before, [B, T], in any unit; 1 at every step if None.
        observed: whether a value was observed, bool or 0 and 1, [B, T, X]; all were if None.
    """

    values: Array
    elapsed: Array | None = None
    observed: Array | None = None


@dataclass(frozen=True)
class Reader:
    """A `Cell.project` that takes `Inputs` as well as a plain array.

    Attributes:
        project: (params, Inputs) -> u.
    """

    project: Callable[[Params, Any], Any]

    def __call__(self, params: Params, x: Any, /) -> Any:
        """u of a step."""
        return self.project(params, x if isinstance(x, Inputs) else Inputs(x))


def project(cell: Cell, params: Params, x: Inputs) -> Any:
    """What the inner cell makes of inputs: of all that there is, or of the values alone."""
    return cell.project(params, x if isinstance(cell.project, Reader) else x.values)


def find(state: State, name: str) -> Array:
    """The leaf of that name, of the cell or of a wrapper around it.

    Raises:
        ValueError: no such leaf.
    """
    fields, inner = [], state
    while hasattr(inner, "_fields"):
        if name in inner._fields and name != "cell":
            return getattr(inner, name)
        fields += [field for field in inner._fields if field != "cell"]
        inner = getattr(inner, "cell", None)
    raise ValueError(checks.unknown("leaf of the state", name, fields))


def replace(state: State, name: str, value: Array) -> State:
    """The state with another value for the leaf of that name."""
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
    """State and output of a cell's step with some leaves of the state changed.

    An output that is one of these leaves (`Cell.output`) changes with it, and so do the copies of
    it that wrappers keep.

    Raises:
        ValueError: the output is one of these leaves, and the cell does not name it.
    """
    for name in names:
        leaf = find(state, name)
        if leaf is y and cell.output is None:
            raise ValueError(
                f"the output of the cell is leaf {name!r} of its state, and the cell does not say "
                f"so; expected Cell(..., output={name!r})"
            )
        value = function(name, leaf)
        state = replace(state, name, value)
        if name == cell.output or (name == KEPT and _keeps(state)):
            state, y = _replace_output(state, cell.output, value), value
    return state, y


def _keeps(state: State) -> bool:
    """Whether a wrapper keeps a copy of the output: as the leaf `KEPT` beside the inner state."""
    return _nested(state) and (KEPT in state._fields or _keeps(state.cell))


def _replace_output(state: State, output: str | None, value: Array) -> State:
    """The state with another value for the leaf that is the output, and for all copies of it."""
    if _nested(state):
        state = state._replace(cell=_replace_output(state.cell, output, value))
        return state._replace(**{KEPT: value}) if KEPT in state._fields else state
    if output is None or output not in state._fields:
        return state
    return state._replace(**{output: value})


def _nested(state: State) -> bool:
    """Whether this is the state of a wrapper, with that of the inner cell in it."""
    return hasattr(getattr(state, "cell", None), "_fields")


def check_leaves(state: State, names: Sequence[str]) -> None:
    """Refuse leaves that are not there, and those that a stabiliser scales.

    Raises:
        ValueError: an unknown name, or a leaf that means nothing without the stabiliser beside it.
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
            f"leaf {scaled[0]!r} of the state counts together with its stabiliser 'm'; "
            "expected leaves such as 'h' that stand for themselves"
        )


def check_rate(name: str, rate: float) -> None:
    """Refuse what is no rate of dropping. Raises ValueError."""
    checks.rate(name, rate)


def named(what: str, numbers: Mapping[str, float]) -> Named:
    """A mapping from leaf to number as sorted pairs.

    Raises:
        ValueError: nothing named, or something that is no mapping to numbers.
    """
    fit = isinstance(numbers, Mapping) and numbers
    if not fit or not all(isinstance(v, int | float) for v in numbers.values()):
        raise ValueError(
            f"{what}={numbers!r}; expected a number for each leaf, such as {{'h': 0.1}}"
        )
    return tuple(sorted((name, float(value)) for name, value in numbers.items()))


def several(names: Sequence[str]) -> tuple[str, ...]:
    """Names as a tuple, which can be cached.

    Raises:
        ValueError: no names, or a string by itself.
    """
    if isinstance(names, str) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names={names!r}; expected names in a tuple, such as ('h',)")
    return tuple(names)


def leaf_shape(cell: Cell, params: Params, name: str, batch_shape: tuple[int, ...]) -> Any:
    """Shape and type of a leaf of the cell's state."""
    state = jax.eval_shape(lambda: cell.initial_state(params, batch_shape))
    return find(state, name)


def split(noise: Noise) -> tuple[Any, Noise]:
    """A wrapper's own noise and the inner cell's; both empty where none was prepared."""
    return noise or ((), ())


def keys(key: Key | None) -> tuple[Any, Any]:
    """A key of one's own and one for the inner cell; none in evaluation."""
    return (None, None) if key is None else tuple(jax.random.split(key))


def prepare_inner(cell: Cell) -> Callable[..., tuple[Params, Noise]]:
    """The `prepare` of a wrapper without noise of its own, whose parameters hold the cell's.

    A cell without noise stays one, so that whoever cannot hand out noise still takes it.
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
    """An array [B] in a shape that broadcasts from the left over an array [B, ...]."""
    return array.reshape(array.shape + (1,) * (like.ndim - array.ndim))


def elapsed(x: Inputs) -> Array:
    """Time since the step before, [B]."""
    one = jnp.ones(x.values.shape[:1], x.values.dtype)
    return one if x.elapsed is None else x.elapsed.astype(x.values.dtype)


def start_decay(key: Key, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Weight w and bias b of exp(-relu(w dt + b)), [...]: a tenth is lost in a unit of time.

    From 0 on, where relu has no slope, nothing could be learned.
    """
    return jax.random.uniform(key, shape, float, 0.0, 0.2), jnp.zeros(shape)


def decay(w: Array, b: Array, dt: Array) -> Array:
    """exp(-relu(w dt + b)), in (0, 1]. Che et al. 2018."""
    return jnp.exp(-jax.nn.relu(w * dt + b))
