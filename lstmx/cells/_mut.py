"""The common form of the three mutated units of Jozefowicz et al. 2015, section 4.2.

    z = update gate    r = reset gate    n = tanh(R_n (r h) + ... + b_n)    h' = z n + (1 - z) h

In MUT1 and MUT2 the paper adds the input itself to H pre-activations, which needs X = H. Where the
widths differ, as usual, implementations use x' = W x; so does `input="learned"` here.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

BLOCKS = ("z", "r", "n")


class MUTState(NamedTuple):
    """h: output, [..., H]."""

    h: Array


class Form(NamedTuple):
    """The differences between the three units.

    Attributes:
        plain: the pre-activation to which the paper adds the input itself, or "".
        squash_input: whether the candidate reads tanh(x') instead of x'.
        update_input: the function of the state that the update gate reads; None without R_z.
    """

    plain: str = ""
    squash_input: bool = False
    update_input: Callable[[Array], Array] | None = None


FORMS = {
    "mut1": Form(plain="n", squash_input=True),
    "mut2": Form(plain="r", update_input=lambda h: h),
    "mut3": Form(update_input=jnp.tanh),
}
"""Cell -> its form. Each has a file with its equations, its options and their defaults."""


def make(form: str, hidden_size: int, *, initializer: str, input: str = "learned") -> Cell:
    """A mutated unit.

    Args:
        form: a key of `FORMS`.
        hidden_size: number of units H.
        initializer: initializer of W and R.
        input: x' of the plain gate: "raw", "learned", or "auto", which is raw where X = H.

    Raises:
        ValueError: a size below one; an unknown input or initializer; from `init`, a raw input
            whose width is not H.
    """
    plain, squash_input, update_input = FORMS[form]
    checks.size("hidden_size", hidden_size)
    checks.one_of("input", input, ("auto", "raw", "learned"))
    start = initializers.get(initializer)
    weighted = tuple(gate for gate in BLOCKS if gate != plain)  # have W even with a raw input
    recurrent = BLOCKS if update_input else BLOCKS[1:]

    def init(key: Key, in_features: int) -> Params:
        if input == "raw" and in_features != hidden_size:
            raise ValueError(
                f"input='raw' adds {in_features} inputs to {hidden_size} units; "
                f"expected hidden_size={in_features} or input='learned'"
            )
        key_input, key_recurrent = jax.random.split(key)
        raw = input == "raw" or (input == "auto" and in_features == hidden_size)
        sample = lambda sampler, key, rows, gates: sampler(
            key, rows, dict.fromkeys(gates, hidden_size), hidden_size
        ).reshape(rows, len(gates), hidden_size)
        W = sample(start.W, key_input, in_features, weighted if raw else BLOCKS)
        R = sample(start.R, key_recurrent, hidden_size, recurrent)
        return {"W": W, "R": R, "b": jnp.zeros((len(BLOCKS), hidden_size), W.dtype)}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> MUTState:
        return MUTState(jnp.zeros((*batch_shape, hidden_size), params["R"].dtype))

    def step(
        params: Params, state: MUTState, x: Array, noise: Noise = ()
    ) -> tuple[MUTState, Array, Gates]:
        h, R = state.h, params["R"]
        learned = params["W"].shape[1] == len(BLOCKS)
        u = _gates.split(_gates.product(x, params["W"]), BLOCKS if learned else weighted)
        if not learned:  # W has no block for the plain gate
            u[plain] = x
        if squash_input:
            u["n"] = jnp.tanh(u["n"])
        b = _gates.split(params["b"], BLOCKS)
        a = {gate: u[gate] + _gates.rows(b[gate], h) for gate in BLOCKS}
        if update_input:
            a["z"] += _gates.product(update_input(h), R[:, 0])
        z, r = sigmoid(a["z"]), sigmoid(a["r"] + _gates.product(h, R[:, -2]))
        n = jnp.tanh(_gates.product(r * h, R[:, -1]) + a["n"])
        h = z * n + (1 - z) * h
        return MUTState(h), h, {"z": z, "r": r, "n": n}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")
