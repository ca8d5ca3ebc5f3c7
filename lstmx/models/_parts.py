"""The parts of models, as functions over plain dict parameters.

{"embedding": {"W": [V, E]}, "layers": {"layer_0": ..., ...}, "readout": {"W": [H, Y], ...}}
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import precision as precisions
from lstmx import sequence
from lstmx.types import Array, Key, Params, State, Unrolled

if TYPE_CHECKING:
    from lstmx.models._backbone import Backbone, Readout

ACTIVATIONS = {"identity": lambda h: h, "relu": jax.nn.relu}
"""Name -> activation of h in a readout."""


class Ran(NamedTuple):
    """What a model computes from a batch.

    Attributes:
        outputs: of the readout.
        state: after the last step.
        trace: of the layers; None unless asked for.
        hidden: what the readout reads.
    """

    outputs: Any
    state: State
    trace: Any
    hidden: Any


def surface(run: Callable[..., Ran]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The functions `apply` and `hidden` of a model, see `lstmx.types.Model`.

    Args:
        run: (params, inputs, state, *, mask, resets, key, return_trace) -> `Ran`.
    """

    def apply(
        params: Params,
        inputs: Any,
        state: State | None = None,
        *,
        mask: Array | None = None,
        resets: Array | None = None,
        key: Key | None = None,
        return_trace: bool = False,
    ) -> tuple[Any, State, Any]:
        options = {"mask": mask, "resets": resets, "key": key, "return_trace": return_trace}
        return run(params, inputs, state, **options)[:3]

    def hidden(
        params: Params,
        inputs: Any,
        state: State | None = None,
        *,
        mask: Array | None = None,
        resets: Array | None = None,
        key: Key | None = None,
    ) -> tuple[Any, State, Any]:
        options = {"mask": mask, "resets": resets, "key": key, "return_trace": False}
        outputs, state, _, read = run(params, inputs, state, **options)
        return outputs, state, read

    return apply, hidden


def keys(key: Key) -> Iterator[Key]:
    """Yields fold_in(key, 0), fold_in(key, 1), ...: one key for each part, in order."""
    return (jax.random.fold_in(key, number) for number in itertools.count())


def init_layers(backbone: "Backbone", keys: Iterator[Key]) -> dict[str, Any]:
    """Returns the parameters of the embedding, if the model has one, and of the layers.

    The embedding `W [V, E]` is standard normal: a cell's input weights expect inputs of about unit
    variance.
    """
    params: dict[str, Any] = {}
    if backbone.embed_features:
        shape = (backbone.in_features, backbone.embed_features)
        params["embedding"] = {"W": jax.random.normal(next(keys), shape)}
    params["layers"] = sequence.init_stack(
        backbone.layers, next(keys), backbone.features, backbone.stack.skip_connections
    )
    return params


def init_readout(
    spec: "Readout", keys: Iterator[Key], in_features: int, out_features: int, shortcut: int
) -> dict[str, Array]:
    """Returns the parameters of a readout: `W [H, Y]`, and by its options `b [Y]` and `V [X, Y]`.

    Args:
        in_features: size H.
        out_features: size Y.
        shortcut: size X of the inputs that V reads.
    """
    r = spec.weight_range
    uniform = lambda key, shape: jax.random.uniform(key, shape, minval=-r, maxval=r)
    weights = uniform if r else jax.nn.initializers.lecun_normal()
    biases = uniform if r else jax.nn.initializers.zeros
    params = {"W": weights(next(keys), (in_features, out_features))}
    if spec.bias:
        params["b"] = biases(next(keys), (out_features,))
    if spec.shortcut:
        params["V"] = weights(next(keys), (shortcut, out_features))
    return params


def embed(backbone: "Backbone", params: Params, inputs: Any) -> Any:
    """Returns inputs [B, T, X] unchanged, and tokens [B, T] embedded or one-hot, [B, T, E].

    Raises:
        ValueError: inputs of another shape or type than those of the backbone.
    """
    if backbone.inputs == "token":
        if not hasattr(inputs, "ndim"):
            kind = type(inputs).__name__
            raise ValueError(f"inputs are a {kind}; expected an array of integer tokens [B, T]")
        if inputs.ndim != 2 or not jnp.issubdtype(inputs.dtype, jnp.integer):
            raise ValueError(
                f"inputs are {inputs.dtype} {inputs.shape}; expected integer tokens [B, T]"
            )
        if backbone.embed_features:
            return jnp.asarray(params["embedding"]["W"])[inputs]
        return jax.nn.one_hot(inputs, backbone.in_features, dtype=params["readout"]["W"].dtype)
    # A pytree of inputs is not checked: only the wrapper that reads it knows the sizes.
    if hasattr(inputs, "shape") and inputs.shape[2:] != (backbone.in_features,):
        raise ValueError(f"inputs are {inputs.shape}; expected [B, T, X={backbone.in_features}]")
    return inputs


