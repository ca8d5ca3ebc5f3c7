"""The minimal GRU, whose gates read the input alone. Feng et al. 2024.

    z = sigma(W_z x + b_z)   n = W_n x + b_n   h' = (1 - z) h + z n

    candidate="positive"   n = g(W_n x + b_n), g(v) = v + 1/2 if v >= 0 else sigma(v)

"positive" is the paper's form for computing in log space. Here the state is
not transformed in either form: an initial h of 0 is 0, while code that takes the logarithm of g(h)
starts from g(0) = 1/2 and, continued from its last state, computes another sequence.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates, _input_gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "minGRU"
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

BLOCKS = ("z", "n")


class MinGRUState(NamedTuple):
    """h: output, [..., H]."""

    h: Array


def cell(
    hidden_size: int = 64,
    *,
    candidate: str = "linear",
    update_bias: float = 0.0,
    initializer: str = "orthogonal",
) -> Cell:
    """A minGRU.

    Args:
        hidden_size: number of units H.
        candidate: "linear", or "positive" as in the log-space form.
        update_bias: initial value of b_z; negative values retain the state.
        initializer: initializer of W, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown candidate or initializer.
    """
    checks.size("hidden_size", hidden_size)
    checks.one_of("candidate", candidate, _input_gates.CANDIDATES)
    initializers.get(initializer)
    g = _input_gates.CANDIDATES[candidate]

    def init(key: Key, in_features: int) -> Params:
        bias = {"z": update_bias}
        return _input_gates.init(
            key, in_features, hidden_size, BLOCKS, initializer=initializer, bias=bias
        )

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> MinGRUState:
        return MinGRUState(jnp.zeros((*batch_shape, hidden_size), params["W"].dtype))

    def gates(params: Params, x: Array) -> tuple[Array, Array]:
        a = _gates.split(_gates.project(params, x), BLOCKS)
        return sigmoid(a["z"]), g(a["n"])

    def step(
        params: Params, state: MinGRUState, x: Array, noise: Noise = ()
    ) -> tuple[MinGRUState, Array, Gates]:
        z, n = gates(params, x)
        h = (1 - z) * state.h + z * n
        return MinGRUState(h), h, {"z": z, "n": n}

    def linear(params: Params, x: Array) -> tuple[MinGRUState, MinGRUState]:
        z, n = gates(params, x)
        return MinGRUState(1 - z), MinGRUState(z * n)

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h", linear=linear)
