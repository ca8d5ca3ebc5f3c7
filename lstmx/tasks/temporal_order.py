"""Temporal order: classification by the order of two or three rare symbols far apart.

Hochreiter & Schmidhuber 1997, experiments 6a (two symbols, four classes) and 6b (three symbols,
eight classes); later code calls them the 3-bit and the 4-bit form. A sequence starts with E, ends
with the trigger B and contains random a, b, c, d, except for an X or Y at each of the places

    6a   t1 in 10 ... 20, t2 in 50 ... 60                      (symbols=2)
    6b   t1 in 10 ... 20, t2 in 33 ... 43, t3 in 66 ... 76     (symbols=3)

counted from E = 0. The length is uniform on 100 ... 110. The class, the target at B, is the
symbols as a binary number with X = 0 and Y = 1. Tokens: E B a b c d X Y = 0 ... 7. Example of 6a:

    input   E  c  X  a  b  Y  d  B        class at B:  X Y = 01 = 1

With another `length` L all places and lengths scale with L / 100, rounded down.

Baseline: a guess, 25 % or 12.5 %. Solved is 99 % (our threshold; the paper demands 2000 correct
sequences in a row and finds at most 3 of 2560 wrong afterwards).

`loss="softmax"` is the cross entropy, and the largest output is the prediction. The paper has
`loss="logistic"`: one logistic output per class, half the squared error, and a prediction is
"correct" if no output has an error of .3 or more; "accuracy" still refers to the largest one.

`continual=n` is the stream of Gers, Schmidhuber & Cummins 2000, experiment 3: a row is n
concatenated sequences, and the state is carried from batch to batch and reset at step 0 only;
`external_reset=True` resets it at every E, and `restart_every=m` begins new streams every m
batches. Two sequences of 8 steps with room for 10:

    E c X a b Y d B . . E d a Y c X d B . .      classes at the two B: 1 and 2

where "." is padding, over which the state is kept. "sequence_accuracy" is the fraction of rows with
every class correct (the paper's perfect solution, n = 100 and symbols=3), "until_error" the mean
number of correct classes before a row's first error.

Deviations: by default the softmax. The paper of 2000 may stop a stream at its first error; here
every row is used to its end, and steps between the triggers have no target.
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common, reber
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@article{hochreiter1997lstm,
  author = {Sepp Hochreiter and Jürgen Schmidhuber},
  title = {Long Short-Term Memory},
  journal = {Neural Computation},
  volume = {9},
  number = {8},
  pages = {1735--1780},
  year = {1997},
}
"""

BIBTEX_OPTIONS = {
    "continual": """
@article{gers2000forget,
  author = {Felix A. Gers and Jürgen Schmidhuber and Fred Cummins},
  title = {Learning to Forget: Continual Prediction with {LSTM}},
  journal = {Neural Computation},
  volume = {12},
  number = {10},
  pages = {2451--2471},
  year = {2000},
}
""",
}
"""Option, or option=value -> what to cite besides where it is set."""

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
    """Temporal order; inputs tokens [B, T], outputs [B, T, 2**symbols], scored at the last step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: the shortest length; the longest, and T, is a tenth more.
        symbols: 2 (experiment 6a) or 3 (experiment 6b).
        loss: "softmax" or "logistic".
        continual: number of sequences in a row of a stream, which multiplies its steps; 0 for one
            sequence per row, stateless.
        external_reset: whether a stream's state is reset at the beginning of every sequence.
        restart_every: number of batches after which new streams begin; 0 for never.

    Raises:
        ValueError: an unknown choice, a number of symbols without a form, contradictory options,
            or a size too small.
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
        result = encode(
            filler=jax.random.randint(keys["filler"], (rows, steps), 2, X),
            bits=jax.random.randint(keys["symbol"], shape, 0, 2),
            places=jax.random.randint(keys["place"], shape, low, high + 1),
            lengths=jax.random.randint(keys["length"], (rows,), length, steps + 1),
        )
        if continual:
            result = join(result, continual)
            if not external_reset:
                resets = reber.stream_resets(result.resets, step, restart_every)
                result = result._replace(resets=resets)
        return result

    def measure(outputs: Array, batch: Batch) -> Metrics:
        metrics = dict(_common.classification(outputs, batch))
        hits = _common.correct(outputs, batch.targets)
        if loss == "logistic":
            metrics |= _common.logistic(outputs, batch.targets, batch.weights, TOLERANCE)
            units = jax.nn.one_hot(batch.targets, 2**symbols, dtype=outputs.dtype)
            near = jnp.abs(jax.nn.sigmoid(outputs) - units) < TOLERANCE
            hits = jnp.asarray(jnp.all(near, axis=-1), jnp.float32)
        if continual:
            metrics["sequence_accuracy"] = _common.sequence_accuracy(hits, batch.weights)
            metrics["until_error"] = reber.before_error(hits, batch.weights)
        return metrics

    spec = TaskSpec(
        in_features=8,
        out_features=2**symbols,
        length=steps * max(continual, 1),
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        maximized=("correct", "sequence_accuracy", "until_error"),
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
    return Batch(inputs, targets, weights, mask, _common.initial_resets(batch_size, steps))


def join(sequences: Batch, count: int) -> Batch:
    """Sequences [B * count, T] in rows [B, count * T]; with a reset where each one starts."""
    rows = sequences.mask.shape[0] // count
    return jax.tree.map(lambda leaf: leaf.reshape(rows, -1), sequences)
