"""Warping and padding: output the symbol before the present one, in stretched time.

Tallec & Ollivier 2018 (arXiv:1804.11188), section 4. A random text over ten symbols, in which no
two neighbors are equal, is slowed down. With `form="warp"` each symbol is repeated, with
`form="pad"` it occurs once and blanks follow. Every symbol lasts `max_repeat` steps (`uniform`), or
a random number of 1 ... max_repeat steps. The target is the symbol before the present one while the
present one lasts, and the blank during the first. Tokens and classes: 0 is the blank, 1 ... 10 are
the symbols.

Worked example, 7, 2, 5 lasting 2, 3 and 1 steps:

    input, form="warp"    7  7  2  2  2  5
    input, form="pad"     7  0  2  0  0  5
    target                0  0  7  7  7  2

`length` is the number of steps: the stretched text is cut there, as in a reproduction (chronoRNN),
so that more stretching means fewer symbols and not more steps. The paper has 500 steps. A gated
network can adapt to the stretching, a leaky one only if it is uniform, and a plain one not at all.

The loss is the cross entropy averaged over all steps, in nats; "accuracy" is over all steps too.

Baseline: whether the first symbol is over is known, the past is not. If the input is a symbol, the
one before it is any of the nine others, ln 9; if it is a blank, any of ten, ln 10; during the first
symbol the loss is 0. The expected number of steps of each kind follows from the probability that a
symbol begins at each step, a renewal process. Solved is a tenth of it (our threshold: no paper
defines one).

Unverified: that the target persists through the blanks of `form="pad"` is taken from the
reproduction.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Task, TaskSpec

BIBTEX = """
@inproceedings{tallec2018warp,
  author = {Corentin Tallec and Yann Ollivier},
  title = {Can Recurrent Neural Networks Warp Time?},
  booktitle = {International Conference on Learning Representations},
  eprint = {1804.11188},
  archiveprefix = {arXiv},
  year = {2018},
}
"""

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
    """Warping; inputs tokens [B, T], outputs [B, T, alphabet + 1], scored at every step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: T, steps after stretching.
        form: "warp" repeats a symbol, "pad" appends blanks to it.
        max_repeat: the largest number of steps that a symbol lasts.
        uniform: whether every symbol lasts max_repeat steps, instead of 1 ... max_repeat.
        alphabet: distinct symbols.

    Raises:
        ValueError: an unknown choice or a size too small.
    """
    _common.check_split(split)
    checks.one_of("form", form, FORMS)
    checks.sizes(1, batch_size=batch_size, max_repeat=max_repeat)
    checks.sizes(max_repeat + 1, length=length)  # else no symbol has a predecessor
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
    """The batch of symbols [B, S] that last `repeats` [B, S] steps each, cut after `steps`."""
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
    return Batch(
        inputs, before, everywhere, everywhere > 0, _common.initial_resets(batch_size, steps)
    )


def _text(key: Key, shape: tuple[int, int], alphabet: int) -> Array:
    """Random symbols 1 ... alphabet [B, S] of which no two neighbors are equal."""
    key_first, key_change = jax.random.split(key)
    first = jax.random.randint(key_first, (shape[0], 1), 0, alphabet)
    change = jax.random.randint(key_change, shape, 1, alphabet).at[:, :1].set(first)
    return jnp.cumsum(change, axis=1) % alphabet + 1


def _baseline(length: int, form: str, least: int, most: int, alphabet: int) -> float:
    """Nats per step of the baseline that the module's docstring derives."""
    begins = np.zeros(length)  # probability that a symbol begins at this step
    begins[0] = 1.0
    for step in range(least, length):
        begins[step] = sum(begins[max(step - most, 0) : step - least + 1]) / (most - least + 1)
    shown = begins[1:].sum()
    others = length - (least + most) / 2 - shown
    unseen = alphabet if form == "pad" else alphabet - 1
    return float(shown * math.log(alphabet - 1) + others * math.log(unseen)) / length
