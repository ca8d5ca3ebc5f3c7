"""An embedding that starts from vectors of words, and may be kept as it is.

Where training does not change it, it is a constant of params: `params["embedding"]["constants"]`
has it, which no optimizer owns and no count of parameters counts. Rows of words without a vector
start at random, as wide as the vectors are spread.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from lstmx.constants import CONSTANTS
from lstmx.decoding import Decoder
from lstmx.types import Key, Model, Params, State, Task

RECORD = "vectors"
"""The key of vectors in the record of a task."""
PART = "embedding"


def with_vectors(model: Model, embed_features: int, task: Task) -> Model:
    """The model with the embedding that a task has vectors for; the model itself without any.

    Args:
        model: of the task.
        embed_features: its key of the config.
        task: that of training, or one that stands for it and has its record.

    Raises:
        ValueError: an embedding of another width.
    """
    record = task.spec.record.get(RECORD)
    if not isinstance(record, Mapping):
        return model
    if embed_features != record["width"]:
        raise ValueError(
            f"model.embed_features={embed_features}; expected {record['width']}, the width of "
            "task.vectors"
        )
    vectors, trained = task.vectors, record["trained"]

    def init(key: Key) -> Params:
        params = model.init(key)
        W = params[PART]["W"]
        if vectors is not None:
            found = jnp.asarray(vectors.found)[:, None]
            W = jnp.where(found, jnp.asarray(vectors.values, W.dtype), W * vectors.scale)
        return {**params, PART: {"W": W} if trained else {CONSTANTS: {"W": W}}}

    if trained:
        return model._replace(init=init)

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        return model.initial_state(_plain(params), batch_shape)

    def plain(function: Callable[..., Any] | None) -> Any:
        if function is None:
            return None
        return lambda params, *args, **options: function(_plain(params), *args, **options)

    decoder = model.decoder
    if decoder is not None:
        decoder = Decoder(plain(decoder.start), plain(decoder.step))
    return model._replace(
        init=init,
        initial_state=initial_state,
        apply=plain(model.apply),
        hidden=plain(model.hidden),
        decoder=decoder,
    )


def _plain(params: Params) -> Params:
    """The params as the model itself has them."""
    return {**params, PART: params[PART][CONSTANTS]}
