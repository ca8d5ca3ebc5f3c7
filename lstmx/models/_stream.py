"""A model used one step at a time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from lstmx.models._parts import shapes
from lstmx.types import Model, Params, State


class Stream(NamedTuple):
    """A model used step by step, in evaluation.

    Attributes:
        start: (params, batch_size) -> state before the first step.
        step: (params, state, x [B, X] or tokens [B]) -> (state, y [B, Y]); both may be pytrees.
    """

    start: Callable[[Params, int], State]
    step: Callable[[Params, State, Any], tuple[State, Any]]


def stream(model: Model) -> Stream:
    """Returns the model as a step function; T steps equal one `apply` over T steps.

    Raises:
        ValueError: a bidirectional model, whose first output depends on the last input.
    """
    state = jax.eval_shape(lambda: model.initial_state(model.init(jax.random.key(0)), (1,)))
    if any("backward" in path.split("/") for path in shapes(state)):
        raise ValueError(
            "a bidirectional model cannot stream: its first output needs the last input"
        )

    def start(params: Params, batch_size: int) -> State:
        return model.initial_state(params, (batch_size,))

    def step(params: Params, state: State, x: Any) -> tuple[State, Any]:
        xs = jax.tree.map(lambda a: a[:, None], x)
        outputs, state, _ = model.apply(params, xs, state)
        return state, jax.tree.map(lambda a: a[:, 0], outputs)

    return Stream(start, step)
