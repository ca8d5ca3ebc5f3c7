"""The Mogrifier LSTM: input and output gate each other first. Melis, Kocisky & Blunsom 2020, eq. 1.

    x_{-1} = x, h_0 = h                            r = 1 ... rounds
    x <- 2 sigma(Q_r h) x          for odd r
    h <- 2 sigma(Q_r x) h          for even r      (R^i in the paper, where R is recurrent here)
    then the LSTM on (x, h); the cell c is not changed, and the new h is read by the gates alone

    rank > 0     Q_r = A_r B_r, of rank `rank`
    round_bias   2 sigma(Q_r h + d_r), which is in the authors' code but not in the paper

With no rounds it is the LSTM. Deviations: the forget bias starts at 1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "Mogrifier LSTM"
BIBTEX = """
@inproceedings{melis2020mogrifier,
  author = {Gábor Melis and Tomáš Kočiský and Phil Blunsom},
  title = {Mogrifier {LSTM}},
  booktitle = {International Conference on Learning Representations},
  year = {2020},
}
"""

BLOCKS = ("i", "f", "z", "o")


class MogrifierState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        c: cell, [..., H].
        h: output, [..., H].
    """

    c: Array
    h: Array


def cell(
    hidden_size: int = 64,
    *,
    rounds: int = 5,
    rank: int = 0,
    round_bias: bool = False,
    forget_bias: float = 1.0,
    initializer: str = "orthogonal",
) -> Cell:
    """A Mogrifier LSTM.

    Args:
        hidden_size: number of cells H.
        rounds: number of rounds in which input and output gate each other, the input first.
        rank: rank of the matrices Q; 0 for full matrices.
        round_bias: whether each round has a bias.
        forget_bias: initial value of b_f.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; rounds or a rank below zero; an unknown initializer.
    """
    checks.size("hidden_size", hidden_size)
    initializers.get(initializer)
    for option, value in (("rounds", rounds), ("rank", rank)):
        if value < 0:
            raise ValueError(f"{option}={value}; expected 0 or a positive number")

    def init(key: Key, in_features: int) -> Params:
        key_gates, key_rounds = jax.random.split(key)
        bias = {"f": forget_bias}
        params = _gates.init(
            key_gates, in_features, hidden_size, BLOCKS, initializer=initializer, bias=bias
        )
        sample = jax.nn.initializers.lecun_normal()
        for number in range(1, rounds + 1):
            key_left, key_right = jax.random.split(jax.random.fold_in(key_rounds, number))
            rows, columns = hidden_size, in_features
            if number % 2 == 0:
                rows, columns = columns, rows
            if rank:
                params[f"A_{number}"] = sample(key_left, (rows, rank), float)
                params[f"B_{number}"] = sample(key_right, (rank, columns), float)
            else:
                params[f"Q_{number}"] = sample(key_left, (rows, columns), float)
            if round_bias:
                params[f"d_{number}"] = jnp.zeros(columns)
        return params

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> MogrifierState:
        zeros = jnp.zeros((*batch_shape, hidden_size), params["R"].dtype)
        return MogrifierState(zeros, zeros)

    def round_product(params: Params, number: int, v: Array) -> Array:
        """Q v, with the bias of the round if it has one."""
        if rank:
            a = _gates.product(_gates.product(v, params[f"A_{number}"]), params[f"B_{number}"])
        else:
            a = _gates.product(v, params[f"Q_{number}"])
        return a + _gates.rows(params[f"d_{number}"], a) if round_bias else a

    def step(
        params: Params, state: MogrifierState, x: Array, noise: Noise = ()
    ) -> tuple[MogrifierState, Array, Gates]:
        c, h = state
        for number in range(1, rounds + 1):
            if number % 2:
                x = 2 * sigmoid(round_product(params, number, h)) * x
            else:
                h = 2 * sigmoid(round_product(params, number, x)) * h
        a = _gates.split(_gates.pre_activations(params, x, h), BLOCKS)
        i, f, o = sigmoid(a["i"]), sigmoid(a["f"]), sigmoid(a["o"])
        z = jnp.tanh(a["z"])
        c = f * c + i * z
        h = o * jnp.tanh(c)
        return MogrifierState(c, h), h, {"i": i, "f": f, "z": z, "o": o}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")
