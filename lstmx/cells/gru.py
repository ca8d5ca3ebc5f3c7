"""The gated recurrent unit, with its reset gate after or before the product. Cho et al. 2014.

    r = sigma(W_r x + R_r h + b_r)   u = sigma(W_u x + R_u h + b_u)   h' = (1 - u) n + u h

    reset="after"    n = tanh(W_n x + b_n + r (R_n h + b_hn))    version 1 of the paper, cuDNN
    reset="before"   n = tanh(W_n x + R_n (r h) + b_n)           version 3 of the paper

The two are different function classes: no weights of one reproduce the other. u retains the state,
as in cuDNN, torch and Keras; in Chung et al. 2014 it overwrites it, so that u here is 1 - u there.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "GRU"
BIBTEX = """
@inproceedings{cho2014gru,
  author = {Kyunghyun Cho and Bart van Merriënboer and Caglar Gulcehre and Dzmitry Bahdanau and
    Fethi Bougares and Holger Schwenk and Yoshua Bengio},
  title = {Learning Phrase Representations using {RNN} Encoder-Decoder for Statistical Machine
    Translation},
  booktitle = {Conference on Empirical Methods in Natural Language Processing},
  year = {2014},
}
"""

BLOCKS = ("r", "u", "n")


class GRUState(NamedTuple):
    """h: output, [..., H]."""

    h: Array


def cell(
    hidden_size: int = 64,
    *,
    reset: str = "after",
    update_bias: float = 0.0,
    chrono: int = 0,
    heads: int = 1,
    initializer: str = "orthogonal",
) -> Cell:
    """A GRU.

    Args:
        hidden_size: number of units H.
        reset: whether the reset gate acts "after" the recurrent product or "before" it.
        update_bias: initial value of b_u; positive values retain the state.
        chrono: longest dependency in steps; b_u is then sampled by `initializers.chrono`. 0 is off.
        heads: number of parts of h, each of which acts on that part only: R is block-diagonal.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown reset or initializer; chrono together with an
            update bias; heads that do not divide H.
    """
    checks.size("hidden_size", hidden_size)
    checks.one_of("reset", reset, ("after", "before"))
    _gates.check_heads(heads, hidden_size=hidden_size)
    _gates.check_chrono(chrono, update_bias, 0.0, "update_bias")
    initializers.get(initializer)

    def init(key: Key, in_features: int) -> Params:
        key_weights, key_bias = jax.random.split(key)
        b_u = initializers.chrono(key_bias, hidden_size, chrono) if chrono else update_bias
        params = _gates.init(
            key_weights,
            in_features,
            hidden_size,
            BLOCKS,
            initializer=initializer,
            bias={"u": b_u},
            heads=heads,
        )
        if reset == "after":
            params["b_hn"] = jnp.zeros_like(params["b"][0])
        return params

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> GRUState:
        return GRUState(jnp.zeros((*batch_shape, hidden_size), params["R"].dtype))

    def step(
        params: Params, state: GRUState, x: Array, noise: Noise = ()
    ) -> tuple[GRUState, Array, Gates]:
        h = state.h
        Wx = _gates.split(_gates.project(params, x), BLOCKS)  # with the biases b
        if reset == "after":
            Rh = _gates.split(_gates.recur(params, h), BLOCKS)
        else:
            Rh = _gates.split(_gates.recurrent_product(h, params["R"][..., :2, :]), BLOCKS[:2])
        r, u = sigmoid(Wx["r"] + Rh["r"]), sigmoid(Wx["u"] + Rh["u"])
        if reset == "after":
            n = jnp.tanh(Wx["n"] + r * (Rh["n"] + _gates.rows(params["b_hn"], h)))
        else:
            R_rh = _gates.recurrent_product(r * h, params["R"][..., 2:, :])
            n = jnp.tanh(Wx["n"] + R_rh[..., 0, :])
        h = (1 - u) * n + u * h
        return GRUState(h), h, {"r": r, "u": u, "n": n}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")
