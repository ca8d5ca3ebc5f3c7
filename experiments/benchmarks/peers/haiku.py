"""Haiku: `hk.dynamic_unroll` over `hk.LSTM`, time-major, and cores as steps."""

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from experiments.benchmarks.contestant import Layer, Size, Step
from experiments.benchmarks.layers import layer


def lstm(size: Size, xs: Any, device: str) -> Layer:
    """The layer as a pure function in `jax.jit`."""

    def forward(xs: Any) -> Any:
        core = hk.LSTM(size.H)
        return hk.dynamic_unroll(core, xs, core.initial_state(size.B))[0]

    pure: Any = hk.without_apply_rng(hk.transform(forward))
    return layer(pure.apply, pure.init(jax.random.key(0), xs), xs)


def step(name: str, size: Size) -> Step:
    """A recurrent core by name, as a pure function."""

    def pure(function: Any) -> Any:
        return hk.without_apply_rng(hk.transform(function))

    def state(rows: int) -> Any:
        return pure(lambda: getattr(hk, name)(size.H).initial_state(rows)).apply({})

    core = pure(lambda x, state: getattr(hk, name)(size.H)(x, state))

    def one(params: Any, state: Any, x: Any) -> Any:
        y, state = core.apply(params, x, state)
        return state, y

    params = core.init(jax.random.key(0), jnp.zeros((1, size.X)), state(1))
    return Step(one, params, state)
