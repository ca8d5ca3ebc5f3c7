"""The minimal gated unit: one gate resets and updates. Zhou et al. 2016, arXiv:1603.09420.

    f = sigma(W_f x + R_f h + b_f)

    convention="paper"   h' = (1 - f) h + f n         f overwrites the state
    convention="flax"    h' = f h + (1 - f) n         f retains the state, as in Flax

    reset="before"       n = tanh(W_n x + R_n (f h) + b_n)             the paper's
    reset="after"        n = tanh(W_n x + b_n + f (R_n h + b_hn))      Flax's, one product a step

No two of the four are the same function of their weights: f also scales h inside n, so that a
change of its sign cannot turn one convention into the other.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "MGU"
BIBTEX = """
@article{zhou2016mgu,
  author = {Guo-Bing Zhou and Jianxin Wu and Chen-Lin Zhang and Zhi-Hua Zhou},
  title = {Minimal Gated Unit for Recurrent Neural Networks},
  journal = {International Journal of Automation and Computing},
  eprint = {1603.09420},
  archiveprefix = {arXiv},
  year = {2016},
}
"""

BLOCKS = ("f", "n")


class MGUState(NamedTuple):
    """h: output, [..., H]."""

    h: Array


def cell(
    hidden_size: int = 64,
    *,
    convention: str = "paper",
    reset: str = "before",
    forget_bias: float = 0.0,
    initializer: str = "orthogonal",
) -> Cell:
    """A minimal gated unit.

    Args:
        hidden_size: number of units H.
        convention: "paper", where the gate overwrites the state, or "flax", where it retains it.
        reset: whether the gate acts "before" the recurrent product or "after" it.
        forget_bias: initial value of b_f. Flax has 1, which retains the state in its convention.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown convention, reset or initializer.
    """
    checks.size("hidden_size", hidden_size)
    checks.one_of("convention", convention, ("paper", "flax"))
    checks.one_of("reset", reset, ("before", "after"))
    initializers.get(initializer)

    def init(key: Key, in_features: int) -> Params:
        bias = {"f": forget_bias}
        params = _gates.init(
            key, in_features, hidden_size, BLOCKS, initializer=initializer, bias=bias
        )
        if reset == "after":
            params["b_hn"] = jnp.zeros_like(params["b"][0])
        return params

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> MGUState:
        return MGUState(jnp.zeros((*batch_shape, hidden_size), params["R"].dtype))

    def step(
        params: Params, state: MGUState, x: Array, noise: Noise = ()
    ) -> tuple[MGUState, Array, Gates]:
        h = state.h
        Wx = _gates.split(_gates.project(params, x), BLOCKS)  # with the biases b
        if reset == "after":
            Rh = _gates.split(_gates.recur(params, h), BLOCKS)
            f = sigmoid(Wx["f"] + Rh["f"])
            n = jnp.tanh(Wx["n"] + f * (Rh["n"] + _gates.rows(params["b_hn"], h)))
        else:
            f = sigmoid(Wx["f"] + _gates.product(h, params["R"][:, 0]))
            n = jnp.tanh(Wx["n"] + _gates.product(f * h, params["R"][:, 1]))
        h = (1 - f) * h + f * n if convention == "paper" else f * h + (1 - f) * n
        return MGUState(h), h, {"f": f, "n": n}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")
