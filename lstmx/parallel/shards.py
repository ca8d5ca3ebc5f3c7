"""Computing on one shard of a batch: its position, its random numbers, sums over all shards.

Inside `jax.shard_map` every device has its local rows of a batch only. Random numbers are sampled
for the whole batch and sliced afterwards: all shards have the same key, so a shard that sampled for
its rows alone would repeat its neighbour's numbers, and a run on two devices would differ from the
run on one.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from lstmx.types import BATCH_AXIS, Array


def position() -> tuple[int, Array | int]:
    """(number of shards of the batch, index of this one); (1, 0) outside a sharded program."""
    try:
        return lax.axis_size(BATCH_AXIS), lax.axis_index(BATCH_AXIS)
    except NameError:  # JAX raises it where no such axis is bound
        return 1, 0


def sample(sampler: Callable[[tuple[int, ...]], Any], shape: tuple[int, ...], axis: int = 0) -> Any:
    """This shard's rows of a sample for the whole batch.

    Args:
        sampler: shape of the whole sample -> a pytree of arrays with the batch on `axis`.
        shape: the local shape, of this shard only.
        axis: the batch axis.
    """
    count, _ = position()
    whole = tuple(n * count if i == axis else n for i, n in enumerate(shape))
    return local(sampler(whole), axis)


def local(tree: Any, axis: int = 0) -> Any:
    """This shard's rows of a pytree with the whole batch on `axis`."""
    count, index = position()
    if count == 1:
        return tree

    def rows(array: Array) -> Array:
        size = array.shape[axis] // count
        return lax.dynamic_slice_in_dim(array, index * size, size, axis)

    return jax.tree.map(rows, tree)


def as_types(tree: Any, types: Any) -> Any:
    """A pytree of arrays, placed on the mesh as those of a pytree of traced types are.

    Inside `jax.shard_map` and on an explicit mesh, the type of an array says over which axes it
    differs from device to device, or is sharded. A scan must return a state of the type that it was
    given, and the zeros that it starts from are of another type than what a step returns.
    """

    def leaf(array: Array, aval: Any) -> Array:
        given = jax.typeof(array)
        array = _cast(array, _axes(aval) - _axes(given))
        if _explicit(aval) is not None and aval.sharding != given.sharding:
            array = jax.sharding.reshard(array, aval.sharding)
        return array

    return jax.tree.map(leaf, tree, types)


def shaped(aval: Any) -> jax.ShapeDtypeStruct:
    """The shape and dtype of a traced value, and how it varies over the mesh."""
    if _explicit(aval) is None and not _axes(aval):
        return jax.ShapeDtypeStruct(aval.shape, aval.dtype)
    return jax.eval_shape(lambda: zeros(aval))


def zeros(aval: Any) -> Array:
    """An array of zeros of the type of a traced value."""
    return _cast(jnp.zeros(aval.shape, aval.dtype, device=_explicit(aval)), _axes(aval))


def _explicit(aval: Any) -> Any:
    """The sharding of a value on an explicit mesh; None elsewhere."""
    sharding = aval.sharding
    return sharding if sharding is not None and sharding.mesh.explicit_axes else None


def _axes(aval: Any) -> frozenset[str]:
    """The mesh axes over which a value differs from device to device, inside `jax.shard_map`."""
    kind = aval.manual_axis_type
    return frozenset() if kind is None else kind.varying


def _cast(array: Array, axes: frozenset[str]) -> Array:
    return lax.pcast(array, tuple(sorted(axes)), to="varying") if axes else array


def total(tree: Any) -> Any:
    """The sum of a pytree of float arrays over the shards of the batch, as one collective.

    On a CPU a waiting collective blocks a thread, and two of them that do not depend on each other
    may start in different order on different devices: with as many threads as devices that is a
    deadlock. So everything that a step adds up is one vector.
    """
    count, _ = position()
    if count == 1:
        return tree
    flat, restore = ravel_pytree(tree)
    return restore(lax.psum(flat, BATCH_AXIS))
