"""The reference engine: a plain `lax.scan` over `step`, one time step after the other."""

from typing import Any

import jax
from jax import lax

from lstmx.engines._step import masked_step
from lstmx.types import Array, Cell, Noise, Params, State, Trace, Unrolled


def run(
    cell: Cell,
    params: Params,
    state: State,
    xs: Any,
    noise: Noise,
    resets: Array | None,
    mask: Array | None,
    *,
    collect: bool,
    remat_every: int | None,
) -> Unrolled:
    """Unroll a cell over time-major inputs.

    Args:
        state: state before the first step, leaves [B, ...].
        xs: inputs [T, B, X] or a pytree of such.
        noise: what `cell.prepare` drew, leaves [T, B, ...].
        resets: [T, B] bool or None.
        mask: [T, B] bool or None.
        collect: whether to return the trace.
        remat_every: save the state every that many steps only, and compute the steps in between
            again in the backward pass: memory T / K + K steps instead of T, one more forward pass.
    """
    batch_shape = _batch_shape(xs)
    initial = cell.initial_state(params, batch_shape) if resets is not None else state

    def body(state: State, now: Any) -> tuple[State, Any]:
        x, noise, reset, mask = now
        state, y, gates = masked_step(cell, params, initial, state, x, noise, reset, mask)
        return state, (y, Trace(state, gates) if collect else None)

    state, (outputs, trace) = _scan(body, state, (xs, noise, resets, mask), remat_every)
    return Unrolled(outputs, state, trace)


def _scan(body: Any, state: State, over: Any, remat_every: int | None) -> tuple[State, Any]:
    length = jax.tree.leaves(over)[0].shape[0]
    if remat_every is None or remat_every >= length:
        return lax.scan(body, state, over)
    block = jax.checkpoint(lambda state, part: lax.scan(body, state, part), prevent_cse=False)
    blocks = length // remat_every
    whole = blocks * remat_every
    shaped = jax.tree.map(lambda a: a[:whole].reshape((blocks, remat_every, *a.shape[1:])), over)
    state, results = lax.scan(block, state, shaped)
    results = jax.tree.map(lambda a: a.reshape((whole, *a.shape[2:])), results)
    if whole == length:
        return state, results
    state, rest = block(state, jax.tree.map(lambda a: a[whole:], over))
    return state, jax.tree.map(lambda a, b: jax.numpy.concatenate([a, b]), results, rest)


def _batch_shape(xs: Any) -> tuple[int, ...]:
    """Batch and spatial axes of time-major inputs [T, B, spatial..., X]."""
    widest = max(jax.tree.leaves(xs), key=lambda a: a.ndim)
    return widest.shape[1:-1]
