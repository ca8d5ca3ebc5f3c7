"""The update gate RNN. Collins, Sohl-Dickstein & Sussillo 2017, arXiv:1611.09913.

    c = tanh(W_c x + R_c h + b_c)
    g = sigma(W_g x + R_g h + b_g)
    h' = g h + (1 - g) c

b_g starts at 1, which TensorFlow's cell adds at every step instead.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "UGRNN"
BIBTEX = """
@inproceedings{collins2017capacity,
  author = {Jasmine Collins and Jascha Sohl-Dickstein and David Sussillo},
  title = {Capacity and Trainability in Recurrent Neural Networks},
  booktitle = {International Conference on Learning Representations},
  eprint = {1611.09913},
  archiveprefix = {arXiv},
  year = {2017},
}
"""

BLOCKS = ("g", "c")


class UGRNNState(NamedTuple):
    """h: output, [..., H]."""

    h: Array


def cell(
    hidden_size: int = 64,
    *,
    activation: str = "tanh",
    update_bias: float = 1.0,
    initializer: str = "orthogonal",
) -> Cell:
    """An update gate RNN.

    Args:
        hidden_size: number of units H.
        activation: of the candidate c, a name of `_gates.ACTIVATIONS`; the paper also has relu.
        update_bias: initial value of b_g; positive values retain the state.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown activation or initializer.
    """
    checks.size("hidden_size", hidden_size)
    checks.one_of("activation", activation, _gates.ACTIVATIONS)
    initializers.get(initializer)
    s = _gates.ACTIVATIONS[activation]

    def init(key: Key, in_features: int) -> Params:
        bias = {"g": update_bias}
        return _gates.init(
            key, in_features, hidden_size, BLOCKS, initializer=initializer, bias=bias
        )

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> UGRNNState:
        return UGRNNState(jnp.zeros((*batch_shape, hidden_size), params["R"].dtype))

    def step(
        params: Params, state: UGRNNState, x: Array, noise: Noise = ()
    ) -> tuple[UGRNNState, Array, Gates]:
        a = _gates.split(_gates.pre_activations(params, x, state.h), BLOCKS)
        c, g = s(a["c"]), sigmoid(a["g"])
        h = g * state.h + (1 - g) * c
        return UGRNNState(h), h, {"g": g, "c": c}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")
