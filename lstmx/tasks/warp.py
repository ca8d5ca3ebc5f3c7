"""Warping and padding: give the symbol before the present one, in a time that is stretched.

Tallec & Ollivier 2018 (arXiv:1804.11188), section 4. A random text over ten symbols, in which no
two neighbours are equal, is slowed down. With `form="warp"` each symbol is repeated, with
`form="pad"` it is shown once and blanks follow, `max_repeat` steps for every symbol (`uniform`) or
1 ... max_repeat for each anew. The answer is the symbol before the present one, for as long as the
present one lasts, and the blank during the first. Tokens and classes: 0 is the blank, 1 ... 10 are
the symbols.

Worked example, 7, 2, 5 lasting 2, 3 and 1 steps:

    input, form="warp"    7  7  2  2  2  5
    input, form="pad"     7  0  2  0  0  5
    target                0  0  7  7  7  2

`length` counts steps: the slowed text is cut off there, as the authors of a reproduction
(chronoRNN) do, so that more stretching means fewer symbols and not more steps. The paper has 500
steps. A gated network can slow down with the text, a leaky one only if all of it is slowed alike,
and a plain one not at all.

The loss is the cross entropy averaged over all steps, in nats; "accuracy" is over all steps too.

Baseline: know whether the first symbol is over, and nothing of the past besides. Where a symbol is
shown the one before is any of the nine others, ln 9; where a blank is shown it is any of ten,
ln 10; during the first symbol nothing is lost. The expected number of steps of each kind follows
from the number of symbols that begin at each step, a renewal process. Solved is a tenth of it (our
line: no paper defines one).

Unverified: that the answer is held through the blanks of `form="pad"` is read from the
reproduction.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Task, TaskSpec

FORMS = ("warp", "pad")


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 100,
    form: str = "warp",
    max_repeat: int = 4,
    uniform: bool = False,
    alphabet: int = 10,
) -> Task:
    """Warping; inputs tokens [B, T], outputs [B, T, alphabet + 1], judged at every step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: disjoint endless streams.
        length: T, steps after stretching.
        form: "warp" repeats a symbol, "pad" lets blanks follow it.
        max_repeat: the most steps that a symbol lasts.
        uniform: whether every symbol lasts that long, instead of 1 ... max_repeat steps.
        alphabet: distinct symbols.

    Raises:
        ValueError: an unknown choice or a size too small.
    """
    _common.check_split(split)
    checks.one_of("form", form, FORMS)
    checks.sizes(1, batch_size=batch_size, max_repeat=max_repeat)
    checks.sizes(max_repeat + 1, length=length)  # or nothing would be asked
    checks.sizes(3, alphabet=alphabet)
    least = max_repeat if uniform else 1

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_symbol, key_repeat = jax.random.split(_common.split_key(key, split))
        shape = (batch_size, -(-length // least))
        repeats = jax.random.randint(key_repeat, shape, least, max_repeat + 1)
        return encode(_text(key_symbol, shape, alphabet), repeats, length, form)

    baseline = _baseline(length, form, least, max_repeat, alphabet)
    spec = TaskSpec(
        in_features=alphabet + 1,
        out_features=alphabet + 1,
        length=length,
        batch_size=batch_size,
        metric="loss",
        maximize=False,
        maximized=("accuracy",),
        baseline=baseline,
        solved=baseline / 10,
        inputs="token",
        unit="nats",
    )
    return Task(spec, batch, _common.classification)


def encode(symbols: Array, repeats: Array, steps: int, form: str) -> Batch:
    """The text of symbols [B, S] that last `repeats` [B, S] steps each, cut off after `steps`."""
    batch_size = symbols.shape[0]
    rows = jnp.arange(batch_size)[:, None]
    begins = jnp.cumsum(repeats, axis=1) - repeats
    begun = jnp.zeros((batch_size, steps), symbols.dtype).at[rows, begins].set(1, mode="drop")
    present = jnp.cumsum(begun, axis=1) - 1
    before = jnp.where(present > 0, symbols[rows, present - 1], 0)
    inputs = symbols[rows, present]
    if form == "pad":
        inputs = inputs * begun
    everywhere = jnp.ones((batch_size, steps))
    return Batch(inputs, before, everywhere, everywhere > 0, _common.fresh(batch_size, steps))


def _text(key: Key, shape: tuple[int, int], alphabet: int) -> Array:
    """Symbols 1 ... alphabet [B, S] of which no two neighbours are equal, uniform otherwise."""
    key_first, key_change = jax.random.split(key)
    first = jax.random.randint(key_first, (shape[0], 1), 0, alphabet)
    change = jax.random.randint(key_change, shape, 1, alphabet).at[:, :1].set(first)
    return jnp.cumsum(change, axis=1) % alphabet + 1


def _baseline(length: int, form: str, least: int, most: int, alphabet: int) -> float:
    begins = np.zeros(length)  # probability that a symbol begins at this step
    begins[0] = 1.0
    for step in range(least, length):
        begins[step] = sum(begins[max(step - most, 0) : step - least + 1]) / (most - least + 1)
    shown = begins[1:].sum()
    others = length - (least + most) / 2 - shown
    unseen = alphabet if form == "pad" else alphabet - 1
    return float(shown * math.log(alphabet - 1) + others * math.log(unseen)) / length
