"""Selective copying: repeat, in order, the symbols that are scattered among fillers.

Gu & Dao 2023 (arXiv:2312.00752, section 4.1 and appendix E.1), the denoising task of Jing et al.
2019 (arXiv:1706.02761): 16 data tokens in 4096 steps, a vocabulary of 16 with the filler. The
distribution of the places is that of the published code of Feng et al. 2024 (arXiv:2410.01201): any
`symbols` of the first `length` steps, each set equally likely; then `symbols` steps whose targets
are the symbols. So T = length + symbols. Tokens: 0 is the query, 1 ... V - 2 are data, V - 1 is the
filler.
Example with length=6, symbols=2, vocab_size=8:

    input   7  3  7  7  5  7  0  0
    target  -  -  -  -  -  -  3  5

Copying from fixed places needs only a clock; here the input determines what to store. The defaults
are small; the paper's sizes are length=4096, symbols=16, vocab_size=16, and batches of 64.

Metrics: "loss" and "accuracy" over the queries, and "sequence_accuracy", the fraction of sequences
with every symbol correct. Published accuracies are over symbols.

Baseline: a guess among the V - 2 data symbols, which are independent and equally likely: accuracy
1 / (V - 2), loss ln(V - 2), sequence accuracy (V - 2) ** -symbols. Solved is an accuracy of 99 %
(our threshold).
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@misc{gu2023mamba,
  author = {Albert Gu and Tri Dao},
  title = {Mamba: Linear-Time Sequence Modeling with Selective State Spaces},
  eprint = {2312.00752},
  archiveprefix = {arXiv},
  year = {2023},
}
@misc{feng2024minimal,
  author = {Leo Feng and Frederick Tung and Mohamed Osama Ahmed and Yoshua Bengio and Hossein
    Hajimirsadeghi},
  title = {Were {RNNs} All We Needed?},
  eprint = {2410.01201},
  archiveprefix = {arXiv},
  year = {2024},
}
"""

QUERY = 0


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 32,
    symbols: int = 4,
    vocab_size: int = 8,
) -> Task:
    """Selective copying; inputs tokens [B, length + symbols], outputs [B, T, vocab_size].

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: number of steps among which the data symbols are scattered.
        symbols: number of data symbols, and of queries.
        vocab_size: number of tokens; all but two are data.

    Raises:
        ValueError: an unknown split, or a size too small.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, symbols=symbols)
    checks.sizes(4, vocab_size=vocab_size)
    if length < symbols:
        raise ValueError(f"length={length}; expected at least one step for each of {symbols}")
    filler = vocab_size - 1

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_data, key_place = jax.random.split(_common.split_key(key, split))
        data = jax.random.randint(key_data, (batch_size, symbols), QUERY + 1, filler)
        # The places of the largest of independent numbers are a uniform random set.
        _, places = jax.lax.top_k(jax.random.uniform(key_place, (batch_size, length)), symbols)
        return encode(data, jnp.sort(places, axis=1), length, filler)

    spec = TaskSpec(
        in_features=vocab_size,
        out_features=vocab_size,
        length=length + symbols,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=1 / (vocab_size - 2),
        solved=0.99,
        inputs="token",
        maximized=("sequence_accuracy",),
    )
    return Task(spec, batch, loss)


def encode(data: Array, places: Array, length: int, filler: int) -> Batch:
    """The batch with data [B, S] at places [B, S], ascending, of `length` steps."""
    batch_size, symbols = data.shape
    noise = jnp.full((batch_size, length), filler, data.dtype)
    noise = noise.at[jnp.arange(batch_size)[:, None], places].set(data)
    query = jnp.broadcast_to(jnp.arange(length + symbols) >= length, (batch_size, length + symbols))
    return Batch(
        inputs=jnp.concatenate([noise, jnp.full_like(data, QUERY)], axis=1),
        targets=jnp.concatenate([jnp.zeros_like(noise), data], axis=1),
        weights=jnp.asarray(query, jnp.float32),
        mask=jnp.ones_like(query),
        resets=_common.initial_resets(batch_size, length + symbols),
    )


def loss(outputs: Array, batch: Batch) -> Metrics:
    """Cross entropy and accuracy of symbols, and the fraction of sequences without an error."""
    hits = _common.correct(outputs, batch.targets)
    return {
        **_common.classification(outputs, batch),
        "sequence_accuracy": _common.sequence_accuracy(hits, batch.weights),
    }
