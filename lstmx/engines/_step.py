"""One step under resets and masks: what all engines agree on."""

from typing import Any

import jax
import jax.numpy as jnp

from lstmx.types import Array, Cell, Gates, Noise, Params, State, step


def select(condition: Array, on_true: Any, on_false: Any) -> Any:
    """`where` over pytrees; the condition [B] broadcasts from the left over each leaf [B, ...]."""

    def leaf(a: Array, b: Array) -> Array:
        return jnp.where(condition.reshape(condition.shape + (1,) * (jnp.ndim(a) - 1)), a, b)

    return jax.tree.map(leaf, on_true, on_false)


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
    if mask is None:
        return step(cell, params, state, x, noise)
    x = select(mask, x, jax.tree.map(jnp.zeros_like, x))
    new, y, gates = step(cell, params, state, x, noise)
    zeros = jax.tree.map(jnp.zeros_like, (y, gates))
    y, gates = select(mask, (y, gates), zeros)
    return select(mask, new, state), y, gates
