"""From an NNX module of your own to a model: pure functions over plain dicts.

A module is built and split once; from then on there are string-keyed nested dicts and plain
`jax.jit`, `jax.grad`, `jax.vmap` and `lax.scan`.
"""

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from lstmx.models._parts import check_params, restart_backward, shapes
from lstmx.types import Array, Key, Model, Params, State


def as_model(build: Callable[[nnx.Rngs], Any]) -> Model:
    """The pure functions of a module such as `SequenceModel`.

    Args:
        build: rngs -> module. The module holds parameters only, is called as `SequenceModel` is,
            returns `Unrolled`, and has `initial_state(batch_shape)`. It takes its key with the
            call and stores none, so that the same parameters always mean the same function.
            Where it also has a method `hidden`, which returns what `Model.hidden` does, so has the
            model.

    Raises:
        ValueError: a module that holds anything but `nnx.Param`, or parameters (given to the
            functions returned) that are not those of the module.
    """
    # Abstract: the structure is all that is kept, so no array is made here.
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
        # A copy, so that no trace ever writes into variables of another.
        return nnx.merge(structure, params, copy=True)

    def init(key: Key) -> Params:
        return nnx.to_pure_dict(nnx.state(build(nnx.Rngs(key)), nnx.Param))

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        return merged(params).initial_state(batch_shape)

    def started(params: Params, state: State | None) -> tuple[Any, State | None]:
        module = merged(params)
        if state is None:
            return module, None
        rows = jax.tree.leaves(state)[0].shape[:1]
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
        module, state = started(params, state)
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
        module, state = started(params, state)
        return module.hidden(inputs, state, mask=mask, resets=resets, key=key)

    return Model(init, initial_state, apply, hidden if hasattr(abstract, "hidden") else None)
