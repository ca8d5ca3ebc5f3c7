"""A scan over blocks of steps: what bounds memory, and keeps what a block makes in the cache."""

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
    """Scan over blocks of `size` steps; what is left at the end makes one shorter block.

    Args:
        block: (carry, (start, steps of this block)) -> (carry, (kept, results [K, ...])).
        steps: pytree with time leading.
        starts: what each block is given, as `kept` of an earlier call came back.

    Returns:
        the last carry; what every block kept; the results of all steps, [T, ...].
    """
    length = jax.tree.leaves(steps)[0].shape[0]
    if length <= size:
        carry, (own, result) = block(carry, (starts[0] if starts else None, steps))
        return carry, [own], result
    whole = length // size * size
    kept: list[Any] = []
    results: list[Any] = []
    for begin, end in ((0, whole), (whole, length)):
        if begin == end:
            continue
        part = jax.tree.map(lambda a, b=begin, e=end: a[b:e], steps)
        start = starts[len(kept)] if starts else None
        if end - begin <= size:
            carry, (own, result) = block(carry, (start, part))
        else:
            fold = lambda a: a.reshape(-1, size, *a.shape[1:])
            carry, (own, result) = lax.scan(block, carry, (start, jax.tree.map(fold, part)))
            result = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), result)
        kept.append(own)
        results.append(result)
    if len(results) == 1:
        return carry, kept, results[0]
    return carry, kept, jax.tree.map(lambda *a: jnp.concatenate(a), *results)
