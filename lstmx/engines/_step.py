"""One step under resets and masks: what all engines agree on."""

from typing import Any

import jax
import jax.numpy as jnp

from lstmx.types import Array, Cell, Gates, Noise, Params, State, step


def select(condition: Array, on_true: Any, on_false: Any) -> Any:
    """`where` over pytrees; the condition, [B] or [T, B], broadcasts from the left."""

    def leaf(a: Array, b: Array) -> Array:
        axes = max(jnp.ndim(a), jnp.ndim(b))
        return jnp.where(jnp.expand_dims(condition, range(condition.ndim, axes)), a, b)

    return jax.tree.map(leaf, on_true, on_false)


def held(
    mask: Array | None, state: State, results: tuple[State, Array, Gates]
) -> tuple[State, Array, Gates]:
    """What a step leaves: its results, or on a masked one the state as it was and zeros."""
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
    """One step on which the reset comes first and the mask then holds the state.

    A masked step leaves the state (after a reset: the initial state) as it is, and its output and
    gates are zero. Its input is replaced by zeros before anything reads it: with a `where` on the
    results alone, a NaN in the padding would still reach the gradients as 0 * NaN.

    Args:
        initial: what a reset returns to; the structure of `state`.
        x: input [B, X], or a pytree of such.
        reset: [B] bool or None.
        mask: [B] bool, False where the step does not exist, or None.
    """
    if reset is not None:
        state = select(reset, initial, state)
    if mask is not None:
        x = select(mask, x, jax.tree.map(jnp.zeros_like, x))
    return held(mask, state, step(cell, params, state, x, noise))


def batch_shape(xs: Any) -> tuple[int, ...]:
    """Batch and spatial axes of time-major inputs [T, B, spatial..., X]."""
    widest = max(jax.tree.leaves(xs), key=lambda a: a.ndim)
    return widest.shape[1:-1]
