"""Denoising: repeat ten symbols, which are scattered among noise, in order at the end.

Jing, Gulcehre et al. 2017 (arXiv:1706.02761), after whose network the task is often named GORU
denoise. Ten symbols out of nine are at random places of the first T + 9 steps, all other places
are noise; a marker follows, then ten blanks. The targets are the noise symbol up to and including
the marker, then the ten symbols in order. Unlike in "copy_memory" the network must select what it
stores. Inputs
are tokens: 0 is noise and blank, 1 ... 9 are the symbols, 10 is the marker; outputs are the ten
classes without the marker.

Worked example with two symbols (num_symbols=2) and T = 3:

    input    0  5  0  2 10  0  0
    target   0  0  0  0  0  5  2

The loss is the cross entropy averaged over ALL T + 20 steps; "accuracy" is over the ten symbols
only.

Baseline: the start of the answer is known, the symbols are not: 10 ln 9 / (T + 20) nats, .1831 for
T = 100. Solved is a tenth of it (our threshold: no paper defines one).

Deviation: places are distinct, as in the paper's text. The authors' code samples them with
replacement, so that a symbol may overwrite another one, which remains a target; and its marker is
a vector of zeros, because its one-hot code has ten places.
"""

import math

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common, copy_memory
from lstmx.types import Array, Batch, Key, Task, TaskSpec

BIBTEX = """
@misc{jing2017goru,
  author = {Li Jing and Caglar Gulcehre and others},
  title = {Gated Orthogonal Recurrent Units: On Learning to Forget},
  eprint = {1706.02761},
  archiveprefix = {arXiv},
  year = {2017},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 100,
    num_symbols: int = 10,
    alphabet: int = 9,
) -> Task:
    """Denoising; inputs tokens [B, T + 20], outputs [B, T + 20, 10], scored at every step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: T; the batch has length + 2 num_symbols steps.
        num_symbols: symbols to remember.
        alphabet: distinct symbols.

    Raises:
        ValueError: an unknown split or a size too small.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, length=length, num_symbols=num_symbols)
    checks.sizes(2, alphabet=alphabet)
    steps = length + 2 * num_symbols
    baseline = num_symbols * math.log(alphabet) / steps

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_symbol, key_place = jax.random.split(_common.split_key(key, split))
        shape = (batch_size, num_symbols)
        symbols = jax.random.randint(key_symbol, shape, 1, alphabet + 1)
        # The places of the largest of many random numbers are distinct and uniform.
        noise = jax.random.uniform(key_place, (batch_size, length + num_symbols - 1))
        places = jnp.sort(jax.lax.top_k(noise, num_symbols)[1], axis=1)
        return encode(symbols, places, length, alphabet)

    spec = TaskSpec(
        in_features=alphabet + 2,
        out_features=alphabet + 1,
        length=steps,
        batch_size=batch_size,
        metric="loss",
        maximize=False,
        maximized=("accuracy",),
        baseline=baseline,
        solved=baseline / 10,
        inputs="token",
        unit="nats",
    )
    return Task(spec, batch, copy_memory.loss)


def encode(symbols: Array, places: Array, length: int, alphabet: int = 9) -> Batch:
    """The batch with symbols [B, S] (1 ... alphabet) at these places [B, S] of the noise."""
    batch_size, num_symbols = symbols.shape
    steps = length + 2 * num_symbols
    noise = jnp.zeros((batch_size, steps), symbols.dtype)
    inputs = noise.at[jnp.arange(batch_size)[:, None], places].set(symbols)
    inputs = inputs.at[:, num_symbols + length - 1].set(alphabet + 1)
    targets = noise.at[:, -num_symbols:].set(symbols)
    everywhere = jnp.ones((batch_size, steps))
    return Batch(
        inputs, targets, everywhere, everywhere > 0, _common.initial_resets(batch_size, steps)
    )
