"""Keras on its JAX backend: `keras.layers.LSTM`, which takes batch-major arrays only."""

import os
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is imported, and only then

import jax.numpy as jnp
import keras
import numpy as np

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


def tutorial_relu(size: Size, steps: int, device: str) -> Callable[[], Any]:
    """`fit` of LSTM(H, activation="relu") and Dense(1) for an epoch of `steps` batches."""
    return _tutorial(size, "relu", steps)


def tutorial_tanh(size: Size, steps: int, device: str) -> Callable[[], Any]:
    """The same with Keras' usual activation."""
    return _tutorial(size, "tanh", steps)


def _tutorial(size: Size, activation: str, steps: int) -> Callable[[], Any]:
    sampled = np.random.default_rng(0).normal(size=(steps * size.B, size.T + 1, size.X))
    whole = sampled.astype(np.float32)
    xs, targets = whole[:, :-1], whole[:, -1, :1]
    recurrent = keras.layers.LSTM(size.H, activation=activation)
    model = keras.Sequential(
        [keras.Input((size.T, size.X)), recurrent, keras.layers.Dense(1)],
    )
    model.compile(optimizer="adam", loss="mse")
    return lambda: model.fit(xs, targets, batch_size=size.B, verbose=0)
