"""The multiplicative LSTM: the transition depends on the input. Krause et al. 2017.

    m = (W_m x) (R_m h)
    i, f, o = sigma(W x + R m + b)     z = tanh(W_z x + R_z m + b_z)     the LSTM, with m for h
    c' = f c + i z                     h' = o tanh(c')

Deviations: the forget bias starts at 1, and weights start orthogonal per gate.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "multiplicative LSTM"
BIBTEX = """
@misc{krause2017mlstm,
  author = {Ben Krause and Liang Lu and Iain Murray and Steve Renals},
  title = {Multiplicative {LSTM} for Sequence Modelling},
  note = {Workshop track of the International Conference on Learning Representations},
  eprint = {1609.07959},
  archiveprefix = {arXiv},
  year = {2017},
}
"""

BLOCKS = ("i", "f", "z", "o")


class MultiplicativeLSTMState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        c: cell, [..., H].
        h: output, [..., H].
    """

    c: Array
    h: Array


def cell(
    hidden_size: int = 64, *, forget_bias: float = 1.0, initializer: str = "orthogonal"
) -> Cell:
    """A multiplicative LSTM.

    Args:
        hidden_size: number of cells H, and size of m.
        forget_bias: initial value of b_f.
        initializer: initializer of matrices, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown initializer.
    """
    checks.size("hidden_size", hidden_size)
    start = initializers.get(initializer)

    def init(key: Key, in_features: int) -> Params:
        key_gates, key_input, key_recurrent = jax.random.split(key, 3)
        params = _gates.init(
            key_gates,
            in_features,
            hidden_size,
            BLOCKS,
            initializer=initializer,
            bias={"f": forget_bias},
        )
        width = {"m": hidden_size}
        params["W_m"] = start.W(key_input, in_features, width, hidden_size)
        params["R_m"] = start.R(key_recurrent, hidden_size, width, hidden_size)
        return params

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> MultiplicativeLSTMState:
        zeros = jnp.zeros((*batch_shape, hidden_size), params["R"].dtype)
        return MultiplicativeLSTMState(zeros, zeros)

    def step(
        params: Params, state: MultiplicativeLSTMState, x: Array, noise: Noise = ()
    ) -> tuple[MultiplicativeLSTMState, Array, Gates]:
        m = _gates.product(x, params["W_m"]) * _gates.product(state.h, params["R_m"])
        a = _gates.split(_gates.pre_activations(params, x, m), BLOCKS)
        i, f, o = (sigmoid(a[gate]) for gate in ("i", "f", "o"))
        z = jnp.tanh(a["z"])
        c = f * state.c + i * z
        h = o * jnp.tanh(c)
        return MultiplicativeLSTMState(c, h), h, {"i": i, "f": f, "z": z, "o": o}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")
