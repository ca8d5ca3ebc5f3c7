"""Haiku: `hk.dynamic_unroll` over `hk.LSTM`, time-major."""

from typing import Any

import haiku as hk
import jax

from experiments.benchmarks.contestant import Layer, Size
from experiments.benchmarks.layers import layer


def lstm(size: Size, xs: Any, device: str) -> Layer:
    """The layer as a pure function in `jax.jit`."""

    def forward(xs: Any) -> Any:
        core = hk.LSTM(size.H)
        return hk.dynamic_unroll(core, xs, core.initial_state(size.B))[0]

    pure: Any = hk.without_apply_rng(hk.transform(forward))
    return layer(pure.apply, pure.init(jax.random.key(0), xs), xs)
