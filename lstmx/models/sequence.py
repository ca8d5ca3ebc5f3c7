"""Inputs or tokens -> recurrent layers -> linear readout at every step.

    x = embedding[token] (or one-hot, or the input vector)   h = layers(x)   y = h W + b (+ x V)

Dropout acts between layers only, not on the inputs and not before the readout. On masked steps the
outputs of the layers are zeros. Classification at the end of a sequence is this model with a task
whose weights are 1 at the last valid step.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from lstmx import models
from lstmx.constants import CONSTANTS
from lstmx.models import _parts as parts
from lstmx.models._backbone import Backbone, Readout, as_layers
from lstmx.sequence import Layer, Stack, initial_states
from lstmx.types import Cell, Key, Model, Params, State

Change = Callable[[Params, Any, Key | None], tuple[Any, Key | None]]


def model(backbone: Backbone) -> Model:
    """Returns the model of a backbone.

    Parameters are `embedding.W [V, E]` (for embedded tokens), `layers.layer_0`, ..., and
    `readout.W [H, Y]`, `.b [Y]` and `.V [X, Y]`, the latter two by the options of the readout.
    """
    return changed(backbone, lambda params, xs, key: (xs, key))


def changed(backbone: Backbone, change: Change) -> Model:
    """Returns this model with other inputs of the layers; params may have constants.

    Args:
        backbone: of the model.
        change: (params, what the layers would read, key or None) -> (what they read, their key).
    """

    def init(key: Key) -> Params:
        return init_params(backbone, parts.keys(key))

    # Shapes only: options that the layers refuse are refused here, without allocating arrays.
    expected = parts.shapes(jax.eval_shape(lambda: init(jax.random.key(0))))

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        parts.check_params(_own(params), expected)
        return initial_states(backbone.layers, params["layers"], batch_shape)

    def run(
        params: Params, inputs: Any, state: State | None, *, key: Key | None, **options: Any
    ) -> parts.Ran:
        parts.check_params(_own(params), expected)
        xs, key = change(params, parts.embed(backbone, params, inputs), key)
        result = parts.run_layers(backbone, params, inputs, xs, state, key=key, **options)
        h, precision = result.outputs, backbone.stack.precision
        y = parts.read(backbone.readout, params["readout"], h, xs, precision)
        return parts.Ran(y, result.state, result.trace, h)

    return Model(init, initial_state, *parts.surface(run))


def _own(params: Params) -> Params:
    """The params without the constants of the model, which are not those of `init`."""
    return {k: v for k, v in params.items() if k != CONSTANTS} if CONSTANTS in params else params


def init_params(backbone: Backbone, keys: Iterator[Key]) -> Params:
    """Returns the parameters, with a key for each part in the order embedding, layers, W, b, V."""
    params = parts.init_layers(backbone, keys)
    sizes = (backbone.hidden_features, backbone.out_features, backbone.features)
    return {**params, "readout": parts.init_readout(backbone.readout, keys, *sizes)}


def sequence_model(
    layers: Cell | Sequence[Layer],
    in_features: int,
    out_features: int,
    *,
    inputs: str = "vector",
    embed_features: int = 0,
    bidirectional: bool = False,
    readout: Readout = Readout(),
    stack: Stack = Stack(),
) -> Model:
    """Returns this model for a backbone with these attributes; see `lstmx.models.Backbone`.

    >>> import jax, lstmx
    >>> model = lstmx.models.sequence_model(lstmx.cells.make("gru", hidden_size=5), 3, 4)
    >>> params = model.init(jax.random.key(0))
    >>> sorted(params), params["readout"]["W"].shape
    (['layers', 'readout'], (5, 4))

    Args:
        bidirectional: unroll every layer that is a single cell in both directions.
    """
    pairs = as_layers(layers, bidirectional=bidirectional)
    backbone = Backbone(pairs, in_features, out_features, inputs, embed_features, readout, stack)
    return models.build("sequence", backbone)
