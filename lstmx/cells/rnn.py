"""The simple recurrent network. Elman 1990; as IRNN (relu, identity start) Le et al. 2015.

    h' = f(W x + R h + b)        f = tanh | relu | ...

It has no gates. The IRNN of Le et al. starts from R = I, b = 0 and input weights of standard
deviation 0.001, so that it initially retains its state.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "RNN"
BIBTEX = """
@article{elman1990time,
  author = {Jeffrey L. Elman},
  title = {Finding Structure in Time},
  journal = {Cognitive Science},
  volume = {14},
  number = {2},
  pages = {179--211},
  year = {1990},
}
"""

BLOCKS = ("h",)


class RNNState(NamedTuple):
    """h: output, [..., H]."""

    h: Array


def cell(
    hidden_size: int = 64,
    *,
    activation: str = "tanh",
    start: str = "orthogonal",
    heads: int = 1,
) -> Cell:
    """A simple recurrent network.

    Args:
        hidden_size: number of units H.
        activation: tanh, relu, or another of `_gates.ACTIVATIONS`.
        start: initializer of W and R: "orthogonal", "identity", or another of
            `lstmx.initializers.STARTS`.
        heads: number of parts of h, each of which reads only itself: R is block-diagonal.

    Raises:
        ValueError: a size below one; an unknown activation or start; heads that do not divide H.
    """
    checks.size("hidden_size", hidden_size)
    _gates.check_heads(heads, hidden_size=hidden_size)
    checks.one_of("activation", activation, _gates.ACTIVATIONS)
    checks.one_of("start", start, initializers.STARTS)
    f = _gates.ACTIVATIONS[activation]

    def init(key: Key, in_features: int) -> Params:
        return _gates.init(key, in_features, hidden_size, BLOCKS, initializer=start, heads=heads)

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> RNNState:
        return RNNState(jnp.zeros((*batch_shape, hidden_size), params["R"].dtype))

    def step(
        params: Params, state: RNNState, x: Array, noise: Noise = ()
    ) -> tuple[RNNState, Array, Gates]:
        h = f(_gates.pre_activations(params, x, state.h)[..., 0, :])
        return RNNState(h), h, {}

    return Cell(init, initial_state, step, hidden_size, output="h")
