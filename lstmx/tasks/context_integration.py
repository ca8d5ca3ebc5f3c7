"""Context-dependent integration: of several noisy streams, the sign of the one that counts.

Mante, Sussillo, Shenoy & Newsome 2013 (Nature 503): dots move left or right and are red or green,
by more or less. A cue says which of the two matters, and the monkey, like the network, answers with
the direction or with the colour. The other stream has to be ignored, though it is as strong.

The inputs are K streams, K = 2 in the paper, and K contexts, of which one is 1 and the others are 0
in every step. Stream k is a coherence c_k, uniform in [-strength, strength], plus Gaussian noise of
standard deviation `noise`, independent in every step. The target is the sign of the coherence of
the stream that the context names, +1 or -1, at the last step.

Worked example, coherences .5 and -.25, the context names the second stream, no noise:

    stream 1    .5   .5   .5
    stream 2  -.25 -.25 -.25
    context 1    0    0    0
    context 2    1    1    1      target at the last step: -1

"accuracy" is the fraction of outputs with the right sign, "mse" the squared error, which is the
loss.

Baseline: a constant answer is right with probability 1/2. Two references: the best answer is the
sign of the sum of the stream that counts. Given c it is right with probability
Phi(|c| sqrt(T) / noise); with a = strength sqrt(T) / noise, and as the integral of Phi is
x Phi(x) + phi(x), that is on average

    p = Phi(a) + (phi(a) - phi(0)) / a      "ideal observer": .920 by default, where a = 5

The sign of the sum of one and the same stream, "one stream only", ignores the context and is right
with probability (p + (K - 1) / 2) / K, .710 by default. Solved, our threshold: 9/10 of the way from
there to the ideal observer.

Deviations: the default of 25 steps with coherences up to 1 replaces the 750 steps of 1 ms with
coherences up to .1875, which others report of the paper's network (a = 5.1, unverified). Between
trials there is no pause, and there is no target before the last step.
"""

import math

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@article{mante2013context,
  author = {Valerio Mante and David Sussillo and Krishna V. Shenoy and William T. Newsome},
  title = {Context-Dependent Computation by Recurrent Dynamics in Prefrontal Cortex},
  journal = {Nature},
  volume = {503},
  pages = {78--84},
  year = {2013},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 25,
    streams: int = 2,
    strength: float = 1.0,
    noise: float = 1.0,
) -> Task:
    """Integration in a context; inputs [B, T, 2 K], outputs [B, T, 1], scored at the last step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: steps T.
        streams: K.
        strength: largest coherence.
        noise: standard deviation of the noise in a step.

    Raises:
        ValueError: an unknown split, a size too small, a strength or noise that is not above 0.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, length=length)
    checks.sizes(2, streams=streams)
    checks.number("strength", strength, above=0)
    checks.number("noise", noise, above=0)

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        keys = jax.random.split(_common.split_key(key, split), 3)
        coherences = jax.random.uniform(keys[0], (batch_size, streams), float, -strength, strength)
        context = jax.random.randint(keys[1], (batch_size,), 0, streams)
        samples = noise * jax.random.normal(keys[2], (batch_size, length, streams))
        return encode(coherences, context, samples)

    def loss(outputs: Array, batch: Batch) -> Metrics:
        weights = batch.weights[..., None]
        mse = _common.weighted(jnp.square(outputs - batch.targets), weights)
        right = jnp.asarray(outputs * batch.targets > 0, jnp.float32)
        return {"loss": mse, "mse": mse, "accuracy": _common.weighted(right, weights)}

    ideal = ideal_observer(strength * math.sqrt(length) / noise)
    one_stream = (ideal + (streams - 1) / 2) / streams
    spec = TaskSpec(
        in_features=2 * streams,
        out_features=1,
        length=length,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=0.5,
        solved=0.1 * one_stream + 0.9 * ideal,
        references={"ideal observer": ideal, "one stream only": one_stream},
    )
    return Task(spec, batch, loss)


def encode(coherences: Array, context: Array, noise: Array) -> Batch:
    """The batch of coherences [B, K], the stream that counts [B], and noise [B, T, K]."""
    batch_size, steps, streams = noise.shape
    cue = jax.nn.one_hot(context, streams, dtype=noise.dtype)
    inputs = [coherences[:, None] + noise, jnp.broadcast_to(cue[:, None], noise.shape)]
    weights = _common.last_step(jnp.full(batch_size, steps), steps)
    sign = jnp.where(jnp.sum(coherences * cue, axis=1) > 0, 1.0, -1.0)
    return Batch(
        inputs=jnp.concatenate(inputs, axis=-1),
        targets=(sign[:, None] * weights)[..., None],
        weights=weights,
        mask=jnp.ones((batch_size, steps), bool),
        resets=_common.initial_resets(batch_size, steps),
    )


def ideal_observer(a: float) -> float:
    """How often the sign of a sum of U[-a, a] and a standard normal is that of the former."""
    above = (1 + math.erf(a / math.sqrt(2))) / 2
    return above - (1 - math.exp(-(a**2) / 2)) / (a * math.sqrt(2 * math.pi))
