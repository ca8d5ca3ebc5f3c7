"""Delayed discrimination: two stimuli, a delay between them; which one was larger?

After Romo, Brody, Hernandez & Lemus 1999 (Nature 399): a monkey feels a vibration, waits some
seconds, feels a second one, and tells which of the two had the higher frequency. The first has to
be held as a value in working memory, and cells of the prefrontal cortex do so by their rate.

A stimulus s in [0, 1] is (s, 1 - s) on two inputs, as cells of S2 fire more, or less, the higher
the frequency is; both inputs are 0 in the delay. The target, at the last step, is the class 1 if
the second stimulus is larger, else 0. Each stimulus lasts `stimulus` steps, the delay between
`min_delay` and `delay`.

Worked example, stimuli .2 and .7 of one step each, a delay of 3 steps:

    input 1   .2  0  0  0  .7
    input 2   .8  0  0  0  .3      target at the last step: 1

The two stimuli are uniform on all pairs that are at least `gap` apart, in either order.

Baseline: a constant answer is right with probability 1/2. The reference "second stimulus only" is
the best answer without memory: class 1 if the second stimulus is above 1/2. With g = `gap`, the
larger of the two stimuli is g + (1 - g) m, where m is the larger of two independent U[0, 1]. Where
the second one is the larger, the answer is right if that is above 1/2, and by symmetry it is right
as often where the second one is the smaller:

    1 - max(0, (1/2 - g) / (1 - g))^2      3/4 for g = 0, .802 for g = .1

Solved: an accuracy of .95, our threshold. It needs memory for g up to .35.

Deviations: in the experiment the stimuli are a few pairs of frequencies, here all pairs of the
square that are `gap` apart. There is no noise, and no pause before the first stimulus and the
answer. That the delay varies is a choice: a network cannot count on one.
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Task, TaskSpec

BIBTEX = """
@article{romo1999parametric,
  author = {Ranulfo Romo and Carlos D. Brody and Adrián Hernández and Luis Lemus},
  title = {Neuronal Correlates of Parametric Working Memory in the Prefrontal Cortex},
  journal = {Nature},
  volume = {399},
  pages = {470--473},
  year = {1999},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    stimulus: int = 5,
    min_delay: int = 5,
    delay: int = 25,
    gap: float = 0.1,
) -> Task:
    """Delayed discrimination; inputs [B, T, 2], two classes, scored at the last step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        stimulus: steps of each stimulus.
        min_delay: fewest steps between them.
        delay: most steps between them; T = 2 stimulus + delay.
        gap: smallest difference of the stimuli.

    Raises:
        ValueError: an unknown split, a size too small, min_delay above delay, a gap outside [0, 1).
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, stimulus=stimulus)
    checks.sizes(0, min_delay=min_delay)
    checks.sizes(min_delay, delay=delay)
    checks.number("gap", gap, least=0, below=1)

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_pair, key_order, key_delay = jax.random.split(_common.split_key(key, split), 3)
        pair = jnp.sort(jax.random.uniform(key_pair, (batch_size, 2)), axis=1)
        pair = (1 - gap) * pair + jnp.array([0.0, gap])
        swapped = jax.random.bernoulli(key_order, shape=(batch_size, 1))
        delays = jax.random.randint(key_delay, (batch_size,), min_delay, delay + 1)
        return encode(jnp.where(swapped, pair[:, ::-1], pair), delays, stimulus, delay)

    spec = TaskSpec(
        in_features=2,
        out_features=2,
        length=2 * stimulus + delay,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=0.5,
        solved=0.95,
        references={"second stimulus only": without_memory(gap)},
    )
    return Task(spec, batch, _common.classification)


def encode(stimuli: Array, delays: Array, stimulus: int, longest: int) -> Batch:
    """The batch of stimuli [B, 2] with these delays [B] between them.

    Args:
        stimuli: within [0, 1].
        delays: steps, at most `longest`.
        stimulus: steps of each stimulus.
        longest: the longest delay.
    """
    batch_size, steps = len(stimuli), 2 * stimulus + longest
    time, second = jnp.arange(steps), stimulus + delays[:, None]  # the step where it begins
    in_first = time < stimulus
    in_second = (time >= second) & (time < second + stimulus)
    values = jnp.where(in_first, stimuli[:, :1], stimuli[:, 1:])
    inputs = jnp.where(
        (in_first | in_second)[..., None], jnp.stack([values, 1 - values], axis=-1), 0.0
    )
    lengths = delays + 2 * stimulus
    weights = _common.last_step(lengths, steps)
    larger = jnp.asarray(stimuli[:, 1] > stimuli[:, 0], jnp.int32)
    targets = jnp.where(weights > 0, larger[:, None], 0)
    resets = _common.initial_resets(batch_size, steps)
    return Batch(inputs, targets, weights, _common.real(lengths, steps), resets)


def without_memory(gap: float) -> float:
    """The highest accuracy that the second stimulus alone allows."""
    return 1 - max(0.0, (0.5 - gap) / (1 - gap)) ** 2
