"""Equinox: `eqx.nn.LSTMCell` mapped over the batch inside `lax.scan`, time-major."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from experiments.benchmarks.contestant import Layer, Size
from experiments.benchmarks.layers import layer


def lstm(size: Size, xs: Any, device: str) -> Layer:
    """The layer as a pure function in `jax.jit`."""
    params, static = eqx.partition(
        eqx.nn.LSTMCell(size.X, size.H, key=jax.random.key(0)), eqx.is_array
    )

    def apply(params: Any, xs: Any) -> Any:
        cell = eqx.combine(params, static)

        def body(carry: Any, x: Any) -> Any:
            carry = jax.vmap(cell)(x, carry)
            return carry, carry[0]

        zeros = jnp.zeros((size.B, size.H))
        return jax.lax.scan(body, (zeros, zeros), xs)[1]

    return layer(apply, params, xs)
