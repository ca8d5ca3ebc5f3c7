"""Embeddings that start from vectors of words, and may be kept as they are.

Where training does not change one, it is a constant of params: `params["embedding"]["constants"]`
has it, which no optimizer owns and no count of parameters counts. Rows of words without a vector
start at random, as wide as the vectors are spread.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from lstmx.constants import CONSTANTS
from lstmx.decoding import Decoder
from lstmx.types import Key, Model, Params, State, Task

EMBEDDINGS = {"vectors": ("embedding",), "target_vectors": ("decoder", "embedding")}
"""Where in params the embedding of a key of `Task.vectors` is: of tokens read, of those written."""


def with_vectors(model: Model, embed_features: int, task: Task) -> Model:
    """The model with the embeddings that a task has vectors for; the model itself without any.

    Args:
        model: of the task.
        embed_features: its key of the config.
        task: that of training, or one that stands for it and has its record.

    Raises:
        ValueError: an embedding of another width, or vectors of a target for a model without one.
    """
    for name, path in EMBEDDINGS.items():
        record = task.spec.record.get(name)
        if not isinstance(record, Mapping):
            continue
        if embed_features != record["width"]:
            raise ValueError(
                f"model.embed_features={embed_features}; expected {record['width']}, the width of "
                f"task.{name}_file"
            )
        if len(path) > 1 and model.decoder is None:
            raise ValueError(
                f"task.{name}_file is for a model that writes words, such as model.name='seq2seq'"
            )
        model = _started(model, path, task.vectors.get(name), record["trained"])
    return model


def _started(model: Model, path: Sequence[str], vectors: Any, trained: bool) -> Model:
    """The model whose embedding at a path of params starts from vectors, or does not change."""

    def init(key: Key) -> Params:
        params = model.init(key)
        W = _at(params, path)["W"]
        if vectors is not None:
            found = jnp.asarray(vectors.found)[:, None]
            W = jnp.where(found, jnp.asarray(vectors.values, W.dtype), W * vectors.scale)
        return _with(params, path, {"W": W} if trained else {CONSTANTS: {"W": W}})

    if trained:
        return model._replace(init=init)

    def plain(params: Params) -> Params:
        """The params as the model itself has them."""
        return _with(params, path, _at(params, path)[CONSTANTS])

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        return model.initial_state(plain(params), batch_shape)

    def of(function: Callable[..., Any] | None) -> Any:
        if function is None:
            return None
        return lambda params, *args, **options: function(plain(params), *args, **options)

    decoder = model.decoder
    if decoder is not None:
        decoder = Decoder(of(decoder.start), of(decoder.step))
    return model._replace(
        init=init,
        initial_state=initial_state,
        apply=of(model.apply),
        hidden=of(model.hidden),
        decoder=decoder,
    )


def _at(params: Params, path: Sequence[str]) -> Any:
    for name in path:
        params = params[name]
    return params


def _with(params: Params, path: Sequence[str], part: Params) -> Params:
    """The params with another part at a path."""
    first, *rest = path
    return {**params, first: _with(params[first], rest, part) if rest else part}
