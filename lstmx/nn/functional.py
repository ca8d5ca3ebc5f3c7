"""From an NNX module to pure functions over plain dicts: the last place that knows of Flax.

A module is built and split once; from then on there are string-keyed nested dicts and plain
`jax.jit`, `jax.grad`, `jax.vmap` and `lax.scan`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from flax import nnx

from lstmx import precision as precisions
from lstmx.nn.model import SequenceModel
from lstmx.sequence import Layer
from lstmx.types import Array, Cell, Key, Model, Params, State


def as_model(build: Callable[[nnx.Rngs], Any]) -> Model:
    """The pure functions of a module such as `SequenceModel`.

    Args:
        build: rngs -> module. The module holds parameters only, is called as `SequenceModel` is,
            returns `Unrolled`, and has `initial_state(batch_shape)`. It takes its key with the
            call and stores none, so that the same parameters always mean the same function.
            Where it also has `hidden` and `read`, as that one does, so has the model.

    Raises:
        ValueError: a module that holds anything but `nnx.Param`, or parameters (given to the
            functions returned) that are not those of the module.
    """
    # Abstract: the structure is all that is kept, so no array is made here.
    abstract: Any = nnx.eval_shape(lambda: build(nnx.Rngs(0)))
    structure, variables, rest = nnx.split(abstract, nnx.Param, ...)  # type: ignore[misc]
    if jax.tree.leaves(rest):
        raise ValueError(
            f"the module holds more than parameters: {', '.join(_shapes(nnx.to_pure_dict(rest)))}; "
            "statistics and RNG streams have no place in a pure model"
        )
    expected = _shapes(nnx.to_pure_dict(variables))

    def merged(params: Params) -> Any:
        given = _shapes(params)
        if given != expected:
            wrong = sorted(set(given.items()) ^ set(expected.items()))
            raise ValueError(
                f"parameters do not fit the model, first at {wrong[0][0]}: "
                f"got {given.get(wrong[0][0])}; expected {expected.get(wrong[0][0])}"
            )
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
        return module, _backward_anew(state, module.initial_state(rows))

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
        result = module.hidden(inputs, state, mask=mask, resets=resets, key=key)
        return module.read(result.outputs, inputs), result.state, result.outputs

    shown = hasattr(abstract, "hidden") and hasattr(abstract, "read")
    return Model(init, initial_state, apply, hidden if shown else None)


def sequence_model(
    layers: Cell | Sequence[Layer],
    in_features: int,
    out_features: int,
    *,
    precision: str = "float32",
    **options: Any,
) -> Model:
    """A `SequenceModel` as pure functions; options as there.

    In float64, `init` and `apply` belong into `lstmx.precision.scope("float64")`; initial values
    are those of float32.

    >>> import jax, lstmx
    >>> model = lstmx.nn.sequence_model(lstmx.cells.make("gru", hidden_size=5), 3, 4)
    >>> params = model.init(jax.random.key(0))
    >>> sorted(params), params["readout"]["W"].shape
    (['layers', 'readout'], (5, 4))
    """
    model = as_model(
        lambda rngs: SequenceModel(
            layers, in_features, out_features, precision=precision, rngs=rngs, **options
        )
    )
    return model._replace(init=precisions.drawn(precision, model.init))


class Stream(NamedTuple):
    """A model used step by step, in evaluation.

    Attributes:
        start: (params, batch_size) -> state before the first step.
        step: (params, state, x [B, X] or tokens [B]) -> (state, y [B, Y]).
    """

    start: Callable[[Params, int], State]
    step: Callable[[Params, State, Any], tuple[State, Array]]


def stream(model: Model) -> Stream:
    """The model as a step function; T steps of it equal one `apply` over T steps.

    Raises:
        ValueError: a bidirectional model, which needs the end of a sequence at its first step.
    """
    state = jax.eval_shape(
        lambda key: model.initial_state(model.init(key), (1,)), jax.random.key(0)
    )
    if any("backward" in path.split("/") for path in _shapes(state)):
        raise ValueError(
            "a bidirectional model cannot stream: its first output needs the last input"
        )

    def start(params: Params, batch_size: int) -> State:
        return model.initial_state(params, (batch_size,))

    def step(params: Params, state: State, x: Any) -> tuple[State, Array]:
        xs = jax.tree.map(lambda a: a[:, None], x)
        outputs, state, _ = model.apply(params, xs, state)
        return state, outputs[:, 0]

    return Stream(start, step)


def _backward_anew(state: State, initial: State) -> State:
    """The state with every backward layer's part replaced by its initial one.

    A backward layer ends at the first step of a window, and the next window lies on the other
    side: what it ended with belongs to no other batch.
    """
    if not isinstance(state, Mapping):
        return state
    return {
        name: initial[name] if name == "backward" else _backward_anew(part, initial[name])
        for name, part in state.items()
    }


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(k, simple=True, separator="/"): leaf.shape for k, leaf in leaves}
