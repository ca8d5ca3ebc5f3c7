"""The associative scan for linear cells: log2(T) steps deep instead of T.

A linear cell (minGRU, minLSTM, ...) has state' = decay * state + drive, where decay and drive do
not depend on the state. A step is then a pair (decay, drive), two steps are one again,

    (a1, b1) then (a2, b2) = (a2 a1, a2 b1 + b2)

and since this product is associative, the states of all T steps are its prefixes (Blelloch 1990).
It does about twice the work of the plain loop, so it pays only where there are more processors than
one loop can use.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lstmx.engines._blocks import Remat, levels, over_blocks
from lstmx.engines._step import batch_shape, masked, select
from lstmx.types import Array, Cell, Noise, Params, State, Trace, Unrolled


def refusal(cell: Cell, **requested: bool) -> str | None:
    """Why a cell cannot run here: it has no `linear`; None where it can."""
    if cell.linear is None:
        return "engine 'associative' needs a cell that is linear in its state (Cell.linear)"
    return None


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
    """Unroll a linear cell; arguments as for `lstmx.engines.scan.run`.

    Args:
        remat_every: scan over so many steps at once, one such block after the other, and save
            nothing within a block. Of two numbers the second one.

    Raises:
        ValueError: a cell that is not linear.
    """
    linear = cell.linear
    if linear is None:
        raise ValueError(refusal(cell))
    initial = cell.initial_state(params, batch_shape(xs)) if resets is not None else state

    def block(state: State, part: Any) -> tuple[State, Any]:
        xs, noise, resets, mask = part[1]
        if mask is not None:
            xs = select(mask, xs, jax.tree.map(jnp.zeros_like, xs))
        decay, drive = jax.vmap(linear, (None, 0))(params, xs)
        # Masks and resets as pairs. The mask comes first, since a reset precedes the masked step.
        if mask is not None:  # state' = 1 * state + 0
            ones, zeros = (jax.tree.map(f, decay) for f in (jnp.ones_like, jnp.zeros_like))
            decay, drive = select(mask, (decay, drive), (ones, zeros))
        if resets is not None:  # state' = 0 * state + (decay * initial + drive)
            from_initial = jax.tree.map(lambda d, b, s: d * s[None] + b, decay, drive, initial)
            zeros = jax.tree.map(jnp.zeros_like, decay)
            decay, drive = select(resets, (zeros, from_initial), (decay, drive))
        states = _prefixes(decay, drive, state, resets)
        # With all states known, outputs and gates are those of all steps at once.
        before = jax.tree.map(lambda s, all: jnp.concatenate([s[None], all[:-1]]), state, states)
        if resets is not None:
            before = select(resets, initial, before)
        results = jax.vmap(cell.step, (None, 0, 0, 0))(params, before, xs, noise)
        _, y, gates = masked(mask, before, results)
        last = jax.tree.map(lambda a: a[-1], states)
        return last, (None, (y, Trace(states, gates) if return_trace else None))

    steps = (xs, noise, resets, mask)
    if remat_every is None:
        state, (_, (outputs, trace)) = block(state, (None, steps))
    else:
        again = jax.checkpoint(block, prevent_cse=False)
        state, _, (outputs, trace) = over_blocks(again, state, steps, levels(remat_every)[1])
    return Unrolled(outputs, state, trace)


def _prefixes(decay: State, drive: State, state: State, resets: Array | None) -> State:
    """The states after every step of state' = decay * state + drive, leaves [T, B, ...].

    Args:
        decay: leaves [T, B, ...], 0 where a step resets the state.
        drive: leaves [T, B, ...].
        state: before the first step, leaves [B, ...].
        resets: [T, B], or None.
    """

    def join(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
        return a[0] * b[0], b[0] * a[1] + b[1]

    # A decay of 0 forgets what is finite: 0 * inf is NaN. So what precedes a reset is 0 itself.
    def cut(cuts: Array, values: Array) -> Array:
        return select(cuts, jnp.zeros_like(values), values)

    def join_cut(a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
        joined = join((cut(b[2], a[0]), cut(b[2], a[1])), (b[0], b[1]))
        return *joined, a[2] | b[2]

    def leaf(decay: Array, drive: Array, state: Array) -> Array:
        # The first state goes into the first drive, so that every prefix begins at zero.
        if resets is None:
            drive = drive.at[0].add(decay[0] * state)
            return lax.associative_scan(join, (decay, drive))[1]
        drive = drive.at[0].add(decay[0] * cut(resets[0], state))
        return lax.associative_scan(join_cut, (decay, drive, resets))[1]

    return jax.tree.map(leaf, decay, drive, state)
