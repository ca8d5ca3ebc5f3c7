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

Two further kinds are those of MAD (Poli et al. 2024, arXiv:2403.17844), put into this layout.
Fuzzy recall: a key has `key_tokens` and a value `value_tokens` tokens, each pair or query takes as
many steps as both together, keys differ in at least one token, and of a queried value all tokens
but the last follow as inputs, as in a language model. With length=15, pairs=1, key_tokens=2,
value_tokens=3, fill="zero":

    input   2  3  8  7  7  0  0  0  0  0  2  3  8  7  0
    target  -  -  -  -  -  -  -  -  -  -  -  8  7  7  -

Noisy recall: `noise` of the steps, at random places, are tokens from a separate vocabulary of
`noise_vocab` further tokens, with equal probabilities. They are inserted anywhere, also between a
key and its value, are never keys or values, and never asked for. With length=12, pairs=2,
vocab_size=12, noise=4, noise_vocab=3, fill="zero":

    input  13  2  8 14  4  7 12  4 12  0  2  0
    target  -  -  -  -  -  -  -  7  -  -  8  -

The defaults are small. The paper has vocab_size=8192, with (length, pairs) from (64, 4) over
(128, 8) to (256, 16) and more, 100 000 stored training sequences for 64 epochs and batches of 256
or 512; here every batch is new. The large vocabulary matters: the state of a recurrent network has
to store as many bits as the pairs have.

Metrics: cross entropy and accuracy over the answers, token by token.

Baseline: a guess among all tokens of values, 1 / (V - V / 2): each is equally likely. A guess among
the values of the sequence gets 1 / pairs (the reference "shown"), which needs a memory but no
recall; tokens of longer values are also right where another value has the same token there. Solved
is 99 % (our threshold).

Deviations from MAD: the layout, the places and the sizes are those of Arora et al., and all keys
have the same number of tokens; the generator of MAD was not consulted.
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

BIBTEX_OPTIONS = {
    "key_tokens, value_tokens, noise": """
@inproceedings{poli2024mechanistic,
  author = {Michael Poli and Armin W. Thomas and Eric Nguyen and Pragaash Ponnusamy and Björn
    Deiseroth and Kristian Kersting and Taiji Suzuki and Brian Hie and Stefano Ermon and Christopher
    Ré and Ce Zhang and Stefano Massaroli},
  title = {Mechanistic Design and Scaling of Hybrid Architectures},
  booktitle = {International Conference on Machine Learning},
  eprint = {2403.17844},
  archiveprefix = {arXiv},
  year = {2024},
}
""",
}
"""Option, or option=value -> what to cite besides where it is set."""

