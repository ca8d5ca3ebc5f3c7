"""The LSTM V whose ablations are traced flags: one program for variants, of table "flags".

Every flag is a constant among the parameters, 1 or 0; with all of them 1 but `coupled`, 0, this is
V. An absent part is computed and then not used:

    i = 1 + F_i (sigma(a_i) - 1)     f = F_c (1 - i) + (1 - F_c) (1 + F_f (sigma(a_f) - 1))
    z = a_z + F_z (tanh(a_z) - a_z)  o = 1 + F_o (sigma(a_o) - 1)      p = F_p p
"""

from typing import Any

import jax
import jax.numpy as jnp

from lstmx import cells
from lstmx.cells.lstm import LSTMState
from lstmx.constants import CONSTANTS
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

FLAGS = ("input_gate", "forget_gate", "output_gate", "input_activation", "output_activation")
V = {**dict.fromkeys(FLAGS, 1.0), "peepholes": 1.0, "coupled": 0.0}
VARIANTS: dict[str, dict[str, float]] = {
    "V": V,
    "NIG": {**V, "input_gate": 0.0},
    "NFG": {**V, "forget_gate": 0.0},
    "NOG": {**V, "output_gate": 0.0},
    "NIAF": {**V, "input_activation": 0.0},
    "NOAF": {**V, "output_activation": 0.0},
    "CIFG": {**V, "coupled": 1.0},
    "NP": {**V, "peepholes": 0.0},
}
"""Without FGR, whose 9 H^2 weights more all would have to compute."""


def cell(hidden_size: int = 64, *, variant: str = "V") -> Cell:
    """An LSTM of which `variant`, a key of `VARIANTS`, decides nothing but the flags' values."""
    plain = cells.make("lstm", hidden_size=hidden_size, variant="V")

    def init(key: Key, in_features: int) -> Params:
        flags = {name: jnp.float32(value) for name, value in VARIANTS[variant].items()}
        return {**plain.init(key, in_features), CONSTANTS: flags}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> LSTMState:
        return plain.initial_state(params, batch_shape)

    def step(
        params: Params, state: LSTMState, x: Array, noise: Noise = ()
    ) -> tuple[LSTMState, Array, Gates]:
        F = params[CONSTANTS]
        a = jnp.tensordot(x, params["W"], 1) + jnp.tensordot(state.h, params["R"], 1) + params["b"]
        a_i, a_f, a_z, a_o = (a[..., n, :] for n in range(4))

        def gate(name: str, a: Array, p: Array, c: Array) -> Array:
            return 1 + F[name] * (jax.nn.sigmoid(a + F["peepholes"] * p * c) - 1)

        i = gate("input_gate", a_i, params["p_i"], state.c)
        f = gate("forget_gate", a_f, params["p_f"], state.c)
        f = F["coupled"] * (1 - i) + (1 - F["coupled"]) * f
        z = a_z + F["input_activation"] * (jnp.tanh(a_z) - a_z)
        c = f * state.c + i * z
        o = gate("output_gate", a_o, params["p_o"], c)
        h = o * (c + F["output_activation"] * (jnp.tanh(c) - c))
        return LSTMState(c, h), h, {"i": i, "f": f, "z": z, "o": o}

    return Cell(init, initial_state, step, hidden_size, gates=("i", "f", "z", "o"), output="h")


def flags_of(variants: Any) -> dict[str, Any]:
    """Flag -> its values [N] for N variants."""
    return {name: jnp.array([VARIANTS[v][name] for v in variants]) for name in V}
