"""A text in parallel streams: what language modelling by characters and by words share.

A part of a text with N tokens holds N - 1 predictions, of the second token to the last. They are
cut into `batch_size` streams of equal length, one after another; batch s shows window s of every
stream, and the state is carried on from window to window. Every prediction is made exactly once a
pass. Nothing is dropped: the last window is filled up with steps of weight 0, and a stream's first
token, read there, is predicted at the end of the stream before.

State starts afresh where a stream begins, so that its first predictions lack what came before.
That costs more than a few tokens of context: a network that has met the zero state only at the
starts of epochs may never recover from it (`configs/shakespeare.py` shows it). `restart`, as
`drop_state_probability` in the code of Melis, Dyer & Blunsom 2018 (arXiv:1707.05589), lets windows
of train start afresh now and then; which ones depends on the step alone.
"""

import math

import jax
import jax.numpy as jnp

from lstmx.data.text import Corpus
from lstmx.tasks import _common, _ngrams
from lstmx.types import Array, Batch, Key, Mean, Metrics, Task, TaskSpec


def from_corpus(
    corpus: Corpus,
    batch_size: int,
    split: str,
    window: int,
    carry: bool,
    restart: float,
    *,
    metric: str,
    unit: str,
    nats: float,
    backoff: bool,
) -> Task:
    """The task of one part of a corpus.

    Args:
        corpus: see there.
        batch_size: number of streams B.
        split: which part.
        window: tokens T of a batch.
        carry: False starts the state afresh with every window.
        restart: in train, the probability that a stream's window starts afresh all the same.
        metric: name of the loss in the unit that the field uses.
        unit: that unit.
        nats: how many nats it has.
        backoff: which bigram is the reference, see `_ngrams.bigram`.

    Raises:
        ValueError: a part with less than two tokens, or a `restart` that is no probability.
    """
    if not 0 <= restart < 1:
        raise ValueError(f"restart={restart}; expected a probability below 1, at least 0")
    for part in ("train", split):
        if (found := len(corpus.tokens[part])) < 2:
            raise ValueError(f"{part} part has {found} tokens; expected at least 2")
    tokens, size = corpus.tokens[split], len(corpus.symbols)
    count = len(tokens) - 1
    stream = -(-count // batch_size)
    num_batches = -(-stream // window)
    stored = jnp.asarray(tokens)

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
        afresh = jnp.broadcast_to((number == 0) | (not carry), (batch_size,))
        if split == "train" and restart:
            drawn = jax.random.fold_in(jax.random.key(0), step)
            afresh = afresh | jax.random.bernoulli(drawn, restart, (batch_size,))
        return Batch(
            inputs=inputs,
            targets=targets,
            weights=jnp.asarray(exists, jnp.float32),
            mask=exists,
            resets=afresh[:, None] & (jnp.arange(window) == 0),
        )

    def loss(outputs: Array, batch: Batch) -> Metrics:
        nll = _common.weighted(_common.cross_entropy(outputs, batch.targets), batch.weights)
        return {"loss": nll, metric: Mean(nll.total / nats, nll.count)}

    asked = _ngrams.pairs(tokens, size)
    references = {
        "uniform": math.log(size) / nats,
        "bigram": _ngrams.bigram(corpus.tokens["train"], asked, size, backoff=backoff) / nats,
    }
    spec = TaskSpec(
        in_features=size,
        out_features=size,
        length=window,
        batch_size=batch_size,
        metric=metric,
        maximize=False,
        baseline=_ngrams.unigram(corpus.tokens["train"], asked, size) / nats,
        references=references,
        inputs="token",
        num_batches=num_batches,
        unit=unit,
        files=corpus.files,
    )
    return Task(spec, batch, loss)
