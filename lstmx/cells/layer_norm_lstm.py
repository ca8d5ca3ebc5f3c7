"""The LSTM with layer normalisation. Ba, Kiros & Hinton 2016.

    a = LN(W x; g_x, b_x) + LN(R h; g_h, b_h) + b            i, f, z, o are its four blocks
    c' = sigma(a_f) c + sigma(a_i) tanh(a_z)
    h' = sigma(a_o) tanh(LN(c'; g_c, b_c))

    LN(v; g, b) = g (v - mean v) / sqrt(var v + epsilon) + b

`separate=False` is a = LN(W x + R h; g_a, b), one normalisation of the sum. `per_gate` takes mean
and variance over each gate's H numbers, not over all 4 H. With `cell_norm` "output", as in
the paper, LN(c') is read by h' alone; with "carried" by the next step too; with "none" by neither.
The layer of TensorFlow 1 is per_gate=True, separate=False, cell_norm="carried". With a single input
feature LN(W x) depends on the sign of x only, and so does LN(W x + R h) at the first step: give
such a cell a constant as second feature. Deviations from the paper: b_f starts at 1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "layer norm LSTM"
BIBTEX = """
@misc{ba2016layernorm,
  author = {Jimmy Lei Ba and Jamie Ryan Kiros and Geoffrey E. Hinton},
  title = {Layer Normalization},
  eprint = {1607.06450},
  archiveprefix = {arXiv},
  year = {2016},
}
"""

BLOCKS = ("i", "f", "z", "o")
CELL_NORMS = ("output", "carried", "none")


class LayerNormLSTMState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        c: cell, [..., H]; normalised if that is carried.
        h: output, [..., H].
    """

    c: Array
    h: Array


def cell(
    hidden_size: int = 64,
    *,
    separate: bool = True,
    per_gate: bool = False,
    cell_norm: str = "output",
    epsilon: float = 1e-5,
    forget_bias: float = 1.0,
    initializer: str = "orthogonal",
) -> Cell:
    """A layer-normalised LSTM.

    Args:
        hidden_size: number of cells H.
        separate: normalise W x and R h separately, not their sum.
        per_gate: take mean and variance over each gate, not over all four together.
        cell_norm: where the normalised cell is used: in the "output", also in the next step
            ("carried"), or nowhere ("none").
        epsilon: added to the variance.
        forget_bias: initial value of b_f.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an epsilon that is not positive; an unknown cell norm or
            initializer; a normalisation over a single unit.
    """
    checks.size("hidden_size", hidden_size)
    checks.one_of("cell_norm", cell_norm, CELL_NORMS)
    initializers.get(initializer)
    if not epsilon > 0:
        raise ValueError(f"epsilon={epsilon}; expected a positive number")
    if hidden_size == 1 and (per_gate or cell_norm != "none"):
        raise ValueError(
            "hidden_size=1; expected 2 or more, or per_gate=False with cell_norm='none': "
            "one number minus its mean is 0"
        )

    def init(key: Key, in_features: int) -> Params:
        bias = {"f": forget_bias}
        params = _gates.init(
            key, in_features, hidden_size, BLOCKS, initializer=initializer, bias=bias
        )
        for part in ("x", "h") if separate else ("a",):
            params[f"g_{part}"] = jnp.ones_like(params["b"])
            if separate:
                params[f"b_{part}"] = jnp.zeros_like(params["b"])
        if cell_norm != "none":
            params["g_c"] = jnp.ones_like(params["b"][0])
            params["b_c"] = jnp.zeros_like(params["b"][0])
        return params

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> LayerNormLSTMState:
        zeros = jnp.zeros((*batch_shape, hidden_size), params["R"].dtype)
        return LayerNormLSTMState(zeros, zeros)

    def normalise_gates(a: Array) -> Array:
        return normalise(a, -1 if per_gate else (-2, -1), epsilon)

    def step(
        params: Params, state: LayerNormLSTMState, x: Array, noise: Noise = ()
    ) -> tuple[LayerNormLSTMState, Array, Gates]:
        Wx, Rh = _gates.product(x, params["W"]), _gates.recur(params, state.h)
        row = lambda name, like: _gates.rows(params[name], like)
        if separate:
            u = row("g_x", Wx) * normalise_gates(Wx) + row("b_x", Wx)
            total = u + row("g_h", Rh) * normalise_gates(Rh) + row("b_h", Rh)
        else:
            total = row("g_a", Wx) * normalise_gates(Wx + Rh)
        a = _gates.split(total + row("b", total), BLOCKS)
        i, f, o = (sigmoid(a[gate]) for gate in ("i", "f", "o"))
        z = jnp.tanh(a["z"])
        c = normalised = f * state.c + i * z
        if cell_norm != "none":
            normalised = row("g_c", c) * normalise(c, -1, epsilon) + row("b_c", c)
        h = o * jnp.tanh(normalised)
        carried = normalised if cell_norm == "carried" else c
        return LayerNormLSTMState(carried, h), h, {"i": i, "f": f, "z": z, "o": o}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")


def normalise(v: Array, axes: int | tuple[int, ...], epsilon: float) -> Array:
    """v [...] with mean 0 and variance 1 over some axes. Ba et al. 2016, without gain."""
    centred = v - v.mean(axes, keepdims=True)
    variance = jnp.square(centred).mean(axes, keepdims=True)
    return centred * jax.lax.rsqrt(variance + epsilon)
