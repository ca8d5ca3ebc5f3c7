"""A model used by a decoder: one token after another."""

from collections.abc import Callable
from typing import Any, NamedTuple

from lstmx.types import Array, Params, State


class Decoder(NamedTuple):
    """A model that writes one token after another, used step by step, in evaluation.

    Attributes:
        start: (params, inputs) -> state [B, ...] before the first token, with all that is read of
            the inputs.
        step: (params, state, tokens [B]) -> (state, logits [B, V] of the next token).
    """

    start: Callable[[Params, Any], State]
    step: Callable[[Params, State, Array], tuple[State, Array]]
