"""Minimisers of the speed q(s) = |F(s) - s|^2 / 2 of a step, from many starts.

`newton`: with g = F(s) - s and A = dF/ds - I, the step d of

    (A' A + m I) d = -A' g,     m = f min(|g|^2, 1)

(Levenberg 1944, Marquardt 1963), cut by halves until q falls enough (Armijo 1966); the factor f
falls after whole steps and rises after cut ones, up to 1. As m vanishes the step is Newton's, with
its speed of convergence. The damping keeps it short where A is singular: on a line of fixed points
it leads to the nearest of them, where Newton's would go anywhere; there, too, it converges
quadratically (Yamashita & Fukushima 2001).

`adam`: gradient descent (Kingma & Ba 2015, algorithm 1), with a rate that falls to 1e-4 of itself,
and the best point that was met.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx.types import Array

HALVINGS = 20  # of a Newton step: 1e-6 of it
ENOUGH = 1e-4  # share of the predicted decrease, Nocedal & Wright 2006, section 3.1
EASED, TIGHTENED = 0.03, 10.0  # what becomes of the damping after a whole and after a cut step
STALLED = 1e-3  # a step that gains less than this share of q is a weak one
WEAK = 6  # weak steps in a row, by which the damping has fallen by 1e9, end at a local minimum
MOMENTS = 0.9, 0.99  # decay of Adam's averages; slopes fall by orders of magnitude in 100 steps
TINY = 1e-30  # keeps it from dividing by 0
LAST_RATE = 1e-4
ROWS = 1024  # that Adam moves at once

Move = Callable[[Array], Array]
"""s [D] -> F(s) [D]."""


class Minimum(NamedTuple):
    """Where a start has led.

    Attributes:
        point: [D].
        q: [] its speed |F(s) - s|^2 / 2.
        iterations: [] int.
    """

    point: Array
    q: Array
    iterations: Array


def speed(move: Move, s: Array) -> Array:
    """q of a state [D]."""
    g = move(s) - s
    return jnp.sum(g * g) / 2


def newton(move: Move, start: Array, *, target: Array, steps: int) -> Minimum:
    """Damped Newton from one start [D], until q <= target, no progress, or so many steps."""
    identity = jnp.eye(start.size, dtype=start.dtype)
    residual = lambda s: (move(s) - s,) * 2

    def iterate(carry: Any) -> Any:
        s, q, number, factor, weak = carry
        A, g = jax.jacfwd(residual, has_aux=True)(s)
        slope = g @ A
        square = A.T @ A
        # Rounding makes a singular matrix indefinite; its size is that of the largest entries.
        least = jnp.finfo(s.dtype).eps * jnp.trace(square) / jnp.sqrt(s.size)
        damping = jnp.maximum(factor * jnp.minimum(2 * q, 1), least)
        root = jax.lax.linalg.cholesky(square + damping * identity, symmetrize_input=False)
        half = jax.lax.linalg.triangular_solve(root, -slope[:, None], left_side=True, lower=True)
        d = jax.lax.linalg.triangular_solve(
            root, half, left_side=True, lower=True, transpose_a=True
        )[:, 0]
        d = jnp.where(jnp.isfinite(d).all(), d, -slope)
        falling = jnp.minimum(slope @ d, 0)

        def shorter(trial: Any) -> Any:
            share, _, count = trial
            return share / 2, speed(move, s + share / 2 * d), count + 1

        def too_long(trial: Any) -> Array:
            share, tried, count = trial
            return ~(tried <= q + ENOUGH * share * falling) & (count < HALVINGS)

        whole = jnp.ones((), s.dtype)
        share, tried, _ = jax.lax.while_loop(too_long, shorter, (whole, speed(move, s + d), 0))
        better = tried < q
        factor = jnp.minimum(factor * jnp.where(share == 1, EASED, TIGHTENED), 1)
        weak = jnp.where(q - tried > STALLED * q, 0, weak + 1)
        s, q = jnp.where(better, s + share * d, s), jnp.where(better, tried, q)
        return s, q, number + 1, factor, jnp.where(better, weak, WEAK)

    def going(carry: Any) -> Array:
        _, q, number, _, weak = carry
        return (weak < WEAK) & (q > target) & (number < steps)

    first = speed(move, start)
    weak = jnp.where(jnp.isfinite(first), 0, WEAK)
    begin = (start, first, jnp.int32(0), jnp.ones((), start.dtype), weak)
    point, q, number, *_ = jax.lax.while_loop(going, iterate, begin)
    return Minimum(point, q, number)


def adam(move: Move, start: Array, *, target: Array, steps: int, rate: float) -> Minimum:
    """Gradient descent from one start [D], until q <= target or so many steps."""
    decay = LAST_RATE ** (1 / max(1, steps - 1))

    def iterate(carry: Any) -> Any:
        s, mean, square, best, number = carry
        q, slope = jax.value_and_grad(lambda s: speed(move, s))(s)
        better = q < best.q
        best = Minimum(jnp.where(better, s, best.point), jnp.where(better, q, best.q), number)
        mean = MOMENTS[0] * mean + (1 - MOMENTS[0]) * slope
        square = MOMENTS[1] * square + (1 - MOMENTS[1]) * slope * slope
        t = (number + 1).astype(s.dtype)
        corrected = mean / (1 - MOMENTS[0] ** t), square / (1 - MOMENTS[1] ** t)
        s = s - rate * decay ** (t - 1) * corrected[0] / (jnp.sqrt(corrected[1]) + TINY)
        return s, mean, square, best, number + 1

    def going(carry: Any) -> Array:
        *_, best, number = carry
        return (best.q > target) & (number < steps)

    zero, count = jnp.zeros_like(start), jnp.int32(0)
    first = Minimum(start, speed(move, start), count)
    s, *_, best, number = jax.lax.while_loop(going, iterate, (start, zero, zero, first, count))
    q = speed(move, s)  # of the last step, which no iteration has looked at
    better = q < best.q
    point = jnp.where(better, s, best.point)
    return Minimum(point, jnp.where(better, q, best.q), number)
