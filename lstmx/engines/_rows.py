"""Parts of a cell on the rows of many steps, or on rows that differ in some parameters."""

from collections.abc import Callable
from typing import Any

import jax

from lstmx.engines import _leaves
from lstmx.engines._leaves import Leaves
from lstmx.types import Params


def all_rows(part: Callable[..., Any], params: Params, *steps: Any) -> Any:
    """Apply a part of the cell to the rows of K steps at once.

    A `vmap` over the steps is the same, but XLA then copies the cotangents before it multiplies:
    the gradients of weights take up to twice the time. Merged into one axis, the rows of all steps
    make one product of matrices, [K B, H] by [H, G H], and so does its transpose.

    Args:
        part: (params, *arguments [rows, ...]) -> results [rows, ...].
        steps: arguments with time leading, [K, B, ...].

    Returns:
        the results, [K, B, ...].
    """
    times, rows = jax.tree.leaves(steps)[0].shape[:2]
    flat = jax.tree.map(lambda a: a.reshape(times * rows, *a.shape[2:]), steps)
    results = part(params, *flat)
    return jax.tree.map(lambda a: a.reshape(times, rows, *a.shape[1:]), results)


def with_row_params(
    update: Callable[..., Any], params: Params, row_params: Leaves, *arguments: Any
) -> Any:
    """Apply `update` where some parameters differ from row to row.

    Args:
        row_params: leaf number of `params` -> [B, ...], which replaces that leaf.
        arguments: those of `update` after `params`, [B, ...].

    Returns:
        the results of `update`, [B, ...].
    """
    if not row_params:
        return update(params, *arguments)

    def row(row_params: Leaves, *arguments: Any) -> Any:
        return update(_leaves.replaced(params, row_params), *arguments)

    # A cell wants a batch axis, so each row keeps one, of size 1.
    batches_of_one = jax.tree.map(lambda a: a[:, None], arguments)
    results = jax.vmap(row)(row_params, *batches_of_one)
    return jax.tree.map(lambda a: a[:, 0], results)
