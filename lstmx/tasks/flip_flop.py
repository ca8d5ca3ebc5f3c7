"""The flip-flop: every output holds the sign of the last pulse on its input.

Sussillo & Barak 2013 (Neural Computation 25), the K-bit flip-flop with K = 3: each of K inputs is 0
but for pulses of +1 or -1 at random steps, and each of K outputs is the value of the last pulse on
its own input, whatever the other inputs do. A network that solves it has a stable fixed point for
each of the 2^K memories, at the input 0, and saddles between them.

Worked example, two bits:

    input 1   +1  0  0 -1  0  0
    input 2   -1  0 +1  0  0 +1
    target 1  +1 +1 +1 -1 -1 -1
    target 2  -1 -1 +1 +1 +1 +1

At the first step every input has a pulse, so that every step has a target. After it, an input has a
pulse with probability `rate`, independently at every step. All steps and bits count alike.

"mse" is the squared error of an output, "correct" the fraction of steps at which all K outputs have
the right sign.

Baseline: the constant 0, the mean, has a mean squared error of 1. Solved is an error of .01, a root
of .1: the outputs +1 and -1 are 20 times as far from each other. An output that holds the wrong
sign adds (2)^2 = 4, so that at most one in 400 does.

Deviations: the paper gives no pulses at the first step, and its time is continuous. The rate of the
pulses is our choice: one in ten steps.
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@article{sussillo2013blackbox,
  author = {David Sussillo and Omri Barak},
  title = {Opening the Black Box: Low-Dimensional Dynamics in High-Dimensional Recurrent Neural
    Networks},
  journal = {Neural Computation},
  volume = {25},
  number = {3},
  pages = {626--649},
  year = {2013},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 50,
    bits: int = 3,
    rate: float = 0.1,
) -> Task:
    """A flip-flop of K bits; inputs [B, T, K], outputs [B, T, K], scored at every step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: steps T.
        bits: K, inputs and outputs.
        rate: probability of a pulse on an input, in each step but the first.

    Raises:
        ValueError: an unknown split, a size too small, a rate outside [0, 1).
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, length=length, bits=bits)
    checks.rate("rate", rate)

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_place, key_sign = jax.random.split(_common.split_key(key, split))
        shape = (batch_size, length, bits)
        places = jax.random.bernoulli(key_place, rate, shape).at[:, 0].set(True)
        signs = jax.random.rademacher(key_sign, shape, float)
        return encode(jnp.where(places, signs, 0.0))

    def loss(outputs: Array, batch: Batch) -> Metrics:
        mse = _common.weighted(jnp.square(outputs - batch.targets), batch.weights[..., None])
        right = jnp.all(outputs * batch.targets > 0, axis=-1)
        hits = _common.weighted(jnp.asarray(right, jnp.float32), batch.weights)
        return {"loss": mse, "mse": mse, "correct": hits}

    spec = TaskSpec(
        in_features=bits,
        out_features=bits,
        length=length,
        batch_size=batch_size,
        metric="mse",
        maximize=False,
        maximized=("correct",),
        baseline=1.0,
        solved=0.01,
    )
    return Task(spec, batch, loss)


def encode(pulses: Array) -> Batch:
    """The batch of pulses [B, T, K] of +1, -1 and 0, none of them 0 at the first step."""
    batch_size, steps, _ = pulses.shape
    everywhere = jnp.ones((batch_size, steps))
    return Batch(
        inputs=pulses,
        targets=held(pulses),
        weights=everywhere,
        mask=everywhere > 0,
        resets=_common.initial_resets(batch_size, steps),
    )


def held(pulses: Array) -> Array:
    """The value of the last pulse up to every step of pulses [B, T, K]; 0 before the first."""
    steps = jnp.arange(pulses.shape[1])[:, None]
    last = jax.lax.cummax(jnp.where(pulses != 0, steps, 0), axis=1)
    return jnp.take_along_axis(pulses, last, axis=1)
