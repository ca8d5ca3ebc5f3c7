"""Equinox: cells mapped over the batch, inside `lax.scan` as a layer and alone as steps."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from experiments.benchmarks.contestant import Layer, Size, Step
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


def step(name: str, size: Size) -> Step:
    """`LSTMCell` or `GRUCell`; they know single examples only."""
    cell = getattr(eqx.nn, name)(size.X, size.H, key=jax.random.key(0))
    params, static = eqx.partition(cell, eqx.is_array)
    pair = name == "LSTMCell"

    def one(params: Any, state: Any, x: Any) -> Any:
        state = jax.vmap(eqx.combine(params, static))(x, state)
        return state, state[0] if pair else state

    def state(rows: int) -> Any:
        zeros = jnp.zeros((rows, size.H))
        return (zeros, zeros) if pair else zeros

    return Step(one, params, state)
