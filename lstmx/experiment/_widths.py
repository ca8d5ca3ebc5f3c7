"""Width as data: runs of several hidden sizes in one compiled program, that of a wider model.

Every weight of the wide model that the narrow one lacks is zero, in the forward pass and in its
gradient: units beyond the narrow width influence nothing, and the optimizer leaves their weights at
zero. Which entries exist is data, float leaves below `params["constants"]["units"]`, which no
optimizer owns:

    units   path of a parameter, such as "layers/layer_0/R" -> one mask [size] for each of its axes

Files of a run never hold a wide array: `Narrow.widen` and `Narrow.cut` convert where a program
begins and ends.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import KeyPath

from lstmx.constants import CONSTANTS, joined, split_constants
from lstmx.types import Array, Key, Model, Params, State, TrainState

UNITS = "units"
"""The constant that has the masks."""

Tree = TypeVar("Tree")
Function = TypeVar("Function", bound=Callable[..., Any])
Shaped = np.ndarray | Array | jax.ShapeDtypeStruct


@dataclasses.dataclass(frozen=True, eq=False)
class Narrow:
    """A narrow model as a part of a wide one.

    Attributes:
        model: the narrow one.
        like: shapes of its train state.
        width: its hidden size.
        program: the hidden size of the wide model.
    """

    model: Model
    like: TrainState
    width: int
    program: int

    def widen(self, state: TrainState, like: TrainState) -> TrainState:
        """A train state on the host, filled up with zeros for the wide program.

        Args:
            state: of the narrow model.
            like: shapes of one replica's train state in the wide program.
        """
        params = self.widen_params(state.params, like.params)
        rest = self._padded((state.opt_state, state.state), (like.opt_state, like.state))
        return TrainState(state.step, params, *rest)

    def widen_params(self, params: Params, like: Params) -> Params:
        """The same for params alone, with the masks."""
        shapes = without_units(like)
        wide = self._padded(params, shapes)
        trained, _ = split_constants(shapes)
        narrow, _ = split_constants(params)
        units: dict[str, Any] = like[CONSTANTS][UNITS]
        sizes = {_name(path): np.shape(leaf) for path, leaf in _leaves(narrow)}
        masks = {}
        for path, leaf in _leaves(trained):
            name = _name(path)
            masks[name] = tuple(
                np.isin(np.arange(n), self._places(size, n)).astype(mask.dtype)
                for size, n, mask in zip(sizes[name], leaf.shape, units[name])
            )
        return {**wide, CONSTANTS: {**wide.get(CONSTANTS, {}), UNITS: masks}}

    def cut(self, state: TrainState) -> TrainState:
        """The inverse of `widen`: the train state as the narrow model's own program has it."""
        whole = state._replace(params=without_units(state.params))
        return jax.tree.map(lambda a, s: np.array(a[self._at(s, a)]), whole, self.like)

    def _padded(self, tree: Tree, like: Tree) -> Tree:
        def leaf(given: np.ndarray | Array, shape: jax.ShapeDtypeStruct) -> np.ndarray:
            array = np.asarray(given)
            wide = np.zeros(shape.shape, array.dtype)
            wide[self._at(array, shape)] = array
            return wide

        padded: Tree = jax.tree.map(leaf, tree, like)
        return padded

    def _at(self, narrow: Shaped, wide: Shaped) -> tuple[np.ndarray, ...]:
        return np.ix_(*map(self._places, narrow.shape, wide.shape)) if narrow.shape else ()

    def _places(self, size: int, wide: int) -> np.ndarray:
        return places(size, wide, self.width, self.program)


def places(size: int, wide: int, width: int, program: int) -> np.ndarray:
    """Where the entries of an axis of the narrow model are on that of the wide one, [size].

    An axis has one or several parts of the hidden size, one after the other (units, gates, both
    directions of a layer), and then what does not depend on it.

    Raises:
        ValueError: the axis has other parts, such as blocks of cells that share gates.
    """
    if width == program:
        return np.arange(size)
    parts, remainder = divmod(wide - size, program - width)
    rest = size - parts * width
    if remainder or parts < 0 or rest < 0:
        raise ValueError(f"an axis of {size} is one of {wide} at hidden_size={program}")
    own = np.arange(parts)[:, None] * program + np.arange(width)
    return np.concatenate([own.ravel(), np.arange(wide - rest, wide)])


def masked(model: Model) -> Model:
    """A wide model of which any narrower one is a part; `init` returns all of it.

    Its params have the constant `UNITS` besides those of the model.
    """

    def init(key: Key) -> Params:
        params = model.init(key)
        trained, _ = split_constants(params)
        units = {
            _name(path): tuple(jnp.ones(n, leaf.dtype) for n in leaf.shape)
            for path, leaf in _leaves(trained)
        }
        return {**params, CONSTANTS: {**params.get(CONSTANTS, {}), UNITS: units}}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        return model.initial_state(_live(params), batch_shape)

    def live(function: Function) -> Function:
        narrowed = lambda params, *args, **options: function(_live(params), *args, **options)
        return cast(Function, narrowed)

    return model._replace(
        init=init,
        initial_state=initial_state,
        apply=live(model.apply),
        hidden=model.hidden and live(model.hidden),
    )


def without_units(params: Params) -> Params:
    """The params of a masked model as the model itself has them."""
    constants = {k: v for k, v in params[CONSTANTS].items() if k != UNITS}
    own = {k: v for k, v in params.items() if k != CONSTANTS}
    return {**own, CONSTANTS: constants} if constants else own


def _live(params: Params) -> Params:
    """The params of the wide model: zero where the narrow one has no entry."""
    units: Mapping[str, tuple[Array, ...]] = params[CONSTANTS][UNITS]
    trained, constants = split_constants(without_units(params))

    def leaf(path: KeyPath, array: Array) -> Array:
        for axis, mask in enumerate(units[_name(path)]):
            others = [a for a in range(array.ndim) if a != axis]
            # Not a product: where a unit does not exist, the gradient may be infinite.
            array = jnp.where(jnp.expand_dims(mask, others) > 0, array, 0)
        return array

    return joined(jax.tree_util.tree_map_with_path(leaf, trained), constants)


def _leaves(tree: Params) -> list[tuple[KeyPath, Array]]:
    return jax.tree_util.tree_leaves_with_path(tree)


def _name(path: KeyPath) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
