"""JANET, the LSTM with only a forget gate. van der Westhuizen & Lasenby 2018, arXiv:1804.04849.

    a_f = W_f x + R_f c + b_f
    f = sigma(a_f)
    i = sigma(beta - a_f)                   which is 1 - sigma(a_f - beta)
    z = tanh(W_z x + R_z c + b_z)
    c' = f c + i z                          h' = c'

With beta = 0 the gates are coupled, i = 1 - f; the paper's beta = 1 writes slightly more than it
forgets.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "JANET"
BIBTEX = """
@misc{vanderwesthuizen2018janet,
  author = {Jos van der Westhuizen and Joan Lasenby},
  title = {The Unreasonable Effectiveness of the Forget Gate},
  eprint = {1804.04849},
  archiveprefix = {arXiv},
  year = {2018},
}
"""

BLOCKS = ("f", "z")


class JANETState(NamedTuple):
    """c: cell and output, [..., H]."""

    c: Array


def cell(
    hidden_size: int = 64,
    *,
    beta: float = 1.0,
    forget_bias: float = 1.0,
    chrono: int = 0,
    initializer: str = "orthogonal",
) -> Cell:
    """A JANET.

    Args:
        hidden_size: number of cells H.
        beta: by how much the input gate's pre-activation exceeds the negative forget gate's.
        forget_bias: initial value of b_f.
        chrono: longest dependency in steps; b_f is then sampled by `initializers.chrono`, as in the
            paper. 0 is off.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown initializer; chrono together with a forget bias.
    """
    checks.size("hidden_size", hidden_size)
    _gates.check_chrono(chrono, forget_bias, 1.0, "forget_bias")
    initializers.get(initializer)

    def init(key: Key, in_features: int) -> Params:
        key_weights, key_bias = jax.random.split(key)
        b_f = initializers.chrono(key_bias, hidden_size, chrono) if chrono else forget_bias
        return _gates.init(
            key_weights, in_features, hidden_size, BLOCKS, initializer=initializer, bias={"f": b_f}
        )

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> JANETState:
        return JANETState(jnp.zeros((*batch_shape, hidden_size), params["R"].dtype))

    def step(
        params: Params, state: JANETState, x: Array, noise: Noise = ()
    ) -> tuple[JANETState, Array, Gates]:
        a = _gates.split(_gates.pre_activations(params, x, state.c), BLOCKS)
        f, i = sigmoid(a["f"]), sigmoid(beta - a["f"])
        z = jnp.tanh(a["z"])
        c = f * state.c + i * z
        return JANETState(c), c, {"f": f, "i": i, "z": z}

    gates = ("f", "i", "z")
    return Cell(init, initial_state, step, hidden_size, gates=gates, output="c")
