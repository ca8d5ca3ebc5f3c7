"""The multiplication problem: remember two marked numbers and output their product at the end.

Hochreiter & Schmidhuber 1997, experiment 5: the adding problem of that paper (see `adding`), but
with values U[0, 1] and their product as the target, which no cell that only integrates can output.
The length is uniform on {T, ..., T + T // 10}, one mark is in the first ten steps and the other in
the first T/2, and the markers of the first and the last step are -1. Worked example:

    value   .5  .2  .4  .6  .1  .3
    marker  -1   1   0   1   0  -1      target at the last step: .2 * .6 = .12

The output is logistic, the loss half its squared error, and an output is "correct" within .04.

Baseline: the constant output 1/4, the mean; its mean squared error is the variance of the product,
1/9 - 1/16 = 7/144 = .0486. It is correct with probability F(.29) - F(.21) = 11.1 %, where
F(z) = z - z ln z is the distribution of the product. Solved is the error whose root is the
tolerance, .0016 (our threshold). The paper tests as soon as fewer than 140 of the last 2000
sequences were wrong, and again at 13: "correct" above .93 and .9935.

Deviation: marks are never at the first step, as in `adding`. Trap: the paper's table has an "MSE"
of .0139 with 14 wrong outputs of 2560, and its text calls a similar number the average error. Here
"mse" and the mean absolute "error" are two metrics.
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common, adding
from lstmx.types import Array, Batch, Key, Task, TaskSpec

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


def task(*, batch_size: int = 32, split: str = "train", length: int = 100) -> Task:
    """The multiplication problem; inputs [B, T, 2], outputs [B, T, 1], scored at the last step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: the shortest length; the longest, and T, is a tenth more.

    Raises:
        ValueError: an unknown split or a size too small.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size)
    checks.sizes(8, length=length)
    steps = length + length // 10

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_value, key_mark, key_length = jax.random.split(_common.split_key(key, split), 3)
        values = jax.random.uniform(key_value, (batch_size, steps))
        lengths = jax.random.randint(key_length, (batch_size,), length, steps + 1)
        return encode(values, *adding.places_1997(key_mark, batch_size, length), lengths)

    spec = TaskSpec(
        in_features=2,
        out_features=1,
        length=steps,
        batch_size=batch_size,
        metric="mse",
        maximize=False,
        maximized=("correct",),
        baseline=7 / 144,
        solved=adding.TOLERANCE**2,
    )
    return Task(spec, batch, adding.loss_1997)


def encode(values: Array, first: Array, second: Array, lengths: Array) -> Batch:
    """The batch of values [B, T] with marks at `first` [B] and `second` [B], and lengths [B]."""
    one, two = (values[jnp.arange(len(values)), place] for place in (first, second))
    return adding.pack_1997(values, first, second, one * two, lengths)
