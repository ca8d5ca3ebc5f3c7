"""The convolutional LSTM, over a line or an image of cells. Shi et al. 2015, eq. 3.

    i = sigma(W_i * x + R_i * h + p_i c + b_i)     * is a convolution that keeps the map's size
    f = sigma(W_f * x + R_f * h + p_f c + b_f)
    z = tanh(W_z * x + R_z * h + b_z)
    c' = f c + i z
    o = sigma(W_o * x + R_o * h + p_o c' + b_o)    reads the new cell
    h' = o tanh(c')

Inputs are [B, T, spatial..., X] and states [B, spatial..., H]; beyond its edges a map is zero.
Peepholes have a weight for every place of the map, as in the paper, so that they alone need its
size, the option `spatial`. Deviations: without `spatial` there are no peepholes, and maps may have
any size; the forget bias starts at 1.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "ConvLSTM"
BIBTEX = """
@inproceedings{shi2015convlstm,
  author = {Xingjian Shi and Zhourong Chen and Hao Wang and Dit-Yan Yeung and Wai-kin Wong and
    Wang-chun Woo},
  title = {Convolutional {LSTM} Network: A Machine Learning Approach for Precipitation
    Nowcasting},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2015},
}
"""

BLOCKS = ("i", "f", "z", "o")
LAYOUTS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}
"""Number of spatial axes -> order of the axes of maps, kernels and results."""


class ConvLSTMState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        c: cell, [..., spatial..., H].
        h: output, [..., spatial..., H].
    """

    c: Array
    h: Array


def cell(
    hidden_size: int = 64,
    *,
    kernel_size: tuple = (3, 3),
    spatial: tuple = (),
    forget_bias: float = 1.0,
    initializer: str = "orthogonal",
) -> Cell:
    """A convolutional LSTM.

    Args:
        hidden_size: number of channels H of the state.
        kernel_size: extent of the kernels, one odd number for each spatial axis: (5,) over a line,
            (3, 3) over an image.
        spatial: size of the map, needed for peepholes; () for no peepholes.
        forget_bias: initial value of b_f.
        initializer: initializer of W and R, as matrices with a row for each input of a kernel;
            a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; kernels of other than one or two odd extents; a map with
            another number of axes than its kernels; an unknown initializer.
    """
    checks.size("hidden_size", hidden_size)
    start = initializers.get(initializer)
    if len(kernel_size) not in LAYOUTS or not all(_odd(k) for k in kernel_size):
        raise ValueError(
            f"kernel_size={kernel_size}; expected one or two odd numbers, such as (3,) or (3, 3)"
        )
    if spatial and (len(spatial) != len(kernel_size) or min(spatial) < 1):
        raise ValueError(
            f"spatial={spatial} under kernel_size={kernel_size}; "
            f"expected {len(kernel_size)} positive numbers, or () for no peepholes"
        )
    G, H, taps = len(BLOCKS), hidden_size, math.prod(kernel_size)

    def init(key: Key, in_features: int) -> Params:
        key_input, key_recurrent, key_peepholes = jax.random.split(key, 3)
        gate_sizes = dict.fromkeys(BLOCKS, H)
        W = start.W(key_input, taps * in_features, gate_sizes, H)
        R = start.R(key_recurrent, taps * H, gate_sizes, H)
        params = {
            "W": W.reshape(*kernel_size, in_features, G, H),
            "R": R.reshape(*kernel_size, H, G, H),
            "b": jnp.zeros((G, H), W.dtype).at[BLOCKS.index("f")].set(forget_bias),
        }
        if spatial:
            for gate, k in zip("ifo", jax.random.split(key_peepholes, 3)):
                weights = initializers.peephole(k, (math.prod(spatial) * H,))
                params[f"p_{gate}"] = weights.reshape(*spatial, H)
        return params

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> ConvLSTMState:
        places = tuple(batch_shape[-len(kernel_size) :])
        if len(batch_shape) <= len(kernel_size) or (spatial and places != tuple(spatial)):
            expected = tuple(spatial) or f"{len(kernel_size)} spatial axes"
            raise ValueError(
                f"batch and map are {batch_shape}; expected the batch, then {expected}: "
                "inputs are [B, T, spatial..., X]"
            )
        zeros = jnp.zeros((*batch_shape, H), params["R"].dtype)
        return ConvLSTMState(zeros, zeros)

    def step(
        params: Params, state: ConvLSTMState, x: Array, noise: Noise = ()
    ) -> tuple[ConvLSTMState, Array, Gates]:
        W, R, b = params["W"], params["R"], params["b"]
        Wx = convolve(x, W)
        a = _gates.split(Wx + _gates.rows(b, Wx) + convolve(state.h, R), BLOCKS)

        def gate(name: str, c: Array) -> Array:
            if not spatial:
                return sigmoid(a[name])
            return sigmoid(a[name] + _gates.rows(params[f"p_{name}"], c) * c)

        i, f, z = gate("i", state.c), gate("f", state.c), jnp.tanh(a["z"])
        c = f * state.c + i * z
        o = gate("o", c)
        h = o * jnp.tanh(c)
        return ConvLSTMState(c, h), h, {"i": i, "f": f, "z": z, "o": o}

    return Cell(
        init,
        initial_state,
        step,
        hidden_size,
        gates=BLOCKS,
        output="h",
        feature_axes=1 + len(kernel_size),
    )


def convolve(maps: Array, kernels: Array) -> Array:
    """Maps [..., spatial..., X] with kernels [extents..., X, G, H]: [..., spatial..., G, H].

    As in all deep-learning libraries this is a cross-correlation: kernels are not flipped.
    """
    *extents, features, gates, width = kernels.shape
    places = maps.shape[maps.ndim - 1 - len(extents) : -1]
    result = jax.lax.conv_general_dilated(
        maps.reshape(-1, *places, features),
        kernels.reshape(*extents, features, gates * width),
        window_strides=[1] * len(extents),
        padding="SAME",
        dimension_numbers=LAYOUTS[len(extents)],
    )
    return result.reshape(*maps.shape[:-1], gates, width)


def _odd(extent: object) -> bool:
    return isinstance(extent, int) and extent > 0 and extent % 2 == 1
