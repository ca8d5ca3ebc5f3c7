"""Generating a periodic function (PFG): an endless wave without any input.

Gers, Schraudolph & Schmidhuber 2002 (JMLR 3): the target at step t of a stream is a function of
u = (t mod F) / F, of period F = 10 or 25 steps. All three start at 0 and stay within [0, 1]:

    cosine      (1 - cos(2 pi u)) / 2
    triangle    1 - |2 u - 1|
    rectangle   0 in the first half, 1 in the second

Worked example, F = 4:

    input        0  0  0  0  0  0
    cosine       0 .5  1 .5  0 .5        so is the triangle
    rectangle    0  0  1  1  0  0

The input is one feature that is always 0. The state is carried between consecutive windows of
`length` steps, and after `windows` of them a new stream begins. Nothing is random, so that all rows
and all splits are the same stream and one row is enough. Valid and test are its first window: to
measure how long the wave is stable, make `length` large.

"until_error" is the number of steps before the first one with an error of the tolerance or more;
"mse" is the squared error, whose root is the RMSE of the paper.

Baseline: the constant .5 has an error of .5 at the first step: 0 steps. (Its mse is the variance of
the wave: 1/8 for the cosine, 1/4 for the rectangle of an even period, about 1/12 for the triangle.)
Solved: no error in the entire window. The paper's tolerance is .3, and .15 in a stricter form.

Unverified: the range [0, 1], the phase and the output unit are our choice: "linear" by default, or
"logistic" as in the other timing tasks. Deviations as in "measure_spike_delay".
"""

import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common, _spikes
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@article{gers2002timing,
  author = {Felix A. Gers and Nicol N. Schraudolph and Jürgen Schmidhuber},
  title = {Learning Precise Timing with {LSTM} Recurrent Networks},
  journal = {Journal of Machine Learning Research},
  volume = {3},
  pages = {115--143},
  year = {2002},
}
"""

SHAPES = ("cosine", "triangle", "rectangle")


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 100,
    windows: int = 10,
    shape: str = "cosine",
    period: int = 10,
    output: str = "linear",
    tolerance: float = 0.3,
) -> Task:
    """A periodic function; inputs [B, T, 1] of zeros, outputs [B, T, 1], scored at every step.

    Args:
        batch_size: rows, all the same.
        split: train, valid or test: the same stream.
        length: T, steps of a window.
        windows: windows of a stream; 0 for one endless stream.
        shape: "cosine", "triangle" or "rectangle".
        period: F, in steps.
        output: "linear" or "logistic".
        tolerance: an output is correct if its absolute error is smaller.

    Raises:
        ValueError: an unknown choice, a size too small, a tolerance outside (0, 0.5).
    """
    _common.check_split(split)
    checks.one_of("shape", shape, SHAPES)
    checks.one_of("output", output, _spikes.OUTPUTS)
    checks.sizes(1, batch_size=batch_size, length=length)
    checks.sizes(2, period=period)
    checks.sizes(0, windows=windows)
    _spikes.check_tolerance(tolerance)

    def batch(key: Key, step: Array | int) -> Batch:
        del key
        number = _spikes.number(step, windows)
        # The phase of the first step. Factors modulo the period, as number * length may overflow.
        first = number % period * (length % period)
        wave = evaluate(shape, first + jnp.arange(length), period)
        everywhere = jnp.ones((batch_size, length))
        return Batch(
            inputs=jnp.zeros((batch_size, length, 1)),
            targets=jnp.broadcast_to(wave[:, None], (batch_size, length, 1)),
            weights=everywhere,
            mask=everywhere > 0,
            resets=_spikes.stream_resets(batch_size, length, number),
        )

    def loss(outputs: Array, batch: Batch) -> Metrics:
        return _spikes.metrics(
            outputs,
            batch.targets,
            batch.weights,
            batch.mask,
            output=output,
            tolerance=tolerance,
        )

    spec = TaskSpec(
        in_features=1,
        out_features=1,
        length=length,
        batch_size=batch_size,
        metric="until_error",
        maximize=True,
        maximized=("correct", "sequence_accuracy"),
        baseline=0.0,
        solved=length,
        num_batches=1,
        unit="steps",
    )
    return Task(spec, batch, loss)


def evaluate(shape: str, steps: Array, period: int) -> Array:
    """The wave at these steps of a stream, of the same shape as `steps`."""
    u = jnp.asarray(steps % period, jnp.float32) / period
    if shape == "cosine":
        return (1 - jnp.cos(2 * jnp.pi * u)) / 2
    if shape == "triangle":
        return 1 - jnp.abs(2 * u - 1)
    return jnp.asarray(u >= 0.5, jnp.float32)
