"""Embedded Reber grammar: after every symbol, which symbols may come next?

Hochreiter & Schmidhuber 1997, experiment 1. A string is B T <Reber string> T E or B P <Reber
string> P E; inside, the two do not differ, so the symbol before the last is known only to who
remembers the second. Tokens B T P S X V E = 0 ... 6; the target is the next symbol. Example:

    input    B    T    B    P    V    V    E    T
    legal    TP   B    TP   TV   PV   E    T    E        target: the input's next symbol, last an E

`strings=256` stores 256 random strings for train and 256 others for test, and 256 more for valid;
another `string_seed` is another such choice (the paper has three). Train draws from its set by the
key. `strings=0` draws fresh strings for all splits, and a short string then turns up in each.

A step is right where every legal next symbol is more active than every illegal one; "legal" is the
share of such steps, "whole" of rows with nothing but such steps, and "outer" the share of symbols
before the last of which the right one of T and P is the more active. Baseline: the grammar without
its memory, and a coin for that one symbol: half of the strings are whole. Solved: all are, which
the paper asks of train and test. The shortest strings have 9 symbols.

`continual=n` is the endless stream of Gers, Schmidhuber & Cummins 2000, experiment 1: a row is n
strings end to end, and an E is followed by the next string's B. The next batch goes on with the
state that this one left, and nothing is reset but at step 0; `external_reset=True` resets where a
string begins, and `restart_every=m` begins new streams every m batches. In that paper a stream
ends at the first step with an output off by .49 or more. That can only be asked of targets that
name all legal symbols: `targets="legal"`, whose steps are right within .49 instead of by rank.
"until_error" counts the right steps of a row before the first error. The baseline's coin makes k
strings right with probability 2**-(k + 1), and the error comes three symbols before a string is
over: 2 * 12 - 3 = 21 steps, times 1 - 2**-n for a row that ends. Its line of "good" is a mean
above 1000, which takes rows of more than 83 strings.

Deviations and traps: a row of fresh strings has `length` + 13 (n - 1) steps; what the strings
leave is padding, over which the state is kept. A string that does not fit is left out, the last of
100 in one row of 9000; so is a fresh string longer than `length`. Stored strings of test are
longer than those of train, 16 symbols against 12 for the first seed: they are what train left. The
papers update the weights after every string (1997) or symbol (2000), and the second begins a new
stream after an error in training, too. A stream that never restarts shows the fresh state once,
and a network so trained may stumble there: in evaluations, at the first string of every row.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common, _reber
from lstmx.types import Array, Batch, Key, Mean, Metrics, Task, TaskSpec

TOLERANCE = 0.49  # Gers, Schmidhuber & Cummins 2000
GOOD = 1000.0  # their right predictions in a row, on average over ten streams
MEAN = 12.0  # symbols of a fresh string


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
    """Embedded Reber grammar; inputs tokens [B, T], outputs [B, T, 7], judged at every step.

    Args:
        batch_size: rows of a batch.
        split: train, valid or test: disjoint stored sets, or disjoint streams of fresh strings.
        length: the longest string, in symbols.
        strings: strings of each stored set; 0 for fresh ones.
        string_seed: which stored sets.
        continual: strings end to end in a row of a stream; 0 for one string a row.
        external_reset: whether a stream's state starts afresh with every string.
        restart_every: batches after which streams begin anew; 0 for never.
        targets: "next" symbol, or all "legal" ones.
        loss: "logistic" or "softmax".

    Raises:
        ValueError: an unknown choice, options that contradict each other, or a size too small.
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
    stored = _store(_reber.sets(string_seed, strings, length)[split], length) if strings else None
    mean = MEAN if stored is None else float(np.mean(stored[1]))
    # Per further string the mean, and a symbol for the spread.
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
            made = encode_stream(symbols, lengths, steps)
        else:
            made = encode(symbols[:, 0], lengths[:, 0])
        if targets == "legal":
            may_follow = _reber.legal(made.inputs) & made.mask[..., None]
            made = made._replace(targets=jnp.asarray(may_follow, jnp.float32))
        if not continual or external_reset:
            return made
        return made._replace(resets=carried(made.resets, step, restart_every))

    spec = TaskSpec(
        in_features=7,
        out_features=7,
        length=steps,
        batch_size=batch_size,
        metric="until_error" if continual else "whole",
        maximize=True,
        maximized=("legal", "whole", "outer", "until_error"),
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
    return Batch(inputs, following, weights, mask, _common.fresh(*mask.shape))


def encode_stream(symbols: Array, lengths: Array, steps: int) -> Batch:
    """The batch of strings end to end: tokens [B, n, L] of which `lengths` [B, n] exist.

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
    """Refuse options of streams that fit neither each other nor single sequences.

    Raises:
        ValueError: a size below 0, resets where every row starts afresh anyway, or two kinds.
    """
    checks.sizes(0, continual=continual, restart_every=restart_every)
    if (external_reset or restart_every) and not continual:
        raise ValueError(
            "external_reset and restart_every belong to continual; rows start afresh without it"
        )
    if external_reset and restart_every:
        raise ValueError(
            f"external_reset=True resets more often than restart_every={restart_every}; expected "
            "one of them"
        )


def carried(resets: Array, step: Array | int, restart_every: int) -> Array:
    """Resets [B, T] of streams that only begin at step 0, or every so many batches as well."""
    step = jnp.asarray(step)
    begins = (step % restart_every if restart_every else step) == 0
    return jnp.zeros_like(resets).at[:, 0].set(begins)


def before_error(right: Array, weights: Array) -> Mean:
    """The number of steps with a weight before the first that is not right [B, T], per row."""
    asked = weights > 0
    unbroken = asked & (jnp.cumsum((right < 1) & asked, axis=1) == 0)
    rows = jnp.sum(jnp.asarray(jnp.any(asked, axis=1), jnp.float32))
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
        right = least > jnp.max(jnp.where(legal, -jnp.inf, outputs), axis=-1)
    else:
        error = jnp.abs(jax.nn.sigmoid(outputs) - batch.targets)
        right = jnp.all(error < TOLERANCE, axis=-1)
    if loss == "softmax":
        metrics = {"loss": _common.classification(outputs, batch)["loss"]}
    else:
        old = _common.logistic(outputs, batch.targets, batch.weights, TOLERANCE)
        metrics = {"loss": old["loss"]}
    # Only before the last symbol is T or P the one symbol that may follow.
    outer = (jnp.sum(legal, axis=-1) == 1) & (legal[..., _reber.T] | legal[..., _reber.P])
    ahead = outputs[..., _reber.T] - outputs[..., _reber.P]
    kept = jnp.where(legal[..., _reber.T], ahead, -ahead) > 0
    right, kept = (jnp.asarray(x, jnp.float32) for x in (right, kept))
    metrics |= {
        "legal": _common.weighted(right, batch.weights),
        "whole": _common.whole(right, batch.weights),
        "outer": _common.weighted(kept, jnp.where(outer, batch.weights, 0.0)),
    }
    if stream:
        metrics["until_error"] = before_error(right, batch.weights)
    return metrics
