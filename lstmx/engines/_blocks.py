"""A scan over blocks of steps, which bounds memory and keeps a block's arrays in the cache."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lstmx import checks

Remat = int | tuple[int, int] | None
"""Steps of a block of which one state is saved; or those of an outer and of an inner block."""


def levels(remat_every: int | tuple[int, int]) -> tuple[int, int]:
    """Returns the steps of an outer block, 0 for none, and of an inner block.

    Raises:
        ValueError: a number below 1, or an outer block that is not longer than an inner one.
    """
    numbers = remat_every if isinstance(remat_every, tuple) else (remat_every,)
    for number in numbers:
        checks.size("remat_every", number)
    if len(numbers) > 2 or (len(numbers) == 2 and numbers[0] <= numbers[1]):
        raise ValueError(
            f"remat_every={remat_every}; expected a number of steps, or (of an outer block, of an "
            "inner block), the first one larger"
        )
    *outer, block = numbers
    return (outer[0] if outer else 0), block


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
            fold = lambda a: a.reshape(a.shape[0] // size, size, *a.shape[1:])
            carry, (saved, result) = lax.scan(block, carry, (start, jax.tree.map(fold, part)))
            unfold = lambda a: a.reshape(a.shape[0] * size, *a.shape[2:])
            result = jax.tree.map(unfold, result)
        saved_by_part.append(saved)
        results.append(result)
    if len(results) == 1:
        return carry, saved_by_part, results[0]
    return carry, saved_by_part, jax.tree.map(lambda *a: jnp.concatenate(a), *results)


def rematerialised(
    body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, steps: Any, remat_every: Remat
) -> tuple[Any, Any]:
    """`lax.scan` that saves its carry every so many steps only, for the backward pass.

    The steps in between are computed again there: memory for T / K + K steps instead of T, for one
    more forward pass; with blocks of K1 and K2 steps for T / K1 + K1 / K2 + K2 steps and two more.
    """
    if remat_every is None:
        return lax.scan(body, carry, steps)
    outer, size = levels(remat_every)

    def block(carry: Any, part: Any) -> tuple[Any, Any]:
        carry, results = lax.scan(body, carry, part[1])
        return carry, (None, results)

    def outer_block(carry: Any, part: Any) -> tuple[Any, Any]:
        carry, _, results = over_blocks(again, carry, part[1], size)
        return carry, (None, results)

    # Of a block, the scan over blocks saves its carry; the checkpoint drops what is inside.
    again = jax.checkpoint(block, prevent_cse=False)
    if outer:
        outermost = jax.checkpoint(outer_block, prevent_cse=False)
        carry, _, results = over_blocks(outermost, carry, steps, outer)
    else:
        carry, _, results = over_blocks(again, carry, steps, size)
    return carry, results
