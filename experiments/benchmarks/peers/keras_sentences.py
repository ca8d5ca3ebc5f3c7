"""Keras on its JAX backend, on sentences of several lengths: masks, and `fit`."""

import os
from collections.abc import Callable, Iterator
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is imported, and only then

import keras
import numpy as np
from keras import layers, ops

from experiments.benchmarks.sentences import Corpus


def loop(corpus: Corpus, device: str) -> Callable[[], Any]:
    """An update of Adam on each batch of a corpus; a program for each length."""
    del device  # that of JAX
    make, read = (_classifier, _labelled) if corpus.name == "TREC" else (_translator, _paired)
    model = make(corpus)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    batches = [read(batch) for batch in corpus.batches]

    def endless() -> Iterator[Any]:
        while True:
            yield from batches

    source, options = endless(), {"steps_per_epoch": len(batches), "shuffle": False, "verbose": 0}
    return lambda: model.fit(source, **options)


def _classifier(corpus: Corpus) -> Any:
    """A bidirectional LSTM, the maximum over its steps, a linear readout."""
    tokens = keras.Input((None,), dtype="int32")
    mask = keras.Input((None,), dtype="bool")
    xs = layers.Embedding(corpus.tokens, corpus.units)(tokens)
    both = layers.Bidirectional(layers.LSTM(corpus.units, return_sequences=True))
    h = both(xs, mask=mask)
    h = ops.max(ops.where(ops.expand_dims(mask, -1), h, -1e9), axis=1)
    return keras.Model((tokens, mask), layers.Dense(corpus.outputs)(h))


def _translator(corpus: Corpus) -> Any:
    """An encoder-decoder with attention as `h' W m`."""
    units = corpus.units
    source, before = (keras.Input((None,), dtype="int32") for _ in range(2))
    mask = keras.Input((None,), dtype="bool")
    xs = layers.Embedding(corpus.tokens, units)(source)
    encoder = layers.LSTM(units, return_sequences=True, return_state=True)
    memory, _, _, h, c = layers.Bidirectional(encoder)(xs, mask=mask)
    own = layers.Embedding(corpus.outputs, units)(before)
    states = layers.LSTM(units, return_sequences=True)(own, initial_state=[h, c])
    keys = layers.Dense(units, use_bias=False)(memory)
    context = layers.Attention()([states, memory, keys], mask=[None, mask])
    joined = ops.concatenate([context, states], axis=-1)
    joined = layers.Dense(units, use_bias=False, activation="tanh")(joined)
    return keras.Model((source, mask, before), layers.Dense(corpus.outputs)(joined))


def _labelled(batch: dict[str, np.ndarray]) -> Any:
    tokens = np.asarray(batch["tokens"])
    return (tokens, _mask(batch["lengths"], tokens)), np.asarray(batch["labels"])


def _paired(batch: dict[str, np.ndarray]) -> Any:
    source, after = np.asarray(batch["source"]), np.asarray(batch["after"])
    weights = _mask(batch["lengths"], after).astype(np.float32)
    inputs = (source, _mask(batch["source_lengths"], source), np.asarray(batch["before"]))
    return inputs, after, weights


def _mask(lengths: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.arange(like.shape[1]) < np.asarray(lengths)[:, None]
