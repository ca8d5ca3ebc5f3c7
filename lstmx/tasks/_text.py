"""A text in parallel streams: what language models of characters, words and byte pairs share.

A part of a text with N tokens contains N - 1 predictions, of the second token to the last. They
are cut into `batch_size` streams of equal length, one after another; batch s contains window s of
every stream, and the state is carried from window to window. Every prediction is made exactly once
per pass. Nothing is dropped: the last window is padded with steps of weight 0, and the first token
of a stream, which is an input there, is the last target of the stream before.

A stream begins with the initial state, so that its first predictions lack context. That costs more
than a few tokens of context: a network that has seen the initial state only at the starts of
epochs may never recover from it (`configs/shakespeare.py` measures it). `state_reset_prob`, which
is `drop_state_probability` in the code of Melis, Dyer & Blunsom 2018 (arXiv:1707.05589), resets
the state before random windows of train; which ones depends on the step alone.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.data import bytepairs
from lstmx.data.bytepairs import BytePairs
from lstmx.data.text import Corpus
from lstmx.tasks import _common, _ngrams
from lstmx.types import Array, Batch, Key, Mean, Metrics, Task, TaskSpec


def from_corpus(
    corpus: Corpus,
    batch_size: int,
    split: str,
    window: int,
    stateful: bool,
    state_reset_prob: float,
    *,
    metric: str,
    unit: str,
    nats: float,
    backoff: bool,
) -> Task:
    """The task of one part of a corpus.

    Args:
        corpus: tokens of all parts, symbols and files. Where its tokens are byte pairs, the loss in
            `unit` is a mean over characters, not over tokens.
        batch_size: number of streams B.
        split: which part.
        window: tokens T of a batch.
        stateful: whether the state is carried from window to window; False resets it before each.
        state_reset_prob: in train, the probability that the state is reset before a window.
        metric: name of the loss in the unit that the field uses.
        unit: that unit.
        nats: the number of nats of one such unit.
        backoff: which bigram is the reference, see `_ngrams.bigram`.

    Raises:
        ValueError: a part with less than two tokens, or a `state_reset_prob` outside [0, 1).
    """
    if not 0 <= state_reset_prob < 1:
        raise ValueError(
            f"state_reset_prob={state_reset_prob}; expected a probability below 1, at least 0"
        )
    for part in ("train", split):
        if (length := len(corpus.tokens[part])) < 2:
            raise ValueError(f"{part} part has {length} tokens; expected at least 2")
    tokens, size = corpus.tokens[split], len(corpus.symbols)
    count = len(tokens) - 1
    stream = -(-count // batch_size)
    num_batches = -(-stream // window)
    stored = jnp.asarray(tokens)
    lengths = None if corpus.pairs is None else characters(corpus.pairs)
    # Tokens to a character, 1 where tokens are the units.
    rate = 1.0 if lengths is None else count / max(1.0, float(lengths[tokens[1:]].sum()))

    def batch(key: Key, step: Array | int) -> Batch:
        del key  # all seeds read the same text in the same order
        number = jnp.asarray(step) % num_batches
        place = number * window + jnp.arange(window)
        at = jnp.arange(batch_size)[:, None] * stream + place
        exists = (place < stream) & (at < count)
        at = jnp.where(exists, at, 0)
        inputs, targets = (
            jnp.where(exists, jnp.asarray(stored[where], jnp.int32), 0) for where in (at, at + 1)
        )
        resets = jnp.broadcast_to((number == 0) | (not stateful), (batch_size,))
        if split == "train" and state_reset_prob:
            # A key of its own, not the batch's: the text and its resets are the same for all seeds.
            key_reset = jax.random.fold_in(jax.random.key(0), step)
            resets = resets | jax.random.bernoulli(key_reset, state_reset_prob, (batch_size,))
        return Batch(
            inputs=inputs,
            targets=targets,
            weights=jnp.asarray(exists, jnp.float32),
            mask=exists,
            resets=resets[:, None] & (jnp.arange(window) == 0),
        )

    def loss(outputs: Array, batch: Batch) -> Metrics:
        nll = _common.weighted(_common.cross_entropy(outputs, batch.targets), batch.weights)
        units = nll.count
        if lengths is not None:
            units = jnp.sum(batch.weights * jnp.asarray(lengths)[batch.targets])
        return {"loss": nll, metric: Mean(nll.total / nats, units)}

    held_out = _ngrams.pairs(tokens, size)
    references = {
        "uniform": math.log(size),
        "bigram": _ngrams.bigram(corpus.tokens["train"], held_out, size, backoff=backoff),
    }
    unigram = _ngrams.unigram(corpus.tokens["train"], held_out, size)
    scale = rate / nats
    spec = TaskSpec(
        in_features=size,
        out_features=size,
        length=window,
        batch_size=batch_size,
        metric=metric,
        maximize=False,
        baseline=unigram * scale,
        references={name: value * scale for name, value in references.items()},
        inputs="token",
        num_batches=num_batches,
        unit=unit,
        files=corpus.files,
        record=bytepairs.record(text=corpus.pairs) if corpus.pairs and split == "train" else {},
    )
    return Task(spec, batch, loss)


def characters(pairs: BytePairs) -> np.ndarray:
    """The number of characters that begin in each token, [V] float32: they sum to those of a text.

    A token may have a part of a character: the bytes of UTF-8 that go on with one are 10xxxxxx.
    """
    begins = (sum(byte & 0xC0 != 0x80 for byte in piece) for piece in pairs.pieces)
    return np.fromiter(begins, np.float32, pairs.size)
