"""The reference engine: a plain `lax.scan` over `step`, one time step after the other."""

from typing import Any

import jax

from lstmx.engines._blocks import Remat, rematerialised
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
    remat_every: Remat,
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
            With (K1, K2), a state every K1 steps, and of one such block at a time every K2 steps:
            T / K1 + K1 / K2 + K2, for two more; a million steps need 300 states.

    Returns:
        outputs [T, B, H], the last state, and the trace with leaves [T, B, ...] or None.
    """
    initial = cell.initial_state(params, batch_shape(xs)) if resets is not None else state

    def body(state: State, now: Any) -> tuple[State, Any]:
        x, noise, reset, mask = now
        state, y, gates = masked_step(cell, params, initial, state, x, noise, reset, mask)
        return state, (y, Trace(state, gates) if return_trace else None)

    steps = (xs, noise, resets, mask)
    state = shards.as_types(state, jax.eval_shape(body, state, first(steps))[0])
    state, (outputs, trace) = rematerialised(body, state, steps, remat_every)
    return Unrolled(outputs, state, trace)
