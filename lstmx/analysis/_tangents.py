"""Tangents along trajectories: pushed through every step, and made orthonormal every few steps."""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.analysis import _triangular
from lstmx.analysis._system import System
from lstmx.types import Array, Params

POINTS = 100  # of the convergence curve


def schedule(length: int, transient: int, every: int) -> np.ndarray:
    """Step numbers [chunks, intervals, every], -1 for none: whole chunks of transient come first.

    One scan runs over both. Steps that are missing to the last interval or chunk are passed by.
    """
    counted = length - transient
    intervals = math.ceil(math.ceil(counted / every) / POINTS)
    chunk = intervals * every
    before, after = -transient % chunk, -counted % chunk
    index = np.concatenate([np.full(before, -1), np.arange(length), np.full(after, -1)])
    return index.reshape(-1, intervals, every).astype(np.int32)


class Sums(NamedTuple):
    """Sums over the steps of a chunk.

    Attributes:
        growth: [K] of log |R_ii|.
        log_det: [] of log |det J|; 0 without the check.
        floor: [] of log (eps times the longest tangent before each factorisation).
        steps: [] int, number of steps.
    """

    growth: Array
    log_det: Array
    floor: Array
    steps: Array


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def follow(
    system: System,
    check: bool,
    driven: bool,
    params: Params,
    inputs: Any,
    states: Array,
    tangents: Array,
    mask: Array | None,
    index: Array,
) -> tuple[Array, Sums]:
    """States after the last step [B, D], and sums of every chunk, [B, P, ...]."""
    dtype = states.dtype
    small = tangents.shape[0] <= _triangular.SMALL

    def one(row: tuple[Array, Any, Array | None]) -> tuple[Array, Sums]:
        s, xs, present = row

        def move(carry: Any, t: Array) -> tuple[Any, None]:
            s, Q, log_det = carry
            x = jax.tree.map(lambda a: a[t], xs) if driven else inputs
            step = lambda s: system.step(params, s, x)[0]
            if check:
                push = lambda v: jax.jvp(step, (s,), (v,))
                after, columns = jax.vmap(push, out_axes=(None, 0))(jnp.eye(s.size, dtype=dtype))
                # The rows of `columns` are the columns of J, those of Q are tangents: (J Q')'.
                return (after, Q @ columns, log_det + _triangular.log_det(columns)), None
            after, Q = jax.vmap(lambda v: jax.jvp(step, (s,), (v,)), out_axes=(None, 0))(Q)
            return (after, Q, log_det), None

        def guarded(carry: Any, t: Array) -> tuple[Any, Array]:
            here = t >= 0 if present is None else (t >= 0) & present[jnp.maximum(t, 0)]
            return jax.lax.cond(here, lambda c: move(c, t)[0], lambda c: c, carry), here

        def interval(carry: Any, times: Array) -> tuple[Any, Sums]:
            s, Q = carry
            (s, Q, log_det), here = jax.lax.scan(guarded, (s, Q, jnp.zeros((), dtype)), times)
            largest = jnp.log(jnp.max(jnp.linalg.norm(Q, axis=1)))
            Q, growth = _triangular.orthonormal(Q)
            steps = jnp.sum(here, dtype=jnp.int32)
            floor = jnp.where(steps > 0, largest + jnp.log(jnp.finfo(dtype).eps), 0)
            growth = jnp.where(steps > 0, growth, 0)
            return (s, Q), Sums(growth, log_det, floor, steps)

        def chunk(carry: Any, times: Array) -> tuple[Any, Sums]:
            carry, sums = jax.lax.scan(interval, carry, times)
            return carry, jax.tree.map(lambda a: jnp.sum(a, axis=0), sums)

        (s, _), sums = jax.lax.scan(chunk, (s, tangents), index)
        return s, sums

    rows = (states, inputs if driven else None, mask)
    # LAPACK's factorisations are not batched: XLA's threads for CPUs can block one another.
    return jax.vmap(one)(rows) if small else jax.lax.map(one, rows)