def run_layers(
    backbone: "Backbone",
    params: Params,
    inputs: Any,
    xs: Any,
    state: State | None,
    *,
    mask: Array | None = None,
    **options: Any,
) -> Unrolled:
    """Unrolls the layers over xs, the result of `embed` for the inputs.

    A token outside of 0 to V - 1, on a step that is not masked, is an error outside of jit. Under
    jit its value is not available, and all outputs that depend on it are NaN.

    Args:
        state: of every layer; that of a backward layer is replaced by its initial state.
        options: `resets`, `lengths`, `key` and `return_trace`, as for `lstmx.sequence.stack`.
    """
    _, mask, _ = sequence.check_steps(xs, None, mask, None)
    if backbone.inputs == "token":
        xs = mark_unknown(xs, inputs, backbone.in_features, mask)
    if state is not None:
        rows = jax.tree.leaves(xs)[0].shape[:1]
        initial = sequence.initial_states(backbone.layers, params["layers"], rows)
        state = restart_backward(state, initial)
    return sequence.stack(
        backbone.layers, params["layers"], xs, state, stack=backbone.stack, mask=mask, **options
    )


def read(spec: "Readout", params: Params, h: Array, x: Any, precision: str) -> Array:
    """Returns y = h W + b, plus x V with a shortcut: h [B, T, H], x [B, T, X] -> y [B, T, Y]."""
    product = precisions.products(jnp.matmul, precision)
    y = product(ACTIVATIONS[spec.activation](h), params["W"])
    if spec.shortcut:
        y = y + product(x, params["V"])
    return y + params["b"][None, None] if spec.bias else y


def restart_backward(state: State, initial: State) -> State:
    """Returns the state with the states of all backward layers replaced by their initial ones.

    A backward layer ends at the first step of a window, while the next window follows the last
    step: its state continues no other window. Parts that the initial state lacks are left as they
    are, for `lstmx.sequence.stack` to refuse.
    """
    if not (isinstance(state, Mapping) and isinstance(initial, Mapping)):
        return state
    return {
        name: initial.get(name, part)
        if name == "backward"
        else restart_backward(part, initial.get(name))
        for name, part in state.items()
    }


def shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Returns path -> shape of every leaf, with paths such as "layers/layer_0/W"."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(k, simple=True, separator="/"): leaf.shape for k, leaf in leaves}


def check_params(params: Params, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse parameters that do not fit a model.

    Args:
        expected: `shapes` of the parameters of the model.

    Raises:
        ValueError: a path or shape differs; the message has the first one.
    """
    given = shapes(params)
    if given != expected:
        path = min(set(given.items()) ^ set(expected.items()))[0]
        raise ValueError(
            f"parameters do not fit the model, first at {path}: got {given.get(path)}; "
            f"expected {expected.get(path)}"
        )


def mark_unknown(xs: Array, tokens: Array, size: int, mask: Array | None) -> Array:
    """Returns xs [B, T, X] with NaN at tokens outside of the vocabulary, on steps that exist.

    Otherwise an embedding would clip them to the nearest token, and one-hot would be zeros.

    Raises:
        ValueError: such a token, outside of jit.
    """
    # A small integer type cannot represent size - 1 of a larger vocabulary, nor exceed it.
    last = min(size - 1, int(jnp.iinfo(tokens.dtype).max))
    valid = (tokens >= 0) & (tokens <= last)
    if mask is not None:
        valid = valid | ~mask
    if isinstance(valid, jax.core.Tracer):
        return jnp.where(valid[..., None], xs, jnp.nan)
    if not valid.all():
        place = tuple(int(n) for n in np.argwhere(~np.asarray(valid))[0])
        raise ValueError(f"token {tokens[place]} at {list(place)}; expected 0 to {size - 1}")
    return xs
