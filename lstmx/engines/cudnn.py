"""The LSTM kernel of cuDNN on an NVIDIA GPU, for the one cell that it computes.

It supports neither resets nor masks, returns no gates, and has first derivatives in reverse mode
only; the fused engine computes everything else.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from lstmx.engines._blocks import Remat
from lstmx.types import Array, Cell, Kernel, Noise, Params, State, Unrolled


def refusal(
    cell: Cell, *, resets: bool = False, mask: bool = False, return_trace: bool = False
) -> str | None:
    """Why a cell cannot run here; None for the plain LSTM on a GPU without resets, mask or trace.

    Args:
        resets, mask: whether the unroll has them.
        return_trace: whether its trace is returned.
    """
    # By identity of the step: a wrapper or an option that changes it has made another cell.
    if cell.cudnn is None or cell.cudnn.step is not cell.step:
        return (
            "engine 'cudnn' computes the plain LSTM only: variant NP, no further option or wrapper"
        )
    if resets or mask or return_trace:
        return "engine 'cudnn' supports no resets, masks, lengths or traces; use engine 'fused'"
    if jax.default_backend() != "gpu":
        return f"engine 'cudnn' needs an NVIDIA GPU; this process runs on {jax.default_backend()}"
    return None


def run(
    cell: Cell,
    params: Params,
    state: State,
    xs: Any,
    noise: Noise,
    resets: Array | None,
    mask: Array | None,
    *,
    return_trace: bool,
    remat_every: Remat,
) -> Unrolled:
    """Unroll a plain LSTM; arguments as for `lstmx.engines.scan.run`.

    Args:
        remat_every: has no effect; cuDNN decides what it saves for its reverse pass.

    Raises:
        ValueError: what `refusal` returns.
    """
    requested = {
        "resets": resets is not None,
        "mask": mask is not None,
        "return_trace": return_trace,
    }
    if (reason := refusal(cell, **requested)) is not None:
        raise ValueError(reason)
    assert cell.cudnn is not None
    length, rows, features = xs.shape
    outputs, h, c = rnn.lstm(
        jnp.swapaxes(xs, 0, 1),
        state.h[None],
        state.c[None],
        packed(cell.cudnn, params),
        jnp.full(rows, length, jnp.int32),
        input_size=features,
        hidden_size=cell.out_features,
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
    )
    return Unrolled(jnp.swapaxes(outputs, 0, 1), state._replace(c=c[0], h=h[0]), None)


def packed(kernel: Kernel, params: Params) -> Array:
    """Parameters as cuDNN's flat vector: W_ih, W_hh, b_ih and b_hh, which is zero.

    cuDNN adds two biases where the cell has one.
    """
    W, R, b = kernel.weights(params)
    return jnp.concatenate([W.ravel(), R.ravel(), b, jnp.zeros_like(b)])
