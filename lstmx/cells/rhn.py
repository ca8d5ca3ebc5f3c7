"""The recurrent highway network: several transitions within a step. Zilly et al. 2017, eq. 6 to 9.

    s_0 = s                                                     l = 1 ... depth
    h_l = tanh(W_h x [l = 1] + R_h,l s_{l-1} + b_h,l)
    t_l = sigma(W_t x [l = 1] + R_t,l s_{l-1} + b_t,l)          transform gate
    c_l = sigma(W_c x [l = 1] + R_c,l s_{l-1} + b_c,l)          carry gate; coupled: c_l = 1 - t_l
    s_l = h_l t_l + s_{l-1} c_l                                 s' = s_depth, which is the output

The gates returned are those of every transition, named h_1, t_1, c_1, h_2, ... Deviations: without
coupling, b_c starts at -b_t.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "RHN"
BIBTEX = """
@inproceedings{zilly2017rhn,
  author = {Julian Georg Zilly and Rupesh Kumar Srivastava and Jan Koutník and Jürgen
    Schmidhuber},
  title = {Recurrent Highway Networks},
  booktitle = {International Conference on Machine Learning},
  year = {2017},
}
"""

MOST_DEPTH = 1000
"""Largest number of transitions in a step, each of which has matrix products; the paper has 10."""


class RHNState(NamedTuple):
    """s: output, [..., H]."""

    s: Array


def cell(
    hidden_size: int = 64,
    *,
    depth: int = 3,
    coupled: bool = True,
    transform_bias: float = -2.0,
    initializer: str = "orthogonal",
) -> Cell:
    """A recurrent highway network.

    Args:
        hidden_size: number of units H.
        depth: number of transitions L in a step.
        coupled: c = 1 - t, without parameters for c.
        transform_bias: initial value of b_t in every transition; negative values retain the state.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size or a depth below one, or a depth over 1000; an unknown initializer.
    """
    checks.size("hidden_size", hidden_size)
    checks.size("depth", depth)
    checks.number("depth", depth, above=0, most=MOST_DEPTH)
    start = initializers.get(initializer)
    blocks = ("h", "t") if coupled else ("h", "t", "c")
    bias = {"t": transform_bias} if coupled else {"t": transform_bias, "c": -transform_bias}
    names = tuple(f"{gate}_{level}" for level in range(1, depth + 1) for gate in ("h", "t", "c"))

    def init(key: Key, in_features: int) -> Params:
        key_first, key_deep = jax.random.split(key)
        params = _gates.init(
            key_first, in_features, hidden_size, blocks, initializer=initializer, bias=bias
        )
        if depth > 1:
            gate_sizes = dict.fromkeys(blocks, hidden_size)
            keys = jax.random.split(key_deep, depth - 1)
            R = jnp.stack([start.R(k, hidden_size, gate_sizes, hidden_size) for k in keys])
            params["R_deep"] = R.reshape(depth - 1, hidden_size, len(blocks), hidden_size)
            params["b_deep"] = jnp.stack([params["b"]] * (depth - 1))
        return params

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> RHNState:
        return RHNState(jnp.zeros((*batch_shape, hidden_size), params["R"].dtype))

    def step(
        params: Params, state: RHNState, x: Array, noise: Noise = ()
    ) -> tuple[RHNState, Array, Gates]:
        s = state.s
        gates: dict[str, Array] = {}
        for level in range(1, depth + 1):
            if level == 1:
                pre_activations = _gates.pre_activations(params, x, s)
            else:
                R, b = params["R_deep"][level - 2], params["b_deep"][level - 2]
                Rs = _gates.product(s, R)
                pre_activations = Rs + _gates.rows(b, Rs)
            a = _gates.split(pre_activations, blocks)
            h, t = jnp.tanh(a["h"]), sigmoid(a["t"])
            c = 1 - t if coupled else sigmoid(a["c"])
            s = h * t + s * c
            gates |= {f"h_{level}": h, f"t_{level}": t, f"c_{level}": c}
        return RHNState(s), s, gates

    return Cell(init, initial_state, step, hidden_size, gates=names, output="s")
