"""The reference engine: a plain `lax.scan` over `step`, one time step after the other."""

from typing import Any

import jax
from jax import lax

from lstmx.engines._blocks import over_blocks
from lstmx.engines._step import batch_shape, first, masked_step
from lstmx.parallel import shards
from lstmx.types import Array, Cell, Noise, Params, State, Trace, Unrolled


def refusal(cell: Cell, **requested: bool) -> None:
    """None: every cell runs here."""


def run(
    cell: Cell,
    params: Params,
    state: State,
    xs: Any,
    noise: Noise,
    resets: Array | None,
    mask: Array | None,
    *,
    return_trace: bool,
    remat_every: int | None,
) -> Unrolled:
    """Unroll a cell over time-major inputs.

    Args:
        state: state before the first step, leaves [B, ...].
        xs: inputs [T, B, X] or a pytree of such.
        noise: from `cell.prepare`, leaves [T, B, ...].
        resets: [T, B] bool or None.
        mask: [T, B] bool or None.
        return_trace: whether to return the trace.
        remat_every: save the state every K steps only, and compute the steps in between again in
            the backward pass: memory for T / K + K steps instead of T, for one more forward pass.

    Returns:
        outputs [T, B, H], the last state, and the trace with leaves [T, B, ...] or None.
    """
    initial = cell.initial_state(params, batch_shape(xs)) if resets is not None else state

    def body(state: State, now: Any) -> tuple[State, Any]:
        x, noise, reset, mask = now
        state, y, gates = masked_step(cell, params, initial, state, x, noise, reset, mask)
        return state, (y, Trace(state, gates) if return_trace else None)

    def block(state: State, part: Any) -> tuple[State, Any]:
        state, results = lax.scan(body, state, part[1])
        return state, (None, results)

    steps = (xs, noise, resets, mask)
    state = shards.as_types(state, jax.eval_shape(body, state, first(steps))[0])
    if remat_every is None:
        state, (outputs, trace) = lax.scan(body, state, steps)
    else:
        # Of a block, the scan over blocks saves its carry; the checkpoint drops what is inside.
        block_again = jax.checkpoint(block, prevent_cse=False)
        state, _, (outputs, trace) = over_blocks(block_again, state, steps, remat_every)
    return Unrolled(outputs, state, trace)
