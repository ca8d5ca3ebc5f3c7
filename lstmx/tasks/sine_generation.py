"""Sine generation: an input tells the frequency, and the output oscillates with it.

Sussillo & Barak 2013 (Neural Computation 25), the sine wave generator: 51 frequencies, each with an
input of its own level, and the output is a sine of that frequency for as long as the input lasts. A
network that solves it has one fixed point for each level, a saddle with two unstable directions,
around which the state circles.

The level of frequency j = 0 ... J - 1 is (j + 1) / J + 1/4, between 1/4 and 5/4. The frequencies
are evenly spaced from `slowest` to `fastest`, in cycles a step, and the target of step t is
sin(2 pi f t).

Worked example, J = 2, from 1/8 to 1/4 cycles a step, j = 1:

    input   1.25  1.25  1.25  1.25  1.25
    target     0     1     0    -1     0

With `cue` > 0 the level is on the input in the first `cue` steps only, and 0 later: the network
has to remember the frequency then.

Baseline: the constant 0. Its "mse" is the mean of sin^2 over all frequencies and steps, about 1/2,
computed exactly. Solved is .01, our threshold: 2 % of the variance remain.

Unverified: the 51 levels, j / 51 + 1/4, are those that other authors report of the paper, with
frequencies from .1 to .6 rad/s. Deviation: time is discrete, and the default of .02 to .1 cycles a
step, in sequences of 60 steps, makes 1.2 to 6 cycles.
"""

import jax
import jax.numpy as jnp
import numpy as np

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
    length: int = 60,
    frequencies: int = 51,
    slowest: float = 0.02,
    fastest: float = 0.1,
    cue: int = 0,
) -> Task:
    """Sines; inputs [B, T, 1], outputs [B, T, 1], scored at every step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams of the same sines.
        length: steps T.
        frequencies: J, their number.
        slowest: the lowest frequency, in cycles a step.
        fastest: the highest.
        cue: steps in which the input tells the frequency; 0 for all.

    Raises:
        ValueError: an unknown split, a size too small, a frequency outside (0, 1/2), `slowest`
            above `fastest`, a cue longer than the sequence.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, length=length, frequencies=frequencies)
    checks.sizes(0, cue=cue)
    checks.number("slowest", slowest, above=0, below=0.5)
    checks.number("fastest", fastest, least=slowest, below=0.5)
    if cue > length:
        raise ValueError(f"cue={cue}; expected at most length={length}")
    spaced = np.linspace(slowest, fastest, frequencies)

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        chosen = jax.random.randint(_common.split_key(key, split), (batch_size,), 0, frequencies)
        levels = (chosen + 1) / frequencies + 0.25
        return encode(jnp.asarray(spaced)[chosen], levels, length, cue)

    def loss(outputs: Array, batch: Batch) -> Metrics:
        mse = _common.weighted(jnp.square(outputs - batch.targets), batch.weights[..., None])
        return {"loss": mse, "mse": mse}

    spec = TaskSpec(
        in_features=1,
        out_features=1,
        length=length,
        batch_size=batch_size,
        metric="mse",
        maximize=False,
        baseline=float(np.mean(np.sin(2 * np.pi * np.outer(spaced, np.arange(length))) ** 2)),
        solved=0.01,
    )
    return Task(spec, batch, loss)


def encode(frequency: Array, levels: Array, length: int, cue: int = 0) -> Batch:
    """The batch of sines with these frequencies [B], in cycles a step, and input levels [B]."""
    time = jnp.arange(length, dtype=float)
    shape = (len(frequency), length)
    told = time < (cue or length)
    return Batch(
        inputs=jnp.where(told, levels[:, None], 0.0)[..., None],
        targets=jnp.sin(2 * jnp.pi * frequency[:, None] * time)[..., None],
        weights=jnp.ones(shape),
        mask=jnp.ones(shape, bool),
        resets=_common.initial_resets(*shape),
    )
