"""Induction heads: repeat the token that followed the first occurrence of the special token.

Gu & Dao 2023 (arXiv:2312.00752, section 4.1.2 and appendix E.1), after Olsson et al. 2022: among
random tokens one special token occurs twice, the second time as the last token. The target at that
step is the token that followed the first occurrence. Tokens: 0 ... V - 2 are ordinary, V - 1 is
special. Example with length=8, vocab_size=16:

    input   4  9 15  6  2  2  0 15        at the last step:  6

The paper trains on 256 steps with a vocabulary of 16, in batches of 8 that are never repeated, and
tests on lengths from 64 to 1 048 576; here by `evals = {"long": {"length": 1024}}`. It does not
specify the place of the first occurrence; here all places that leave a step for the answer are
equally likely. Reimplementations differ, and a network can solve a fixed place by counting.

Baseline: a guess among the V - 1 ordinary tokens, 1 / (V - 1). Solved is 99 % (our threshold).
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Task, TaskSpec

BIBTEX = """
@misc{gu2023mamba,
  author = {Albert Gu and Tri Dao},
  title = {Mamba: Linear-Time Sequence Modeling with Selective State Spaces},
  eprint = {2312.00752},
  archiveprefix = {arXiv},
  year = {2023},
}
@misc{olsson2022induction,
  author = {Catherine Olsson and others},
  title = {In-context Learning and Induction Heads},
  eprint = {2209.11895},
  archiveprefix = {arXiv},
  year = {2022},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 64,
    min_length: int = 0,
    vocab_size: int = 16,
) -> Task:
    """Induction heads; inputs tokens [B, length], outputs [B, T, vocab_size], scored at the end.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: the longest length, and T.
        min_length: the shortest; lengths are uniform from there to `length`. 0 for `length`.
        vocab_size: number of tokens, including the special one.

    Raises:
        ValueError: an unknown split, or a size too small.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size)
    checks.sizes(3, length=length, vocab_size=vocab_size)
    shortest = min_length or length
    if not 3 <= shortest <= length:
        raise ValueError(f"min_length={min_length}; expected 0, or 3 to length={length}")
    special = vocab_size - 1

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_token, key_length, key_place = jax.random.split(_common.split_key(key, split), 3)
        lengths = jax.random.randint(key_length, (batch_size,), shortest, length + 1)
        return encode(
            tokens=jax.random.randint(key_token, (batch_size, length), 0, special),
            places=jax.random.randint(key_place, (batch_size,), 0, lengths - 2),
            lengths=lengths,
            special=special,
        )

    spec = TaskSpec(
        in_features=vocab_size,
        out_features=vocab_size,
        length=length,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=1 / special,
        solved=0.99,
        inputs="token",
    )
    return Task(spec, batch, _common.classification)


def encode(tokens: Array, places: Array, lengths: Array, special: int) -> Batch:
    """The batch of ordinary tokens [B, T] with the special one at places [B] and at the end."""
    batch_size, steps = tokens.shape
    rows = jnp.arange(batch_size)
    inputs = tokens.at[rows, places].set(special).at[rows, lengths - 1].set(special)
    mask = _common.real(lengths, steps)
    weights = _common.last_step(lengths, steps)
    answers = tokens[rows, places + 1]
    return Batch(
        inputs=jnp.where(mask, inputs, 0),
        targets=jnp.where(weights > 0, answers[:, None], 0),
        weights=weights,
        mask=mask,
        resets=_common.initial_resets(batch_size, steps),
    )
