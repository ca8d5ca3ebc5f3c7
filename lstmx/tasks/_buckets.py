"""Buckets: sequences of about one length in a batch, which is padded no further than to theirs.

The sequences of train are sorted by length and cut into K buckets of equal numbers. Step t of
training reads bucket t mod K: every bucket as often as the others, in turn. So the length of each
step is static, K lengths for K programs, and one compiled cycle of K updates is repeated
(`lstmx/train/loop.py`). Within a bucket the order is shuffled for every epoch; an epoch ends in all
of them together, and leaves out what does not fill a batch of each.

Worked example, six sequences of the lengths 2 9 3 1 8 3 with K = 2 and batches of one: the buckets
are 1 2 3 and 3 8 9, of which batches have 3 and 9 steps: 6 on average, not 9.

What a sequence contributes is what it would with any padding. What changes is which sequences meet
in a batch, and of means over steps, such as the loss of translations, that a step in a batch of
short sequences weighs more than one in a batch of long ones.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common, _epochs
from lstmx.types import Array, Batch, Key

Batches = Callable[[Key, Array | int], Batch]
Place = Callable[[Array], tuple[Array, Array]]
SEED = 0
"""Of the order of equal lengths, which must not be that of the file, often sorted by label."""


def cut(lengths: np.ndarray, buckets: int, batch_size: int) -> list[np.ndarray]:
    """The sequences of each bucket, indices, the shortest ones first.

    Args:
        lengths: of the sequences [N].
        buckets: their number K.
        batch_size: sequences of a batch.

    Raises:
        ValueError: a number below 1, or a bucket that has no whole batch.
    """
    checks.size("buckets", buckets)
    count = len(lengths)
    mixed = np.random.default_rng(SEED).permutation(count)
    found = np.array_split(mixed[np.argsort(lengths[mixed], kind="stable")], buckets)
    if len(found[-1]) < batch_size:
        raise ValueError(
            f"buckets={buckets} of {count} sequences: the last has {len(found[-1])}, fewer than "
            f"batch_size={batch_size}; expected fewer buckets or smaller batches"
        )
    return found


def places(parts: Sequence[np.ndarray], batch_size: int) -> list[Place]:
    """For each bucket a function: step -> [B] which of its sequences, and [B] that they exist.

    Args:
        parts: the result of `cut`.
        batch_size: B.
    """
    turns = epoch(parts, batch_size) // len(parts)

    def of(count: int) -> Place:
        def place(step: Array) -> tuple[Array, Array]:
            turn = step // len(parts)
            index, exists = _common.rows(turn % turns, batch_size, count)
            return _epochs.order(turn // turns, index, count), exists

        return place

    return [of(len(part)) for part in parts]


def epoch(parts: Sequence[np.ndarray], batch_size: int) -> int:
    """The number of batches of an epoch, of all buckets together."""
    return len(parts) * (min(map(len, parts)) // batch_size)


def whole(
    batches: Sequence[Batches],
) -> Batches:
    """The batch function of all steps: what that of the bucket returns, padded to the longest.

    Args:
        batches: of every bucket.
    """
    shapes = [jax.eval_shape(one, jax.random.key(0), n) for n, one in enumerate(batches)]
    leaves = zip(*(jax.tree.leaves(one) for one in shapes))
    longest = [max(leaf.shape[1] for leaf in same) for same in leaves]

    def padded(one: Batches) -> Batches:
        def batch(key: Key, step: Array | int) -> Batch:
            found, tree = jax.tree.flatten(one(key, step))
            wide = [
                jnp.pad(leaf, [(0, 0), (0, most - leaf.shape[1]), *[(0, 0)] * (leaf.ndim - 2)])
                for leaf, most in zip(found, longest)
            ]
            return jax.tree.unflatten(tree, wide)

        return batch

    every = [padded(one) for one in batches]
    return lambda key, step: jax.lax.switch(jnp.asarray(step) % len(every), every, key, step)
