"""Products of Jacobians along a trajectory, rescaled at every step."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from lstmx.analysis._system import System
from lstmx.types import Array, Params


def norm(a: Array, axes: int | tuple[int, ...]) -> Array:
    """The 2-norm over some axes, which does not underflow where squares would: below 1e-19."""
    largest = jnp.abs(a).max(axes, keepdims=True)
    largest = jnp.where(largest > 0, largest, 1)
    return jnp.squeeze(largest, axes) * jnp.sqrt(jnp.square(a / largest).sum(axes))


@functools.partial(jax.jit, static_argnums=(0, 1))
def products(
    system: System,
    number: int,
    params: Params,
    inputs: Any,
    start: Array,
    mask: Array | None,
    slots: Array,
) -> tuple[dict[str, Array], Array, Array]:
    """Returns what `gradients.reach` is made of, at the last step of each example.

    Args:
        number: K, how many products are kept.
        slots: [T + 1], lag -> position among the products kept, K or more for none.

    Returns:
        log10 of the root mean square singular value by leaf, "" for the whole state, [B, T + 1];
        products [B, K, D, D] up to a scale, and log10 of that scale, [B, K].
    """
    D = system.size
    parts = {"": slice(0, D), **system.parts}

    def norms_of(P: Array, scale: Array) -> list[Array]:
        widths = [part.stop - part.start for part in parts.values()]
        sizes = [norm(P[:, part], (0, 1)) for part in parts.values()]
        return [scale + jnp.log10(size / math.sqrt(width)) for size, width in zip(sizes, widths)]

    def one(s: Array, xs: Any, here: Any) -> Any:
        def forward(s: Array, now: Any) -> tuple[Array, Array]:
            x, here = now
            after = system.step(params, s, x)[0]
            return after if here is None else jnp.where(here, after, s), s

        _, before = jax.lax.scan(forward, s, (xs, here))
        length = before.shape[0]

        def store(kept: Any, lag: Array, P: Array, scale: Array) -> Any:
            rows, products, scales = kept
            rows = [row.at[lag].set(n) for row, n in zip(rows, norms_of(P, scale))]
            slot = jnp.asarray(slots)[lag]
            products = products.at[slot].set(P, mode="drop")
            return rows, products, scales.at[slot].set(scale, mode="drop")

        def backward(carry: Any, now: Any) -> tuple[Any, None]:
            P, scale, lag, kept = carry
            s, x, here = now
            pull = jax.vjp(lambda s: system.step(params, s, x)[0], s)[1]
            new = jax.vmap(lambda row: pull(row)[0])(P)
            size = jnp.abs(new).max()
            size = jnp.where(size > 0, size, 1)
            new, grown = new / size, scale + jnp.log10(size)
            if here is not None:
                new, grown = jnp.where(here, new, P), jnp.where(here, grown, scale)
                lag = lag + here.astype(lag.dtype)
            else:
                lag = lag + 1
            # A step that does not exist stores the same product at the same lag again.
            return (new, grown, lag, store(kept, lag, new, grown)), None

        P, zero = jnp.eye(D, dtype=s.dtype), jnp.zeros((), s.dtype)
        empty = (
            [jnp.full(length + 1, jnp.nan, s.dtype) for _ in parts],
            jnp.zeros((number, D, D), s.dtype),
            jnp.zeros(number, s.dtype),
        )
        first = (P, zero, jnp.zeros((), int), store(empty, jnp.zeros((), int), P, zero))
        final, _ = jax.lax.scan(backward, first, (before, xs, here), reverse=True)
        rows, products, scales = final[3]
        return dict(zip(parts, rows)), products, scales

    return jax.vmap(one)(start, inputs, mask)
