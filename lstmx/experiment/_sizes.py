"""The size of a model, from shapes: its parameters, and the state that one step hands on."""

import functools
import math
from typing import NamedTuple

import jax

from lstmx.constants import split_constants
from lstmx.types import Model


class Sizes(NamedTuple):
    """The size of a model.

    Attributes:
        parameters: number of trained parameters.
        state: floats that a step hands on to the next, for one sequence: 2 H in an LSTM, a matrix
            in an mLSTM. Copies that wrappers keep for themselves count, too.
    """

    parameters: int
    state: int


@functools.lru_cache(maxsize=64)
def sizes(model: Model) -> Sizes:
    """The size of a model; traces it, and computes nothing.

    Call it inside `lstmx.precision.scope` for float64.
    """
    params = jax.eval_shape(model.init, jax.random.key(0))
    state = jax.eval_shape(lambda p: model.initial_state(p, (1,)), params)
    trained, _ = split_constants(params)
    counts = (sum(math.prod(a.shape) for a in jax.tree.leaves(t)) for t in (trained, state))
    return Sizes(*counts)
