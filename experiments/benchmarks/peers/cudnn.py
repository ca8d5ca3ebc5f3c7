"""cuDNN's LSTM in JAX, `jax.experimental.rnn`; on a GPU only, batch-major."""

from typing import Any

import jax
import jax.numpy as jnp

from experiments.benchmarks.contestant import Layer, Size
from experiments.benchmarks.layers import layer


def lstm(size: Size, xs: Any, device: str) -> Layer:
    """The layer as a pure function in `jax.jit`; its inputs are laid out [B, T, X] beforehand."""
    from jax.experimental import rnn  # needs an extension that only some builds of jaxlib have

    weights = rnn.init_lstm_weight(jax.random.key(0), size.X, size.H, 1, False)
    lengths = jnp.full((size.B,), size.T, jnp.int32)
    zeros = jnp.zeros((1, size.B, size.H))

    def apply(weights: Any, xs: Any) -> Any:
        return rnn.lstm(
            xs,
            zeros,
            zeros,
            weights,
            lengths,
            input_size=size.X,
            hidden_size=size.H,
            num_layers=1,
            dropout=0.0,
            bidirectional=False,
        )[0]

    return layer(apply, weights, jnp.swapaxes(xs, 0, 1))
