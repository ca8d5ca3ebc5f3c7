"""Long time lags: repeat at the end the symbol that was at the beginning.

Hochreiter & Schmidhuber 1997, experiment 2. A sequence is one of x and y, many other symbols a1,
a2, ..., and the same x or y again. Worked examples, where the last symbol is never an input:

    form="2a", p = 4    y a1 a2 a3 y    always the same middle; predict every next symbol
    form="2b", p = 4    y a3 a1 a3 y    a random middle; predict every next symbol
    form="2c", q = 3    b y a2 a1 a2 a4 e y    a random middle of q + k symbols, which continues
                                        after q symbols with probability .9 each, and a trigger e;
                                        only the last symbol is predicted, as one of x and y

Tokens: a1, a2, ... are first, then x and y (2a, 2b: p + 1 symbols in and out), or e, b, x and y
(2c: as many as `distractors`, and 4; two outputs). `lag` is p or q.

A step is correct if all outputs are within .25 (2a, 2b) or .2 (2c) of the one-hot target; with
`loss="softmax"`, if the output of the target is the largest. "sequence_accuracy" is the fraction of
sequences that are correct at every step that the paper scores: all of them in 2a, the last in 2b
and 2c. "error" and "correct" are means over those steps; "accuracy" compares x and y only, at the
last step.

Baseline: all symbols correct but the last, and a constant x there: half of the sequences. Solved:
all sequences; the paper demands 10 000 in a row.

Deviations: k is at most 87, which cuts one sequence of 10 000, and a batch has q + 90 steps. Traps:
2a has only two sequences, which all splits share. The paper gives the mean length of 2c as q + 14,
while 4 + q + 9 is 13 more than q; and its distractors are a1 ... ap, where the text once has aq.
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
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

FORMS = ("2a", "2b", "2c")
TOLERANCES = {"2a": 0.25, "2b": 0.25, "2c": 0.2}
STOP = 0.1  # probability that the middle of 2c ends, after its first q symbols
FURTHER = 87  # most symbols after those: .9**88 = 9.4e-5


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    form: str = "2c",
    lag: int = 100,
    distractors: int = 0,
    loss: str = "logistic",
) -> Task:
    """Long time lags; inputs tokens [B, T], outputs [B, T, lag + 1] (2a, 2b) or [B, T, 2] (2c).

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        form: "2a", "2b" or "2c": which experiment.
        lag: p of 2a and 2b, where T = p; q of 2c, where T = q + 90.
        distractors: p of 2c, the number of different symbols in its middle; 0 for `lag`.
        loss: "logistic" or "softmax".

    Raises:
        ValueError: an unknown choice, a size too small, or distractors in a form other than 2c.
    """
    _common.check_split(split)
    checks.one_of("form", form, FORMS)
    checks.one_of("loss", loss, ("logistic", "softmax"))
    checks.sizes(1, batch_size=batch_size)
    checks.sizes(1 if form == "2c" else 2, lag=lag)
    checks.sizes(0, distractors=distractors)
    if distractors and form != "2c":
        raise ValueError(f"distractors={distractors} belongs to form='2c'; {form} has lag - 1")
    kinds = distractors or lag

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        names = ("symbol", "middle", "further")
        keys = dict(zip(names, jax.random.split(_common.split_key(key, split), len(names))))
        last = jax.random.randint(keys["symbol"], (batch_size,), 0, 2)
        if form == "2c":
            middle = jax.random.randint(keys["middle"], (batch_size, lag + FURTHER), 0, kinds)
            further = jax.random.geometric(keys["further"], STOP, (batch_size,)) - 1
            return encode_triggered(middle, lag + jnp.minimum(further, FURTHER), last, kinds)
        if form == "2b":
            middle = jax.random.randint(keys["middle"], (batch_size, lag - 1), 0, lag - 1)
        else:
            middle = jnp.broadcast_to(jnp.arange(lag - 1), (batch_size, lag - 1))
        return encode(middle, last)

    spec = TaskSpec(
        in_features=kinds + 4 if form == "2c" else lag + 1,
        out_features=2 if form == "2c" else lag + 1,
        length=lag + FURTHER + 3 if form == "2c" else lag,
        batch_size=batch_size,
        metric="sequence_accuracy",
        maximize=True,
        maximized=("sequence_accuracy", "correct", "accuracy"),
        baseline=0.5,
        solved=1.0,
        inputs="token",
    )
    return Task(spec, batch, lambda outputs, batch: _measure(outputs, batch, form, loss))


def encode(middle: Array, last: Array) -> Batch:
    """The batch of 2a and 2b: middle [B, p - 1] of 0 ... p - 2 between two x (0) or y (1) [B]."""
    symbol = middle.shape[1] + last[:, None]
    inputs = jnp.concatenate([symbol, middle], axis=1)
    targets = jnp.concatenate([middle, symbol], axis=1)
    everywhere = jnp.ones(inputs.shape)
    return Batch(inputs, targets, everywhere, everywhere > 0, _common.initial_resets(*inputs.shape))


def encode_triggered(middle: Array, sizes: Array, last: Array, kinds: int) -> Batch:
    """The batch of 2c: the first `sizes` [B] of middle [B, M] between b, x (0) or y (1) and e."""
    e, b, x = kinds, kinds + 1, kinds + 2
    batch_size, steps = middle.shape[0], middle.shape[1] + 3
    lengths = sizes + 3
    mask, weights = _common.real(lengths, steps), _common.last_step(lengths, steps)
    inputs = jnp.pad(middle, ((0, 0), (2, 1)))
    inputs = inputs.at[:, 0].set(b).at[:, 1].set(x + last)
    inputs = jnp.where(weights > 0, e, jnp.where(mask, inputs, 0))
    targets = jnp.where(weights > 0, last[:, None], 0)
    return Batch(inputs, targets, weights, mask, _common.initial_resets(batch_size, steps))


def _measure(outputs: Array, batch: Batch, form: str, loss: str) -> Metrics:
    ends = jnp.sum(jnp.asarray(batch.mask, jnp.int32), axis=1)
    last = _common.last_step(ends, batch.mask.shape[1])
    scored = batch.weights if form == "2a" else last
    hits = _common.correct(outputs, batch.targets)
    metrics = {"accuracy": _common.weighted(_between(outputs, batch.targets), last)}
    if loss == "softmax":
        return metrics | {
            "loss": _common.classification(outputs, batch)["loss"],
            "correct": _common.weighted(hits, scored),
            "sequence_accuracy": _common.sequence_accuracy(hits, scored),
        }
    # Training has a target at every step of 2b, of which only the last one is scored.
    trained = _common.logistic(outputs, batch.targets, batch.weights, TOLERANCES[form])
    tested = _common.logistic(outputs, batch.targets, scored, TOLERANCES[form])
    return {**metrics, **tested, "loss": trained["loss"]}


def _between(outputs: Array, targets: Array) -> Array:
    """[B, T]: 1 where the output of the target is the larger of the last two, x and y."""
    x, y = outputs[..., -2], outputs[..., -1]
    is_y = targets == outputs.shape[-1] - 1
    return jnp.asarray(jnp.where(is_y, y > x, x > y), jnp.float32)
