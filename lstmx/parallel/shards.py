"""What a program inside a shard must know of the whole batch.

Inside `jax.shard_map` every device sees its own rows of a batch. Randomness is drawn for the whole
batch and cut afterwards: a shard that drew for itself would repeat its neighbour's numbers, and a
run on two devices would not be the run on one.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.flatten_util import ravel_pytree

from lstmx.types import BATCH_AXIS, Array


def position() -> tuple[int, Array | int]:
    """(number of shards of the batch, index of this one); (1, 0) outside a sharded program."""
    try:
        return lax.axis_size(BATCH_AXIS), lax.axis_index(BATCH_AXIS)
    except NameError:  # JAX raises it where no such axis is bound
        return 1, 0


def draw(sample: Callable[[tuple[int, ...]], Any], shape: tuple[int, ...], axis: int = 0) -> Any:
    """This shard's rows of what `sample` draws for the whole batch.

    Args:
        sample: shape of the whole -> a pytree of arrays with its rows on `axis`.
        shape: the local shape, of this shard only.
        axis: where the rows of the batch lie.
    """
    count, _ = position()
    whole = tuple(n * count if i == axis else n for i, n in enumerate(shape))
    return local(sample(whole), axis)


def local(tree: Any, axis: int = 0) -> Any:
    """This shard's rows of a pytree that holds the whole batch on `axis`."""
    count, index = position()
    if count == 1:
        return tree

    def rows(array: Array) -> Array:
        own = array.shape[axis] // count
        return lax.dynamic_slice_in_dim(array, index * own, own, axis)

    return jax.tree.map(rows, tree)


def total(tree: Any) -> Any:
    """Sum of a pytree of float arrays over the shards of the batch, as one collective.

    On a CPU a waiting collective keeps a thread, and two of them that do not depend on each other
    may be met in another order by another device: with as many threads as devices that is a
    deadlock. So everything that a step has to add travels in one vector.
    """
    count, _ = position()
    if count == 1:
        return tree
    flat, restore = ravel_pytree(tree)
    return restore(lax.psum(flat, BATCH_AXIS))
