"""The LSTM with layer normalisation. Ba, Kiros & Hinton 2016.

    a = LN(W x; g_x, b_x) + LN(R h; g_h, b_h) + b            i, f, z, o are its four blocks
    c' = sigma(a_f) c + sigma(a_i) tanh(a_z)
    h' = sigma(a_o) tanh(LN(c'; g_c, b_c))

    LN(v; g, b) = g (v - mean v) / sqrt(var v + epsilon) + b

`separate=False` is a = LN(W x + R h; g_a, b), one normalisation of the sum. `per_gate` takes mean
and variance over each gate's H numbers, not over all 4 H. `cell_norm` says whether LN(c') is seen
by the "output" alone, as in the paper, is "carried" to the next step too, or is "none". The layer
of TensorFlow 1 is per_gate=True, separate=False, cell_norm="carried". With a single input feature
LN(W x) has no more of x than its sign, and so has LN(W x + R h) at the first step: give such a cell
a constant as second feature. Deviations from the paper: b_f starts at 1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

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
    """What one step hands to the next.

    Attributes:
        c: cell, [..., H]; normalised if that is carried.
        h: output, [..., H].
    """

    c: Array
    h: Array


class Sums(NamedTuple):
    """The two parts of the pre-activations.

    Attributes:
        x: the input's part, [..., 4, H]; normalised where that is done separately.
        h: the state's part, not normalised, [..., 4, H].
    """

    x: Array
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
        separate: normalise W x and R h each for itself, not their sum.
        per_gate: mean and variance of each gate, not of all four together.
        cell_norm: who sees the normalised cell: the "output", also the next step ("carried"), or
            nobody ("none").
        epsilon: added to the variance.
        forget_bias: where b_f starts.
        initializer: how W and R start, see `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an epsilon that is not positive; an unknown cell norm or
            initializer; one unit normalised by itself.
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

    def project(params: Params, x: Array) -> Array:
        a = _gates.product(x, params["W"])
        if not separate:
            return a
        return params["g_x"] * normalise_gates(a) + params["b_x"]

    def recur(params: Params, state: LayerNormLSTMState, u: Array) -> Sums:
        return Sums(u, _gates.recur(params, state.h))

    def update(
        params: Params, state: LayerNormLSTMState, a: Sums, noise: Noise = ()
    ) -> tuple[LayerNormLSTMState, Array, Gates]:
        if separate:
            sums = a.x + params["g_h"] * normalise_gates(a.h) + params["b_h"]
        else:
            sums = params["g_a"] * normalise_gates(a.x + a.h)
        parts = _gates.split(sums + params["b"], BLOCKS)
        i, f, o = (sigmoid(parts[gate]) for gate in ("i", "f", "o"))
        z = jnp.tanh(parts["z"])
        c = seen = f * state.c + i * z
        if cell_norm != "none":
            seen = params["g_c"] * normalise(c, -1, epsilon) + params["b_c"]
        h = o * jnp.tanh(seen)
        kept = seen if cell_norm == "carried" else c
        return LayerNormLSTMState(kept, h), h, {"i": i, "f": f, "z": z, "o": o}

    return Cell(init, initial_state, project, recur, update, hidden_size, gates=BLOCKS, output="h")


def normalise(v: Array, axes: int | tuple[int, ...], epsilon: float) -> Array:
    """v [...] with mean 0 and variance 1 over some axes. Ba et al. 2016, without gain."""
    centred = v - v.mean(axes, keepdims=True)
    variance = jnp.square(centred).mean(axes, keepdims=True)
    return centred * jax.lax.rsqrt(variance + epsilon)
