"""A scan over blocks of steps, which bounds memory and keeps a block's arrays in the cache."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def over_blocks(
    block: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    steps: Any,
    size: int,
    starts: Any = None,
) -> tuple[Any, Any, Any]:
    """Scan over blocks of `size` steps; the steps that remain make one shorter block at the end.

    Args:
        block: (carry, (start, steps of this block)) -> (carry, (saved, results [K, ...])).
        steps: pytree with time leading.
        starts: the second result of an earlier call over as many steps, whose `saved` values
            become the `start` of each block; `start` is None without it.

    Returns:
        the last carry; a list with what the blocks saved, stacked where they were scanned; the
        results of all steps, [T, ...].
    """
    length = jax.tree.leaves(steps)[0].shape[0]
    if length <= size:
        carry, (saved, result) = block(carry, (starts[0] if starts else None, steps))
        return carry, [saved], result
    # At most two parts: the blocks of full size, which are one scan, and the rest. A scan needs
    # equal shapes, so the rest is a call of its own, compiled once more.
    divisible = length // size * size
    saved_by_part: list[Any] = []
    results: list[Any] = []
    for begin, end in ((0, divisible), (divisible, length)):
        if begin == end:
            continue
        part = jax.tree.map(lambda a, b=begin, e=end: a[b:e], steps)
        start = starts[len(saved_by_part)] if starts else None
        if end - begin <= size:
            carry, (saved, result) = block(carry, (start, part))
        else:
            fold = lambda a: a.reshape(-1, size, *a.shape[1:])
            carry, (saved, result) = lax.scan(block, carry, (start, jax.tree.map(fold, part)))
            result = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), result)
        saved_by_part.append(saved)
        results.append(result)
    if len(results) == 1:
        return carry, saved_by_part, results[0]
    return carry, saved_by_part, jax.tree.map(lambda *a: jnp.concatenate(a), *results)
