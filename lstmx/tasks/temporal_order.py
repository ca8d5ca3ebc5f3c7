"""Temporal order: two or three rare symbols far apart; say in which order they came.

Hochreiter & Schmidhuber 1997, experiments 6a (two symbols, four classes) and 6b (three symbols,
eight classes); later code calls them the 3-bit and the 4-bit form. A sequence starts with E, ends
with the trigger B and is filled with a, b, c, d at random, except that X or Y stands at the places

    6a   t1 in 10 ... 20, t2 in 50 ... 60                      (symbols=2)
    6b   t1 in 10 ... 20, t2 in 33 ... 43, t3 in 66 ... 76     (symbols=3)

counted from E = 0. The length is uniform on 100 ... 110. The class, due at B, reads the symbols as
a binary number with X = 0 and Y = 1. Tokens: E B a b c d X Y = 0 ... 7. Example of 6a:

    input   E  c  X  a  b  Y  d  B        class at B:  X Y = 01 = 1

With another `length` L all places and lengths scale with L / 100, rounded down.

Baseline: a guess, 25 % or 12.5 %. Solved is 99 % (our line; the paper asks for 2000 correct
sequences in a row and finds at most 3 of 2560 wrong afterwards).

Deviation: the loss is the cross entropy of a softmax; the paper has one logistic unit a class, the
squared error, and calls an answer right where no unit is off by more than .3. Here the most
active unit answers.
"""

import jax
import jax.numpy as jnp

from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Task, TaskSpec

START, TRIGGER, X = 0, 1, 6
PLACES = {2: ((10, 20), (50, 60)), 3: ((10, 20), (33, 43), (66, 76))}
"""Per form the first and the last place of each symbol in percent of the length."""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 100,
    symbols: int = 2,
) -> Task:
    """Temporal order; inputs tokens [B, T], outputs [B, T, 2**symbols], judged at the last step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: disjoint endless streams.
        length: the shortest length; the longest, and T, is a tenth more.
        symbols: 2 (experiment 6a) or 3 (experiment 6b).

    Raises:
        ValueError: an unknown split, a number of symbols without a form, or a size too small.
    """
    _common.check_split(split)
    _common.check_at_least(1, batch_size=batch_size)
    _common.check_at_least(10, length=length)
    if symbols not in PLACES:
        raise ValueError(f"symbols: got {symbols}; expected 2 (experiment 6a) or 3 (6b)")
    steps = length + length // 10

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        names = ("filler", "length", "place", "symbol")
        keys = dict(zip(names, jax.random.split(_common.split_key(key, split), len(names))))
        low, high = (jnp.array([p[i] for p in PLACES[symbols]]) * length // 100 for i in (0, 1))
        shape = (batch_size, symbols)
        return encode(
            filler=jax.random.randint(keys["filler"], (batch_size, steps), 2, X),
            bits=jax.random.randint(keys["symbol"], shape, 0, 2),
            places=jax.random.randint(keys["place"], shape, low, high + 1),
            lengths=jax.random.randint(keys["length"], (batch_size,), length, steps + 1),
        )

    spec = TaskSpec(
        in_features=8,
        out_features=2**symbols,
        length=steps,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=0.5**symbols,
        solved=0.99,
        inputs="token",
    )
    return Task(spec, batch, _common.classification)


def encode(filler: Array, bits: Array, places: Array, lengths: Array) -> Batch:
    """The batch with bits [B, S] (0 for X, 1 for Y) at places [B, S] of the filler [B, T]."""
    batch_size, steps = filler.shape
    rows = jnp.arange(batch_size)
    inputs = filler.at[rows[:, None], places].set(X + bits)
    inputs = inputs.at[:, 0].set(START).at[rows, lengths - 1].set(TRIGGER)
    mask = _common.real(lengths, steps)
    weights = _common.last_step(lengths, steps)
    powers = 2 ** jnp.arange(bits.shape[1])[::-1]
    classes = jnp.sum(bits * powers, axis=1)
    targets = jnp.where(weights > 0, classes[:, None], 0)
    inputs = jnp.where(mask, inputs, START)
    return Batch(inputs, targets, weights, mask, _common.fresh(batch_size, steps))
