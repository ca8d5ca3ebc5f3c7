"""A lesion: units of a cell whose output is replaced by a number in every step.

`wrapper` makes of a cell one whose units can be switched off by its parameters, so that all lesions
are one compiled program. A config names it by this module, after `registry.trust` of that name:
model.wrappers = (("lstmx.analysis.lesion", {}),).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from lstmx import registry
from lstmx.constants import CONSTANTS
from lstmx.types import Array, Cell, Gates, Key, Noise, Params, State
from lstmx.wrappers import _common


class Lesion(NamedTuple):
    """Which units of a layer are replaced.

    Attributes:
        keep: 1 for units that are kept, 0 for those that are replaced, [H].
        value: what replaces a unit, [H]: zeros, or its mean over a data set.
    """

    keep: Array
    value: Array


def wrapper(cell: Cell, *, leaf: str = "") -> Cell:
    """A cell whose parameters, those of `with_lesion`, say which units are replaced.

    A replaced unit has its value from the initial state on, for its own layer and all above. An
    output that is the leaf changes with it; without a lesion nothing changes.

    Args:
        leaf: of the state; "" for the one that is the output, such as h of an LSTM.

    Raises:
        ValueError: a cell whose output is no leaf of its state, without `leaf`; from
            `initial_state`, an unknown leaf or one that a stabiliser scales.
    """
    if not leaf and cell.output is None:
        raise ValueError(
            "the output of the cell is no leaf of its state; expected leaf= the name of a leaf"
        )
    return registry.cached(_wrapper, "wrapper 'lesion'", cell=cell, leaf=leaf or cell.output)


def with_lesion(params: Params, lesion: Lesion) -> Params:
    """Returns the parameters of the wrapped cell: those of the cell, with a lesion.

    >>> import jax, jax.numpy as jnp, lstmx
    >>> from lstmx.analysis import lesion
    >>> cell = lstmx.cells.make("lstm", hidden_size=5)
    >>> first = lesion.Lesion(keep=jnp.arange(5) > 0, value=jnp.zeros(5))
    >>> params = lesion.with_lesion(cell.init(jax.random.key(0), 3), first)
    >>> outputs = lstmx.unroll(lesion.wrapper(cell), params, jnp.ones((2, 7, 3))).outputs
    >>> (outputs != 0).all((0, 1)).tolist()
    [False, True, True, True, True]
    """
    value = jnp.asarray(lesion.value)
    keep = jnp.asarray(lesion.keep).astype(value.dtype)
    return {"cell": params, CONSTANTS: {"keep": keep, "value": value}}


def _wrapper(cell: Cell, leaf: str) -> Cell:
    def init(key: Key, in_features: int) -> Params:
        params = cell.init(key, in_features)
        shape = _common.leaf_shape(cell, params, leaf, (1,))
        ones = jnp.ones(shape.shape[1:], shape.dtype)
        return with_lesion(params, Lesion(ones, jnp.zeros_like(ones)))

    def replaced(params: Params, a: Array) -> Array:
        keep, value = (_common.rows(params[CONSTANTS][k], a) for k in ("keep", "value"))
        return jnp.where(keep > 0, a, value.astype(a.dtype))

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        state = cell.initial_state(params["cell"], batch_shape)
        _common.check_leaves(state, [leaf])
        return _common.replace(state, leaf, replaced(params, _common.find(state, leaf)))

    def step(params: Params, state: State, x: Any, noise: Noise = ()) -> tuple[State, Array, Gates]:
        new, y, gates = cell.step(params["cell"], state, x, noise)
        new, y = _common.change(cell, new, y, [leaf], lambda name, a: replaced(params, a))
        return new, y, gates

    return cell._replace(
        init=init,
        initial_state=initial_state,
        step=_common.reading(cell, step),
        prepare=_common.prepare_inner(cell),
        linear=None,
        cudnn=None,
    )
