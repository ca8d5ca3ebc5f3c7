"""The independently recurrent network: each unit reads only its previous value. Li et al. 2018.

    h' = f(W x + u h + b)        u in R^H, |u| <= bound; f = relu

arXiv:1803.04831, eq. 2. Over T steps a unit multiplies its value by u^T, so that
|u| <= 2^(1/T) bounds this factor by 2; `longest` is this T. Units of one layer do not interact;
they do in the layer above, so use two layers or more.

Deviation from the paper, which clips u after every update: here the step reads the clipped value,
and a u beyond the bound has no gradient.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "IndRNN"
BIBTEX = """
@inproceedings{li2018indrnn,
  author = {Shuai Li and Wanqing Li and Chris Cook and Ce Zhu and Yanbo Gao},
  title = {Independently Recurrent Neural Network ({IndRNN}): Building A Longer and Deeper {RNN}},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition},
  eprint = {1803.04831},
  archiveprefix = {arXiv},
  year = {2018},
}
"""

BLOCKS = ("h",)


class IndRNNState(NamedTuple):
    """h: output, [..., H]."""

    h: Array


def cell(
    hidden_size: int = 64,
    *,
    activation: str = "relu",
    longest: int = 0,
    bound: float = 0.0,
    last_layer: bool = False,
    initializer: str = "orthogonal",
) -> Cell:
    """An IndRNN.

    Args:
        hidden_size: number of units H.
        activation: f, a name of `_gates.ACTIVATIONS`.
        longest: longest dependency T in steps, which sets the bound 2^(1/T); 0 is off.
        bound: largest |u|; 0 is off.
        last_layer: u starts in [1 / bound, bound], so that all units remember, as the paper has it
            in the last layer, whose output is read at the end. Otherwise u starts in [0, bound],
            or in [0, 1] without a bound.
        initializer: initializer of W, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown activation or initializer; both `longest` and
            `bound`; a last layer without a bound of 1 or more.
    """
    checks.size("hidden_size", hidden_size)
    checks.one_of("activation", activation, _gates.ACTIVATIONS)
    if longest < 0 or bound < 0:
        raise ValueError(
            f"longest={longest}, bound={bound}; expected positive numbers, or 0 for off"
        )
    if longest and bound:
        raise ValueError(
            f"longest={longest} sets the bound 2^(1/T), but bound={bound}; leave one at 0"
        )
    limit = 2 ** (1 / longest) if longest else bound
    if last_layer and limit < 1:
        raise ValueError(
            "last_layer=True starts u between 1 / bound and bound; "
            f"expected longest=T or a bound of 1 or more, got bound={bound}"
        )
    start, f = initializers.get(initializer), _gates.ACTIVATIONS[activation]

    def init(key: Key, in_features: int) -> Params:
        key_input, key_recurrent = jax.random.split(key)
        W = start.W(key_input, in_features, {"h": hidden_size}, hidden_size)
        low, high = (1 / limit if last_layer else 0.0), limit or 1.0
        u = jax.random.uniform(key_recurrent, (hidden_size,), W.dtype, low, high)
        return {"W": W[:, None], "u": u, "b": jnp.zeros((1, hidden_size), W.dtype)}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> IndRNNState:
        return IndRNNState(jnp.zeros((*batch_shape, hidden_size), params["u"].dtype))

    def step(
        params: Params, state: IndRNNState, x: Array, noise: Noise = ()
    ) -> tuple[IndRNNState, Array, Gates]:
        u = jnp.clip(params["u"], -limit, limit) if limit else params["u"]
        h = f(_gates.project(params, x)[..., 0, :] + _gates.rows(u, state.h) * state.h)
        return IndRNNState(h), h, {}

    return Cell(init, initial_state, step, hidden_size, output="h")
