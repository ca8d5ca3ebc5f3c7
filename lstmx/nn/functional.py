"""Converts an NNX module to a model: pure functions over plain dicts.

A module is built and split once. Its parameters are then string-keyed nested dicts, for plain
`jax.jit`, `jax.grad`, `jax.vmap` and `lax.scan`.
"""

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from lstmx.models._parts import check_params, restart_backward, shapes
from lstmx.types import Array, Key, Model, Params, State


def as_model(build: Callable[[nnx.Rngs], Any]) -> Model:
    """Returns the pure functions of a module such as `SequenceModel`.

    Args:
        build: (rngs) -> module. The module has parameters only, the arguments of `SequenceModel`,
            results of type `Unrolled`, and a method `initial_state(batch_shape)`. Its key is an
            argument of the call and not stored, so that equal parameters are an equal function.
            If it has a method `hidden` with the results of `Model.hidden`, so does the model.

    Raises:
        ValueError: a module with variables other than `nnx.Param`; from the functions returned,
            parameters that do not fit the module.
    """
    # Shapes are enough to know the structure: no array is allocated.
    abstract: Any = nnx.eval_shape(lambda: build(nnx.Rngs(0)))
    structure, variables, rest = nnx.split(abstract, nnx.Param, ...)  # type: ignore[misc]
    if jax.tree.leaves(rest):
        raise ValueError(
            f"the module holds more than parameters: {', '.join(shapes(nnx.to_pure_dict(rest)))}; "
            "statistics and RNG streams have no place in a pure model"
        )
    expected = shapes(nnx.to_pure_dict(variables))

    def merged(params: Params) -> Any:
        check_params(params, expected)
        # A copy per call, so that a trace never writes to the variables of another trace.
        return nnx.merge(structure, params, copy=True)

    def init(key: Key) -> Params:
        return nnx.to_pure_dict(nnx.state(build(nnx.Rngs(key)), nnx.Param))

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        return merged(params).initial_state(batch_shape)

    def with_state(params: Params, inputs: Any, state: State | None) -> tuple[Any, State | None]:
        module = merged(params)
        if state is None:
            return module, None
        rows = jax.tree.leaves(inputs)[0].shape[:1]
        return module, restart_backward(state, module.initial_state(rows))

    def apply(
        params: Params,
        inputs: Any,
        state: State | None = None,
        *,
        mask: Array | None = None,
        resets: Array | None = None,
        key: Key | None = None,
        return_trace: bool = False,
    ) -> tuple[Array, State, Any]:
        module, state = with_state(params, inputs, state)
        result = module(inputs, state, mask=mask, resets=resets, key=key, return_trace=return_trace)
        return result.outputs, result.state, result.trace

    def hidden(
        params: Params,
        inputs: Any,
        state: State | None = None,
        *,
        mask: Array | None = None,
        resets: Array | None = None,
        key: Key | None = None,
    ) -> tuple[Array, State, Array]:
        module, state = with_state(params, inputs, state)
        return module.hidden(inputs, state, mask=mask, resets=resets, key=key)

    return Model(init, initial_state, apply, hidden if hasattr(abstract, "hidden") else None)
