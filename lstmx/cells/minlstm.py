"""The minimal LSTM, whose gates read the input alone and sum to one. Feng et al. 2024.

    i~ = sigma(W_i x + b_i)   f~ = sigma(W_f x + b_f)   z = W_z x + b_z
    i = i~ / (i~ + f~)        f = f~ / (i~ + f~)        h' = f h + i z

    candidate="positive"   z = g(W_z x + b_z), g(v) = v + 1/2 if v >= 0 else sigma(v)

The gates returned are the normalised i and f; they are computed as sigma(log i~ - log f~) and its
complement, which is equal and does not divide 0 by 0 where both are closed. Deviations: b_f starts
at 1. For the state in the form "positive" see the minGRU.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates, _input_gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "minLSTM"
BIBTEX = """
@misc{feng2024minimal,
  author = {Leo Feng and Frederick Tung and Mohamed Osama Ahmed and Yoshua Bengio and Hossein
    Hajimirsadeghi},
  title = {Were {RNNs} All We Needed?},
  eprint = {2410.01201},
  archiveprefix = {arXiv},
  year = {2024},
}
"""

BLOCKS = ("i", "f", "z")


class MinLSTMState(NamedTuple):
    """h: cell and output, [..., H]."""

    h: Array


def cell(
    hidden_size: int = 64,
    *,
    candidate: str = "linear",
    forget_bias: float = 1.0,
    initializer: str = "orthogonal",
) -> Cell:
    """A minLSTM.

    Args:
        hidden_size: number of units H.
        candidate: "linear", or "positive" as in the log-space form.
        forget_bias: initial value of b_f; positive values retain the state.
        initializer: initializer of W, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown candidate or initializer.
    """
    checks.size("hidden_size", hidden_size)
    checks.one_of("candidate", candidate, _input_gates.CANDIDATES)
    initializers.get(initializer)
    g = _input_gates.CANDIDATES[candidate]

    def init(key: Key, in_features: int) -> Params:
        bias = {"f": forget_bias}
        return _input_gates.init(
            key, in_features, hidden_size, BLOCKS, initializer=initializer, bias=bias
        )

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> MinLSTMState:
        return MinLSTMState(jnp.zeros((*batch_shape, hidden_size), params["W"].dtype))

    def gates(params: Params, x: Array) -> tuple[Array, Array, Array]:
        a = _gates.split(_gates.project(params, x), BLOCKS)
        i = sigmoid(jax.nn.log_sigmoid(a["i"]) - jax.nn.log_sigmoid(a["f"]))
        return i, 1 - i, g(a["z"])

    def step(
        params: Params, state: MinLSTMState, x: Array, noise: Noise = ()
    ) -> tuple[MinLSTMState, Array, Gates]:
        i, f, z = gates(params, x)
        h = f * state.h + i * z
        return MinLSTMState(h), h, {"i": i, "f": f, "z": z}

    def linear(params: Params, x: Array) -> tuple[MinLSTMState, MinLSTMState]:
        i, f, z = gates(params, x)
        return MinLSTMState(f), MinLSTMState(i * z)

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h", linear=linear)
