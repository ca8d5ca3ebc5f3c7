"""Keras on its JAX backend: `keras.layers.LSTM`, which takes batch-major arrays only."""

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is imported, and only then

import jax.numpy as jnp
import keras

from experiments.benchmarks.contestant import Layer, Size
from experiments.benchmarks.layers import layer


def lstm(size: Size, xs: Any, device: str) -> Layer:
    """The layer as a pure function in `jax.jit`; its inputs are laid out [B, T, X] beforehand."""
    module = keras.layers.LSTM(size.H, return_sequences=True)
    module.build((size.B, size.T, size.X))
    params = [variable.value for variable in module.trainable_variables]
    rest = [variable.value for variable in module.non_trainable_variables]

    def apply(params: Any, xs: Any) -> Any:
        return module.stateless_call(params, rest, xs)[0]

    return layer(apply, params, jnp.swapaxes(xs, 0, 1))
