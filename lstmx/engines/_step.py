"""One step under resets and masks: the definition that all engines share."""

from typing import Any

import jax
import jax.numpy as jnp

from lstmx.types import Array, Cell, Gates, Noise, Params, State


def select(condition: Array, on_true: Any, on_false: Any) -> Any:
    """`where` over pytrees; the condition, [B] or [T, B], broadcasts from the left."""

    def leaf(a: Array, b: Array) -> Array:
        axes = max(jnp.ndim(a), jnp.ndim(b))
        return jnp.where(jnp.expand_dims(condition, range(condition.ndim, axes)), a, b)

    return jax.tree.map(leaf, on_true, on_false)


def masked(
    mask: Array | None, state: State, results: tuple[State, Array, Gates]
) -> tuple[State, Array, Gates]:
    """The results (state, y, gates) of a step; where masked, the state before it and zeros.

    Linear in `state` and `results`, so that tangents are masked by the same function.

    Args:
        mask: [B] or [T, B] bool, False where the step does not exist; None masks nothing.
        state: the state before the step, after its reset.
        results: (state, y, gates) that the step computed.
    """
    if mask is None:
        return results
    new, y, gates = results
    zeros = jax.tree.map(jnp.zeros_like, (y, gates))
    y, gates = select(mask, (y, gates), zeros)
    return select(mask, new, state), y, gates


def masked_step(
    cell: Cell,
    params: Params,
    initial: State,
    state: State,
    x: Any,
    noise: Noise,
    reset: Array | None,
    mask: Array | None,
) -> tuple[State, Array, Gates]:
    """One step: first the reset, then the update, except where masked.

    A masked step leaves the state (after a reset: the initial state) as it is, and its output and
    gates are zero. Its input is replaced by zeros before anything reads it: with a `where` on the
    results alone, a NaN in the padding would still reach the gradients as 0 * NaN.

    Args:
        initial: the state after a reset; the structure of `state`.
        x: input [B, X], or a pytree of such.
        reset: [B] bool or None.
        mask: [B] bool, False where the step does not exist, or None.
    """
    if reset is not None:
        state = select(reset, initial, state)
    if mask is not None:
        x = select(mask, x, jax.tree.map(jnp.zeros_like, x))
    return masked(mask, state, cell.step(params, state, x, noise))


def batch_shape(xs: Any) -> tuple[int, ...]:
    """Batch and spatial axes of time-major inputs [T, B, spatial..., X]."""
    # Inputs such as the elapsed time, [T, B], may be part of the tree; the vectors have most axes.
    widest = max(jax.tree.leaves(xs), key=lambda a: a.ndim)
    return widest.shape[1:-1]


def first(xs: Any) -> Any:
    """Returns the shapes, dtypes and shardings of one step of inputs with time leading."""
    if min(a.shape[0] for a in jax.tree.leaves(xs)):
        return jax.eval_shape(lambda xs: jax.tree.map(lambda a: a[0], xs), xs)
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), xs)