MOST = 65_536  # different keys or values, of which those of a sequence are sampled


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 32,
    pairs: int = 4,
    vocab_size: int = 64,
    power: float = 0.01,
    fill: str = "random",
    key_tokens: int = 1,
    value_tokens: int = 1,
    noise: int = 0,
    noise_vocab: int = 16,
) -> Task:
    """Associative recall; inputs tokens [B, length], outputs [B, T, vocab_size].

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: number of steps; without noise a multiple of the steps of a pair, and at least two
            of these for each pair.
        pairs: number of keys with a value.
        vocab_size: number of tokens without those of noise; even, half of them values.
        power: of the distribution of the queries' places; 1 for equally likely places.
        fill: "random" or "zero": the other tokens.
        key_tokens: tokens of a key.
        value_tokens: tokens of a value; a pair takes the steps of both.
        noise: number of steps with a token of noise, part of the length.
        noise_vocab: number of different tokens of noise; inputs have as many more where `noise` is
            not 0.

    Raises:
        ValueError: an unknown choice, or sizes that do not fit.
    """
    _common.check_split(split)
    checks.one_of("fill", fill, ("random", "zero"))
    checks.sizes(1, batch_size=batch_size, pairs=pairs, noise_vocab=noise_vocab)
    checks.sizes(1, key_tokens=key_tokens, value_tokens=value_tokens)
    checks.sizes(0, noise=noise)
    slot, half = key_tokens + value_tokens, vocab_size // 2
    clean = length - noise
    _check_length(length, noise, pairs, slot)
    if vocab_size % 2 or (half - 1) ** key_tokens < pairs or half**value_tokens < pairs:
        fits = (
            n for n in range(2, pairs + 2) if min((n - 1) ** key_tokens, n**value_tokens) >= pairs
        )
        least = 2 * next(fits)
        raise ValueError(
            f"vocab_size={vocab_size}; expected an even number, at least {least} for pairs={pairs}"
        )
    kinds = ((half - 1) ** key_tokens, half**value_tokens)
    if max(key_tokens, value_tokens) > 1 and max(kinds) > MOST:
        raise ValueError(
            f"vocab_size={vocab_size} has {max(kinds)} keys or values of several tokens; expected "
            f"at most {MOST}, by a smaller vocabulary or fewer tokens"
        )
    log_weights = (power - 1) * jnp.log(jnp.arange(1.0, clean // slot - pairs + 1))

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        names = ("keys", "values", "gaps", "fill")
        key = _common.split_key(key, split)
        streams = dict(zip(names, jax.random.split(key, len(names))))
        tokens = jax.random.randint(streams["fill"], (batch_size, clean), 0, vocab_size)
        keys, values = (
            _distinct(streams[name], jnp.zeros(count), batch_size, pairs)
            for name, count in zip(("keys", "values"), kinds)
        )
        made = encode(
            keys=1 + _digits(keys, half - 1, key_tokens),
            values=half + _digits(values, half, value_tokens),
            gaps=_distinct(streams["gaps"], log_weights, batch_size, pairs),
            fill=tokens if fill == "random" else jnp.zeros_like(tokens),
        )
        if not noise:
            return made
        key_place, key_token = jax.random.split(jax.random.fold_in(key, len(names)))
        scores = jax.random.uniform(key_place, (batch_size, length))
        kind = jax.random.randint(key_token, (batch_size, length), 0, noise_vocab)
        return insert(made, jax.lax.top_k(scores, noise)[1], vocab_size + kind)

    same = (half ** (value_tokens - 1) - 1) / (half**value_tokens - 1)
    spec = TaskSpec(
        in_features=vocab_size + (noise_vocab if noise else 0),
        out_features=vocab_size,
        length=length,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=1 / half,
        references={"shown": 1 / pairs + (1 - 1 / pairs) * same},
        solved=0.99,
        inputs="token",
    )
    return Task(spec, batch, _common.classification)


def encode(keys: Array, values: Array, gaps: Array, fill: Array) -> Batch:
    """The batch with pairs of keys and values, each key repeated after `gaps` [B, K].

    Args:
        keys: the tokens [B, K, k] of the pairs' keys.
        values: those [B, K, v] of their values.
        gaps: numbers of the queries' places, in pairs, counted from 0 after the pairs.
        fill: tokens [B, T] for all other steps.
    """
    batch_size, pairs, first = keys.shape
    slot = first + values.shape[2]
    rows = jnp.arange(batch_size)[:, None, None]
    shown = jnp.concatenate([keys, values], axis=2)
    # Of a query all is shown but the last token of its value.
    queries = slot * (pairs + gaps)[..., None] + jnp.arange(slot - 1)
    answers = queries[..., first - 1 :]
    inputs = fill.at[:, : slot * pairs].set(shown.reshape(batch_size, slot * pairs))
    return Batch(
        inputs=inputs.at[rows, queries].set(shown[..., :-1]),
        targets=jnp.zeros_like(fill).at[rows, answers].set(values),
        weights=jnp.zeros(fill.shape, jnp.float32).at[rows, answers].set(1.0),
        mask=jnp.ones(fill.shape, bool),
        resets=_common.initial_resets(*fill.shape),
    )


def insert(batch: Batch, places: Array, tokens: Array) -> Batch:
    """The batch [B, S] with noise at `places` [B, N] of T = S + N steps, from tokens [B, T]."""
    rows = jnp.arange(places.shape[0])[:, None]
    noisy = jnp.zeros(tokens.shape, bool).at[rows, places].set(True)
    origin = jnp.maximum(jnp.cumsum(~noisy, axis=1) - 1, 0)
    spread = lambda values: jnp.take_along_axis(values, origin, axis=1)
    return Batch(
        inputs=jnp.where(noisy, tokens, spread(batch.inputs)),
        targets=jnp.where(noisy, 0, spread(batch.targets)),
        weights=jnp.where(noisy, 0.0, spread(batch.weights)),
        mask=jnp.ones(tokens.shape, bool),
        resets=_common.initial_resets(*tokens.shape),
    )


def _check_length(length: int, noise: int, pairs: int, slot: int) -> None:
    clean, least = length - noise, 2 * slot * pairs
    if clean >= least and clean % slot == 0:
        return
    multiple = "an even number" if slot == 2 else f"a multiple of {slot}"
    besides = f" besides noise={noise}" if noise else ""
    raise ValueError(
        f"length={length}; expected {multiple}{besides}, at least {least} for pairs={pairs}"
    )


def _digits(numbers: Array, base: int, count: int) -> Array:
    """The digits [B, K, count] of numbers [B, K]."""
    return numbers[..., None] // base ** jnp.arange(count) % base


def _distinct(key: Key, log_p: Array, batch_size: int, number: int) -> Array:
    """`number` indices [B, number], sampled with weights exp(log_p) without replacement."""
    # The order of log_p + Gumbel noise is that of sampling without replacement (Yellott 1977).
    noise = jax.random.gumbel(key, (batch_size, len(log_p)))
    return jax.lax.top_k(log_p + noise, number)[1]
