"""The structurally constrained network: fast and slow units. Mikolov et al. 2014.

    s' = (1 - alpha) B x + alpha s                context units, slow
    h' = sigma(P s' + A x + R h)                  hidden units, fast
    y = (h', s')

arXiv:1412.7753. The paper's output f(U h' + V s') is the readout's task: the cell
returns h' and s' concatenated, so that a linear readout has the matrices U and V. There are no
biases. With `adaptive` each context unit learns alpha = sigma(beta), which is in the paper too.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "SCRN"
BIBTEX = """
@misc{mikolov2014scrn,
  author = {Tomas Mikolov and Armand Joulin and Sumit Chopra and Michael Mathieu and Marc'Aurelio
    Ranzato},
  title = {Learning Longer Memory in Recurrent Neural Networks},
  eprint = {1412.7753},
  archiveprefix = {arXiv},
  year = {2014},
}
"""


class SCRNState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        h: hidden units, [..., H].
        s: context units, [..., C].
    """

    h: Array
    s: Array


def cell(
    hidden_size: int = 64,
    *,
    context_size: int = 16,
    alpha: float = 0.95,
    adaptive: bool = False,
    initializer: str = "orthogonal",
) -> Cell:
    """A structurally constrained network.

    Args:
        hidden_size: number of hidden units H.
        context_size: number of context units C; the output has size H + C.
        alpha: the fraction of its value that a context unit retains, between 0 and 1.
        adaptive: whether each context unit learns its alpha, initially `alpha`.
        initializer: initializer of A, B, P and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an alpha outside of (0, 1); an unknown initializer.
    """
    checks.size("hidden_size", hidden_size)
    checks.size("context_size", context_size)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha}; expected a number between 0 and 1")
    start = initializers.get(initializer)

    def init(key: Key, in_features: int) -> Params:
        key_input, key_recurrent = jax.random.split(key)
        sizes, hidden = {"s": context_size, "h": hidden_size}, {"h": hidden_size}
        B, A = jnp.split(start.W(key_input, in_features, sizes, hidden_size), [context_size], -1)
        P = start.W(jax.random.fold_in(key_recurrent, 1), context_size, hidden, hidden_size)
        R = start.R(key_recurrent, hidden_size, hidden, hidden_size)
        params = {"A": A, "B": B, "P": P, "R": R}
        if adaptive:
            params["beta"] = jnp.full(context_size, jnp.log(alpha / (1 - alpha)), A.dtype)
        return params

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> SCRNState:
        zeros = lambda size: jnp.zeros((*batch_shape, size), params["R"].dtype)
        return SCRNState(zeros(hidden_size), zeros(context_size))

    def step(
        params: Params, state: SCRNState, x: Array, noise: Noise = ()
    ) -> tuple[SCRNState, Array, Gates]:
        h, s = state
        retention = _gates.rows(sigmoid(params["beta"]), s) if adaptive else alpha
        s = (1 - retention) * _gates.product(x, params["B"]) + retention * s
        h = sigmoid(
            _gates.product(s, params["P"])
            + _gates.product(x, params["A"])
            + _gates.product(h, params["R"])
        )
        return SCRNState(h, s), jnp.concatenate([h, s], axis=-1), {}

    return Cell(init, initial_state, step, hidden_size + context_size)
