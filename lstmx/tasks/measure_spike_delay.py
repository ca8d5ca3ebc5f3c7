"""Measuring spike delays (MSD): at each spike, the target is the time since the previous one.

Gers, Schraudolph & Schmidhuber 2002 (JMLR 3). The input is a stream of 0 with a 1 at every spike;
spike n is F + I(n) steps after spike n - 1. The target at a spike is I(n), for which the network
must have counted to F. With `delays="ends"` I is 0 or i, with "all" any of 0 ... i; the paper has
i from 1 to 10 and F = 10 and more.

Worked example, F = 2 and i = 1, delays 1, 0, 0:

    input    1  0  0  1  0  1  0
    target   .  .  .  1  .  0  .

A window contains `num_spikes` scored spikes, and one at its first step that is not scored: its
delay began in the previous window. The state is carried from window to window, and a new stream
begins after `windows` of them: by default after 100 spikes, as in the paper's training. A network
that is never trained on the beginning of a stream fails on the first spikes of a test. The paper's
test of 1000 spikes is `num_spikes=1000` in one batch.

Outputs: `output="logistic"` has targets I / i in [0, 1], `output="linear"` has I. The tolerance is
in units of the distance between neighboring targets: with .49 a correct output is closer to the
correct delay than to any other. "until_error" is the number of spikes before the first error, at
most `num_spikes`.

Baseline: a constant delay, correct with p = 1/2 ("ends") or 1 / (i + 1). The probability that the
first n of K spikes are correct is p^n: p (1 - p^K) / (1 - p) spikes. Solved: all K of every row.

Unverified: the paper also has a nonlinear form, NMSD. As any two targets can be interpolated
linearly, we assume that the output unit is nonlinear: "linear" for MSD and "logistic" for NMSD. It
is also our interpretation that steps between spikes have no target.

Deviations: the paper ends a stream at its first error and updates after every step; here a stream
is always read to its end, and a window is one update.
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


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    num_spikes: int = 10,
    windows: int = 10,
    interval: int = 10,
    max_delay: int = 1,
    delays: str = "all",
    output: str = "logistic",
    tolerance: float = 0.49,
) -> Task:
    """Measuring delays; inputs [B, T, 1], outputs [B, T, 1], scored at the spikes.

    Args:
        batch_size: parallel streams.
        split: train, valid or test: independent endless streams.
        num_spikes: scored spikes of a window; T = (num_spikes + 1) (interval + max_delay).
        windows: windows of a stream; 0 for one endless stream.
        interval: F, the fewest steps from one spike to the next.
        max_delay: i, the most steps beyond that.
        delays: "all" for 0 ... i, "ends" for 0 and i only.
        output: "logistic" or "linear".
        tolerance: a spike is correct if its error is smaller, in distances of neighboring targets.

    Raises:
        ValueError: an unknown choice, a size too small, a tolerance outside (0, 0.5).
    """
    _spikes.check(
        split,
        delays,
        tolerance,
        windows,
        batch_size=batch_size,
        num_spikes=num_spikes,
        interval=interval,
        max_delay=max_delay,
    )
    checks.one_of("output", output, _spikes.OUTPUTS)
    scale = 1 / max_delay if output == "logistic" else 1.0
    gap = scale * (max_delay if delays == "ends" else 1)
    chance = 1 / 2 if delays == "ends" else 1 / (max_delay + 1)

    def batch(key: Key, step: Array | int) -> Batch:
        shape = (batch_size, num_spikes + 1)
        extras = _spikes.sample_delays(_common.split_key(key, split), shape, max_delay, delays)
        return encode(extras, interval, max_delay, _spikes.number(step, windows), scale)

    def loss(outputs: Array, batch: Batch) -> Metrics:
        return _spikes.metrics(
            outputs,
            batch.targets,
            batch.weights,
            batch.weights > 0,
            output=output,
            tolerance=tolerance * gap,
        )

    spec = TaskSpec(
        in_features=1,
        out_features=1,
        length=(num_spikes + 1) * (interval + max_delay),
        batch_size=batch_size,
        metric="until_error",
        maximize=True,
        maximized=("correct", "sequence_accuracy"),
        baseline=chance * (1 - chance**num_spikes) / (1 - chance),
        solved=num_spikes,
        unit="spikes",
    )
    return Task(spec, batch, loss)


def encode(
    extras: Array, interval: int, max_delay: int, number: Array | int = 0, scale: float = 1.0
) -> Batch:
    """The window with delays of interval + extras [B, S] steps; targets are `scale` times extras.

    `number` is that of the window in its stream; the state is reset at the start of number 0.
    """
    spikes, lengths, steps = _spikes.place_spikes(extras, interval, max_delay)
    scored = spikes[:, 1:]
    answers = jnp.asarray(extras[:, :-1], jnp.float32) * scale
    return Batch(
        inputs=_spikes.put(jnp.ones_like(spikes), spikes, steps)[..., None],
        targets=_spikes.put(answers, scored, steps)[..., None],
        weights=_spikes.put(jnp.ones_like(scored), scored, steps),
        mask=_common.real(lengths, steps),
        resets=_spikes.stream_resets(extras.shape[0], steps, number),
    )
