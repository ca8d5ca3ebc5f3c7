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

`loss="softmax"` is the cross entropy, and the most active unit answers. The paper has
`loss="logistic"`: one logistic unit a class, half the squared error, and an answer is "correct"
where no unit is off by .3 or more; "accuracy" still goes by the most active one.

`continual=n` is the stream of Gers, Schmidhuber & Cummins 2000, experiment 3: a row is n sequences
one after the other, the next batch goes on with the state that this one left, and nothing is reset
but at step 0; `external_reset=True` resets at every E, and `restart_every=m` begins new streams
every m batches. Two sequences of 8 steps with room for 10:

    E c X a b Y d B . . E d a Y c X d B . .      classes at the two B: 1 and 2

where "." is padding, over which the state is kept. "whole" is the share of rows with every answer
right (the paper's perfect solution, n = 100 and symbols=3), "until_error" the mean number of right
answers before a row's first error.

Deviations: by default the softmax. The paper of 2000 may stop a stream at its first error; here
every row is trained on to its end, and nothing is asked between the triggers.
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common, reber
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

START, TRIGGER, X = 0, 1, 6
PLACES = {2: ((10, 20), (50, 60)), 3: ((10, 20), (33, 43), (66, 76))}
"""Per form the first and the last place of each symbol in percent of the length."""
TOLERANCE = 0.3  # HS97: largest error of a unit in a correct answer


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 100,
    symbols: int = 2,
    loss: str = "softmax",
    continual: int = 0,
    external_reset: bool = False,
    restart_every: int = 0,
) -> Task:
    """Temporal order; inputs tokens [B, T], outputs [B, T, 2**symbols], judged at the last step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: disjoint endless streams.
        length: the shortest length; the longest, and T, is a tenth more.
        symbols: 2 (experiment 6a) or 3 (experiment 6b).
        loss: "softmax" or "logistic".
        continual: sequences of a row of a stream, which has as many times the steps; 0 for one
            sequence a row that starts afresh.
        external_reset: whether a stream's state starts afresh with every sequence.
        restart_every: batches after which streams begin anew; 0 for never.

    Raises:
        ValueError: an unknown choice, a number of symbols without a form, options that contradict
            each other, or a size too small.
    """
    _common.check_split(split)
    checks.one_of("loss", loss, ("softmax", "logistic"))
    checks.sizes(1, batch_size=batch_size)
    checks.sizes(10, length=length)
    reber.check_stream(continual, external_reset, restart_every)
    if symbols not in PLACES:
        raise ValueError(f"symbols={symbols}; expected 2 (experiment 6a) or 3 (6b)")
    steps = length + length // 10
    rows = batch_size * max(continual, 1)

    def batch(key: Key, step: Array | int) -> Batch:
        names = ("filler", "length", "place", "symbol")
        keys = dict(zip(names, jax.random.split(_common.split_key(key, split), len(names))))
        low, high = (jnp.array([p[i] for p in PLACES[symbols]]) * length // 100 for i in (0, 1))
        shape = (rows, symbols)
        made = encode(
            filler=jax.random.randint(keys["filler"], (rows, steps), 2, X),
            bits=jax.random.randint(keys["symbol"], shape, 0, 2),
            places=jax.random.randint(keys["place"], shape, low, high + 1),
            lengths=jax.random.randint(keys["length"], (rows,), length, steps + 1),
        )
        if continual:
            made = join(made, continual)
            if not external_reset:
                resets = reber.carried(made.resets, step, restart_every)
                made = made._replace(resets=resets)
        return made

    def measure(outputs: Array, batch: Batch) -> Metrics:
        metrics = dict(_common.classification(outputs, batch))
        right = _common.correct(outputs, batch.targets)
        if loss == "logistic":
            metrics |= _common.logistic(outputs, batch.targets, batch.weights, TOLERANCE)
            units = jax.nn.one_hot(batch.targets, 2**symbols, dtype=outputs.dtype)
            near = jnp.abs(jax.nn.sigmoid(outputs) - units) < TOLERANCE
            right = jnp.asarray(jnp.all(near, axis=-1), jnp.float32)
        if continual:
            metrics["whole"] = _common.whole(right, batch.weights)
            metrics["until_error"] = reber.before_error(right, batch.weights)
        return metrics

    spec = TaskSpec(
        in_features=8,
        out_features=2**symbols,
        length=steps * max(continual, 1),
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        maximized=("correct", "whole", "until_error"),
        baseline=0.5**symbols,
        solved=0.99,
        inputs="token",
    )
    return Task(spec, batch, measure)


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


def join(sequences: Batch, count: int) -> Batch:
    """`count` sequences [B * count, T] a row, [B, count * T]; resets where each one starts."""
    rows = sequences.mask.shape[0] // count
    return jax.tree.map(lambda leaf: leaf.reshape(rows, -1), sequences)
