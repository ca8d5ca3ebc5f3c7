"""The sLSTM: exponential gates, a normaliser, memory mixing. Beck et al. 2024, eq. 8 to 17.

    a = W x + R h + b         R is block-diagonal, one block for each head
    i = exp(a_i)   f = sigma(a_f) or exp(a_f)   z = tanh(a_z)   o = sigma(a_o)
    c' = f c + i z            n' = f n + i            h' = o c' / n'

c and n are stored divided by exp(m), m' = max(log f + m, log i), which does not change h. The gates
returned as i and f are those by which the stored c and n are computed, i' = i exp(-m') and f' = f
exp(m - m'), between 0 and 1. Because m starts at minus infinity, n' is never below 1: a clamp of n
at 1, as in other code, would change nothing. Deviations: R is initialized by
`initializer`, where the authors' code starts it at 0.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates, _stabiliser
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "sLSTM"
BIBTEX = """
@misc{beck2024xlstm,
  author = {Maximilian Beck and Korbinian Pöppel and Markus Spanring and Andreas Auer and
    Oleksandra Prudnikova and Michael Kopp and Günter Klambauer and Johannes Brandstetter and Sepp
    Hochreiter},
  title = {{xLSTM}: Extended Long Short-Term Memory},
  eprint = {2405.04517},
  archiveprefix = {arXiv},
  year = {2024},
}
"""

BLOCKS = ("i", "f", "z", "o")


class SLSTMState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        c: cell, divided by exp(m), [..., H].
        n: normaliser, divided by exp(m), [..., H].
        m: stabiliser, [..., H].
        h: output, [..., H].
    """

    c: Array
    n: Array
    m: Array
    h: Array


def cell(
    hidden_size: int = 64,
    *,
    heads: int = 1,
    forget_gate: str = "sigmoid",
    forget_bias: float | None = None,
    initializer: str = "orthogonal",
) -> Cell:
    """An sLSTM.

    Args:
        hidden_size: number of cells H.
        heads: number of diagonal blocks of R; it divides H.
        forget_gate: "sigmoid" or "exponential".
        forget_bias: initial value of b_f; None is 5 - 12 (k / (D - 1))^0.3 over the units of a
            head, from 5 to -7 (the authors' code).
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size or number below one; heads that do not divide H; an unknown forget gate
            or initializer.
    """
    checks.size("hidden_size", hidden_size)
    _gates.check_heads(heads, hidden_size=hidden_size)
    checks.one_of("forget_gate", forget_gate, _stabiliser.FORGET_GATES)
    initializers.get(initializer)
    log_forget = _stabiliser.FORGET_GATES[forget_gate]

    def init(key: Key, in_features: int) -> Params:
        by_unit = jnp.tile(initializers.power_law(hidden_size // heads), heads)
        return _gates.init(
            key,
            in_features,
            hidden_size,
            BLOCKS,
            initializer=initializer,
            bias={"f": by_unit if forget_bias is None else forget_bias},
            heads=heads,
        )

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> SLSTMState:
        shape, dtype = (*batch_shape, hidden_size), params["R"].dtype
        zeros = jnp.zeros(shape, dtype)
        return SLSTMState(c=zeros, n=zeros, m=_stabiliser.never(shape, dtype), h=zeros)

    def step(
        params: Params, state: SLSTMState, x: Array, noise: Noise = ()
    ) -> tuple[SLSTMState, Array, Gates]:
        a = _gates.split(_gates.pre_activations(params, x, state.h), BLOCKS)
        m, i, f = _stabiliser.stabilise(state.m, a["i"], log_forget(a["f"]))
        z, o = jnp.tanh(a["z"]), sigmoid(a["o"])
        c = f * state.c + i * z
        n = f * state.n + i
        h = o * c / n
        return SLSTMState(c, n, m, h), h, {"i": i, "f": f, "z": z, "o": o}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")
