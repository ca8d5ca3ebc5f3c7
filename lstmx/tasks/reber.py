"""Embedded Reber grammar: predict the legal next symbols.

Hochreiter & Schmidhuber 1997, experiment 1. A string is B T <Reber string> T E or B P <Reber
string> P E; the inner strings have the same distribution, so that predicting the last symbol but
one requires remembering the second. Tokens B T P S X V E = 0 ... 6; the target is the next symbol.
Example:

    input    B    T    B    P    V    V    E    T
    legal    TP   B    TP   TV   PV   E    T    E        target: the input's next symbol, last an E

`strings=256` stores 256 random strings for train, 256 others for test and 256 more for valid;
another `string_seed` is another such choice (the paper has three). Train samples from its set by
the key. A row has one step less than the longest string of its set has symbols. `strings=0`
generates new strings for all splits, which are then independent and not disjoint: 90 % of 2048
strings of test, the short ones, are also among 2048 of train.

A step is correct if the outputs of all legal next symbols are larger than those of all illegal
ones; "legal" is the fraction of correct steps, "sequence_accuracy" that of rows in which all steps
are correct, and "outer" that of last symbols but one where the correct one of T and P has the
larger output. Baseline: the grammar without memory, and a random guess at that symbol: half of the
strings. Solved: all strings, which the paper demands of train and test. The shortest strings have
9 symbols.

`continual=n` is the endless stream of Gers, Schmidhuber & Cummins 2000, experiment 1: a row is n
concatenated strings, where an E is followed by the B of the next string. The state is carried from
batch to batch and is reset at step 0 only; `external_reset=True` resets it where a string begins,
and `restart_every=m` begins new streams every m batches. In that paper a stream ends at the first
step with an output error of .49 or more. This criterion requires targets that contain all legal
symbols: `targets="legal"`, whose steps are correct within .49 instead of by rank. "until_error" is
the number of correct steps of a row before the first error. The baseline's guesses are correct in
exactly k strings with probability 2**-(k + 1), and the error is three symbols before the end of a
string: 2 * 12 - 3 = 21 steps, times 1 - 2**-n for a row of n strings. The paper's threshold for a
"good" solution is a mean above 1000, which requires rows of more than 83 strings.

Deviations and traps: a row of new strings has `length` + 13 (n - 1) steps; the rest of the row is
padding, over which the state is kept. A string that does not fit is left out, the last of 100 in
one row of 9000; so is a new string longer than `length`. Stored strings of test are longer than
those of train, 16 symbols against 12 for the first seed, because they exclude those of train. The
papers update the weights after every string (1997) or symbol (2000), and the second begins a new
stream after an error in training, too. A stream that never restarts has the initial state once, so
that a network trained on it may fail there: in evaluations, at the first string of every row.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common, _reber
from lstmx.types import Array, Batch, Key, Mean, Metrics, Task, TaskSpec

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

TOLERANCE = 0.49  # Gers, Schmidhuber & Cummins 2000
GOOD = 1000.0  # their right predictions in a row, on average over ten streams
MEAN = 12.0  # symbols of a new string


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 50,
    strings: int = 256,
    string_seed: int = 0,
    continual: int = 0,
    external_reset: bool = False,
    restart_every: int = 0,
    targets: str = "next",
    loss: str = "logistic",
) -> Task:
    """Embedded Reber grammar; inputs tokens [B, T], outputs [B, T, 7], scored at every step.

    Args:
        batch_size: rows of a batch.
        split: train, valid or test: disjoint stored sets, or independent streams of new strings.
        length: the longest string, in symbols.
        strings: number of strings of each stored set; 0 for new strings in every batch.
        string_seed: which stored sets.
        continual: number of strings in a row of a stream; 0 for one string per row, stateless.
        external_reset: whether a stream's state is reset at the beginning of every string.
        restart_every: number of batches after which new streams begin; 0 for never.
        targets: "next" for the next symbol, "legal" for all legal ones.
        loss: "logistic" or "softmax".

    Raises:
        ValueError: an unknown choice, contradictory options, or a size too small.
    """
    _common.check_split(split)
    checks.one_of("targets", targets, ("next", "legal"))
    checks.one_of("loss", loss, ("logistic", "softmax"))
    checks.sizes(1, batch_size=batch_size)
    checks.sizes(9, length=length)
    checks.sizes(0, strings=strings, string_seed=string_seed)
    check_stream(continual, external_reset, restart_every)
    if targets == "legal" and loss == "softmax":
        raise ValueError("loss='softmax' names one symbol; targets='legal' needs loss='logistic'")
    chosen = _reber.sets(string_seed, strings, length)[split] if strings else []
    if chosen and not continual:  # a row needs no more steps than there are symbols
        length = max(map(len, chosen))
    stored = _store(chosen, length) if chosen else None
    mean = MEAN if stored is None else float(np.mean(stored[1]))
    # For every further string the mean length, and one symbol more as lengths vary.
    steps = length + (math.ceil(mean) + 1) * (continual - 1) if continual else length - 1
    held_out = stored is not None and split != "train" and not continual

    def batch(key: Key, step: Array | int) -> Batch:
        key = _common.split_key(key, split)
        shape = (batch_size, max(continual, 1))
        if stored is None:
            symbols, lengths = _reber.strings(key, shape, length)
        elif held_out:
            index, exists = _common.rows(step, batch_size, strings)
            symbols, lengths = stored[0][index, None], stored[1][index, None]
            lengths = jnp.where(exists[:, None], lengths, 0)
        else:
            index = jax.random.randint(key, shape, 0, strings)
            symbols, lengths = stored[0][index], stored[1][index]
        if continual:
            result = encode_stream(symbols, lengths, steps)
        else:
            result = encode(symbols[:, 0], lengths[:, 0])
        if targets == "legal":
            may_follow = _reber.legal(result.inputs) & result.mask[..., None]
            result = result._replace(targets=jnp.asarray(may_follow, jnp.float32))
        if not continual or external_reset:
            return result
        return result._replace(resets=stream_resets(result.resets, step, restart_every))

    spec = TaskSpec(
        in_features=7,
        out_features=7,
        length=steps,
        batch_size=batch_size,
        metric="until_error" if continual else "sequence_accuracy",
        maximize=True,
        maximized=("legal", "sequence_accuracy", "outer", "until_error"),
        baseline=(2 * mean - 3) * (1 - 0.5**continual) if continual else 0.5,
        solved=1.0 if not continual else GOOD if mean * continual > GOOD else None,
        inputs="token",
        num_batches=-(-strings // batch_size) if held_out else None,
        unit="steps" if continual else "",
    )
    return Task(spec, batch, lambda outputs, batch: _measure(outputs, batch, loss, bool(continual)))


def encode(symbols: Array, lengths: Array) -> Batch:
    """The batch of one string a row, tokens [B, L] of which `lengths` [B] exist: T = L - 1."""
    mask = _common.real(lengths - 1, symbols.shape[1] - 1)
    inputs, following = (jnp.where(mask, part, 0) for part in (symbols[:, :-1], symbols[:, 1:]))
    weights = jnp.asarray(mask, jnp.float32)
    return Batch(inputs, following, weights, mask, _common.initial_resets(*mask.shape))


def encode_stream(symbols: Array, lengths: Array, steps: int) -> Batch:
    """The batch of concatenated strings: tokens [B, n, L] of which `lengths` [B, n] exist.

    Strings that do not fit in `steps` are left out. Resets are True where a string begins.
    """
    ends = jnp.cumsum(lengths, axis=1)
    time = jnp.arange(steps)
    number = jnp.sum(time >= ends[..., None], axis=1)  # of the strings that are over by then
    number = jnp.minimum(number, lengths.shape[1] - 1)
    row = jnp.arange(lengths.shape[0])[:, None]
    place = time - (ends - lengths)[row, number]
    mask = _common.real(jnp.max(jnp.where(ends <= steps, ends, 0), axis=1), steps)
    inputs = jnp.where(mask, symbols[row, number, place], 0)
    # The last E is followed by the B of the next batch, and B is token 0.
    following = jnp.pad(inputs[:, 1:], ((0, 0), (0, 1)))
    return Batch(inputs, following, jnp.asarray(mask, jnp.float32), mask, mask & (place == 0))


def check_stream(continual: int, external_reset: bool, restart_every: int) -> None:
    """Check the options of streams.

    Raises:
        ValueError: a size below 0, resets of rows that are stateless anyway, or two kinds of them.
    """
    checks.sizes(0, continual=continual, restart_every=restart_every)
    if (external_reset or restart_every) and not continual:
        raise ValueError(
            "external_reset and restart_every need continual; without it every row is reset"
        )
    if external_reset and restart_every:
        raise ValueError(
            f"external_reset=True resets more often than restart_every={restart_every}; expected "
            "one of them"
        )


def stream_resets(resets: Array, step: Array | int, restart_every: int) -> Array:
    """Resets [B, T] of streams that begin at batch 0, or every `restart_every` batches if not 0."""
    step = jnp.asarray(step)
    begins = (step % restart_every if restart_every else step) == 0
    return jnp.zeros_like(resets).at[:, 0].set(begins)


def before_error(hits: Array, weights: Array) -> Mean:
    """The number of steps of a row before its first error, among those with a weight [B, T].

    Args:
        hits: [B, T], 1 where a step is correct.
        weights: [B, T].
    """
    scored = weights > 0
    unbroken = scored & (jnp.cumsum((hits < 1) & scored, axis=1) == 0)
    rows = jnp.sum(jnp.asarray(jnp.any(scored, axis=1), jnp.float32))
    return Mean(jnp.sum(jnp.asarray(unbroken, jnp.float32)), rows)


def _store(strings: list[list[int]], length: int) -> tuple[Array, Array]:
    """Stored strings as tokens [N, length], and their lengths [N]."""
    padded = [string + [0] * (length - len(string)) for string in strings]
    sizes = [len(string) for string in strings]
    return jnp.asarray(padded, jnp.int32), jnp.asarray(sizes, jnp.int32)


def _measure(outputs: Array, batch: Batch, loss: str, stream: bool) -> Metrics:
    by_rank = jnp.issubdtype(batch.targets.dtype, jnp.integer)
    legal = _reber.legal(batch.inputs) if by_rank else batch.targets > 0
    if by_rank:
        least = jnp.min(jnp.where(legal, outputs, jnp.inf), axis=-1)
        hits = least > jnp.max(jnp.where(legal, -jnp.inf, outputs), axis=-1)
    else:
        error = jnp.abs(jax.nn.sigmoid(outputs) - batch.targets)
        hits = jnp.all(error < TOLERANCE, axis=-1)
    if loss == "softmax":
        metrics = {"loss": _common.classification(outputs, batch)["loss"]}
    else:
        logistic = _common.logistic(outputs, batch.targets, batch.weights, TOLERANCE)
        metrics = {"loss": logistic["loss"]}
    # T or P is the only legal symbol at one place of a string: the last symbol but one.
    outer = (jnp.sum(legal, axis=-1) == 1) & (legal[..., _reber.T] | legal[..., _reber.P])
    ahead = outputs[..., _reber.T] - outputs[..., _reber.P]
    remembered = jnp.where(legal[..., _reber.T], ahead, -ahead) > 0
    hits, remembered = (jnp.asarray(x, jnp.float32) for x in (hits, remembered))
    metrics |= {
        "legal": _common.weighted(hits, batch.weights),
        "sequence_accuracy": _common.sequence_accuracy(hits, batch.weights),
        "outer": _common.weighted(remembered, jnp.where(outer, batch.weights, 0.0)),
    }
    if stream:
        metrics["until_error"] = before_error(hits, batch.weights)
    return metrics
