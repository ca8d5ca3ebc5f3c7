"""Counting: strings a^n b^n, a^n b^n c^n and a^n b^n c^n d^n; predict the legal next symbols.

Gers & Schmidhuber 2001 (IEEE Transactions on Neural Networks 12): the string begins with S and
ends with T, and the target at every step is the SET of symbols that are legal next, with one
logistic output each and a threshold of .5. A string is accepted if all outputs are correct at all
of its steps.
Tokens in: S a b ... = 0 1 2 ...; outputs: T a b ... = 0 1 2 ....

Worked example, n = 2:

    input     S   a     a     b   b
    target    a   a,b   a,b   b   T

After an a, another a or the first b is legal, whatever the number of a; from the first b on, the
rest is determined by that number. After S only a is legal, since n is at least 1; with `empty=True`
the string of n = 0 is a member of the language and T is legal there too (it never occurs).

n is random in `min_length` ... `length`; equal values give strings of one n only. Suzgun, Belinkov
& Shieber 2018 (arXiv:1811.01001) sample n - min_length from beta-binomial distributions: "u-shaped"
(1/4, 1/4), "right-tailed" (1, 5: most strings are short) and "left-tailed" (5, 1), and "uniform".
Their measure of generalization is e_1, the smallest n whose "accepted" is below 1.

Metrics: "accepted", the fraction of accepted strings; "correct", that of correct steps; "error",
the mean absolute error of an output. The loss is half the squared error summed over outputs and
steps and averaged over strings (`loss="squared"`), or the cross entropy ("cross_entropy").

Baseline: without memory the output depends on the last symbol only, and no constant output is
correct after every b unless n = 1, where T (or c) is: the probability of n = 1. Solved: every
string. There are few different strings, so that splits differ in their random order and not in
their strings; values of n beyond those of training are held out.

Deviation: Suzgun et al. have no S; everything else is the same.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@article{gers2001languages,
  author = {Felix A. Gers and Jürgen Schmidhuber},
  title = {{LSTM} Recurrent Networks Learn Simple Context-Free and Context-Sensitive Languages},
  journal = {IEEE Transactions on Neural Networks},
  volume = {12},
  number = {6},
  year = {2001},
}
"""

LANGUAGES = {"ab": 2, "abc": 3, "abcd": 4}
SAMPLING = {
    "uniform": (1.0, 1.0),
    "u-shaped": (0.25, 0.25),
    "right-tailed": (1.0, 5.0),
    "left-tailed": (5.0, 1.0),
}
"""Parameters of the beta-binomial distributions, from the authors' code."""
THRESHOLD = 0.5


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    min_length: int = 1,
    length: int = 10,
    language: str = "ab",
    sampling: str = "uniform",
    empty: bool = False,
    loss: str = "squared",
) -> Task:
    """Counting; inputs tokens [B, T], outputs [B, T, k + 1] with k letters, T = 1 + k length.

    Args:
        batch_size: strings of a batch.
        split: train, valid or test: different random streams of the same strings.
        min_length: the least n.
        length: the greatest n.
        language: "ab", "abc" or "abcd".
        sampling: distribution of n: "uniform", "u-shaped", "right-tailed" or "left-tailed".
        empty: whether T is legal after S.
        loss: "squared" or "cross_entropy".

    Raises:
        ValueError: an unknown choice, a size too small, min_length above length.
    """
    _common.check_split(split)
    checks.one_of("language", language, tuple(LANGUAGES))
    checks.one_of("sampling", sampling, tuple(SAMPLING))
    checks.one_of("loss", loss, ("squared", "cross_entropy"))
    checks.sizes(1, batch_size=batch_size, min_length=min_length)
    checks.sizes(min_length, length=length)
    letters = LANGUAGES[language]
    p = probabilities(length - min_length, sampling)
    log_p = jnp.asarray(np.log(p), jnp.float32)

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key = _common.split_key(key, split)
        n = min_length + jax.random.categorical(key, log_p, shape=(batch_size,))
        return encode(n, length, letters, empty)

    def measure(outputs: Array, batch: Batch) -> Metrics:
        metrics = dict(_common.logistic(outputs, batch.targets, batch.weights, THRESHOLD))
        accepted = metrics["accepted"] = metrics.pop("sequence_accuracy")
        if loss == "cross_entropy":
            # softplus(x) - x y is the cross entropy of sigmoid(x) against y, without overflow
            nll = jax.nn.softplus(outputs) - outputs * batch.targets
            total = _common.weighted(jnp.sum(nll, axis=-1), batch.weights).total
            metrics["loss"] = accepted._replace(total=total)
        return metrics

    spec = TaskSpec(
        in_features=letters + 1,
        out_features=letters + 1,
        length=1 + letters * length,
        batch_size=batch_size,
        metric="accepted",
        maximize=True,
        maximized=("correct",),
        baseline=float(p[0]) if min_length == 1 else 0.0,
        solved=1.0,
        inputs="token",
    )
    return Task(spec, batch, measure)


def encode(n: Array, longest: int, letters: int, empty: bool = False) -> Batch:
    """The batch of strings with these n [B], padded to 1 + letters * longest steps."""
    steps = 1 + letters * longest
    at, each = jnp.arange(steps), n[:, None]
    mask = _common.real(1 + letters * n, steps)
    symbols = jnp.where(at > 0, 1 + (at - 1) // each, 0)
    following = jnp.where(at < letters * each, 1 + at // each, 0)
    legal = jax.nn.one_hot(following, letters + 1)
    # After an a, the next symbol of the string is not the only legal one.
    either = jax.nn.one_hot(1, letters + 1) + jax.nn.one_hot(2, letters + 1)
    legal = jnp.where((symbols == 1)[..., None], either, legal)
    if empty:
        legal = legal.at[:, 0, 0].set(1.0)
    return Batch(
        inputs=jnp.where(mask, symbols, 0),
        targets=jnp.where(mask[..., None], legal, 0.0),
        weights=jnp.asarray(mask, jnp.float32),
        mask=mask,
        resets=_common.initial_resets(n.shape[0], steps),
    )


def probabilities(trials: int, sampling: str) -> np.ndarray:
    """Probabilities [trials + 1] of a beta-binomial distribution over 0 ... trials."""
    a, b = SAMPLING[sampling]
    log_p = [
        math.log(math.comb(trials, k)) + _log_beta(k + a, trials - k + b) - _log_beta(a, b)
        for k in range(trials + 1)
    ]
    return np.exp(log_p)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
