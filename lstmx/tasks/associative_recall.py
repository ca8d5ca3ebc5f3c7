"""Multi-query associative recall: pairs of keys and values, then queries by key.

Arora et al. 2023 (Zoology, arXiv:2312.04927), with the distribution of their published generator. A
sequence starts with `pairs` pairs key, value: distinct keys from 1 ... V / 2 - 1, distinct values
from V / 2 ... V - 1. Every key occurs once more as a query, and its value is the target at that
step; queries are at even places only. The g-th even place after the pairs, g = 1, 2, ..., has a
weight of g ** (power - 1), so that most queries come early and some late; the places are sampled
without replacement, that of the first key first. All other tokens are random tokens of the
vocabulary (`fill="random"`) or 0 (`fill="zero"`). Example with length=14, pairs=2,
vocab_size=12, fill="zero":

    input   2  8  4  7  0  0  4  0  2  0  0  0  0  0
    target  -  -  -  -  -  -  7  -  8  -  -  -  -  -

The defaults are small. The paper has vocab_size=8192, with (length, pairs) from (64, 4) over
(128, 8) to (256, 16) and more, 100 000 stored training sequences for 64 epochs and batches of 256
or 512; here every batch is new. The large vocabulary matters: the state of a recurrent network has
to store as many bits as the pairs have.

Metrics: cross entropy and accuracy over the queries.

Baseline: a guess among all values, 1 / (V - V / 2): every value is equally likely. A guess among
the values of the sequence gets 1 / pairs (the reference "shown"), which needs a memory but no
recall. Solved is 99 % (our threshold).
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Task, TaskSpec

BIBTEX = """
@misc{arora2023zoology,
  author = {Simran Arora and Sabri Eyuboglu and Aman Timalsina and Isys Johnson and Michael Poli
    and James Zou and Atri Rudra and Christopher Ré},
  title = {Zoology: Measuring and Improving Recall in Efficient Language Models},
  eprint = {2312.04927},
  archiveprefix = {arXiv},
  year = {2023},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 32,
    pairs: int = 4,
    vocab_size: int = 64,
    power: float = 0.01,
    fill: str = "random",
) -> Task:
    """Associative recall; inputs tokens [B, length], outputs [B, T, vocab_size].

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: disjoint endless streams.
        length: number of steps; even, and at least 4 for each pair.
        pairs: number of keys with a value.
        vocab_size: number of tokens; even, half of them values.
        power: of the distribution of the queries' places; 1 for equally likely places.
        fill: "random" or "zero": the other tokens.

    Raises:
        ValueError: an unknown choice, or sizes that do not fit.
    """
    _common.check_split(split)
    checks.one_of("fill", fill, ("random", "zero"))
    checks.sizes(1, batch_size=batch_size, pairs=pairs)
    if length < 4 * pairs or length % 2:
        raise ValueError(
            f"length={length}; expected an even number, at least {4 * pairs} for pairs={pairs}"
        )
    if vocab_size < 2 * pairs + 2 or vocab_size % 2:
        raise ValueError(
            f"vocab_size={vocab_size}; expected an even number, at least {2 * pairs + 2} "
            f"for pairs={pairs}"
        )
    half = vocab_size // 2
    log_weights = (power - 1) * jnp.log(jnp.arange(1.0, (length - 2 * pairs) // 2 + 1))

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        names = ("keys", "values", "gaps", "fill")
        streams = dict(zip(names, jax.random.split(_common.split_key(key, split), len(names))))
        tokens = jax.random.randint(streams["fill"], (batch_size, length), 0, vocab_size)
        return encode(
            keys=1 + _distinct(streams["keys"], jnp.zeros(half - 1), batch_size, pairs),
            values=half + _distinct(streams["values"], jnp.zeros(half), batch_size, pairs),
            gaps=_distinct(streams["gaps"], log_weights, batch_size, pairs),
            fill=tokens if fill == "random" else jnp.zeros_like(tokens),
        )

    spec = TaskSpec(
        in_features=vocab_size,
        out_features=vocab_size,
        length=length,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=1 / half,
        references={"shown": 1 / pairs},
        solved=0.99,
        inputs="token",
    )
    return Task(spec, batch, _common.classification)


def encode(keys: Array, values: Array, gaps: Array, fill: Array) -> Batch:
    """The batch with pairs (keys [B, K], values [B, K]), each key repeated after `gaps` [B, K].

    Args:
        keys: the keys of the pairs.
        values: their values.
        gaps: numbers of the queries' even places, counted from 0 after the pairs.
        fill: tokens [B, T] for all other steps.
    """
    batch_size, pairs = keys.shape
    rows = jnp.arange(batch_size)[:, None]
    interleaved = jnp.stack([keys, values], axis=2).reshape(batch_size, 2 * pairs)
    queries = 2 * pairs + 2 * gaps
    return Batch(
        inputs=fill.at[:, : 2 * pairs].set(interleaved).at[rows, queries].set(keys),
        targets=jnp.zeros_like(fill).at[rows, queries].set(values),
        weights=jnp.zeros(fill.shape, jnp.float32).at[rows, queries].set(1.0),
        mask=jnp.ones(fill.shape, bool),
        resets=_common.initial_resets(*fill.shape),
    )


def _distinct(key: Key, log_p: Array, batch_size: int, number: int) -> Array:
    """`number` indices [B, number], sampled with weights exp(log_p) without replacement."""
    # The order of log_p + Gumbel noise is that of sampling without replacement (Yellott 1977).
    noise = jax.random.gumbel(key, (batch_size, len(log_p)))
    return jax.lax.top_k(log_p + noise, number)[1]
