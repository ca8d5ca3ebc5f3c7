"""Generating timed spikes (GTS): the input is a delay, after which the output must be a spike.

Gers, Schraudolph & Schmidhuber 2002 (JMLR 3): "measure_spike_delay" with inputs and outputs
swapped. Spike n is F + I(n) steps after spike n - 1, and the network generates the spikes: its
target is 1 at a spike and 0 at every other step. Its outputs are not fed back; at the step of a
spike the input is the next delay, I / i, and at all other steps 0. With `max_delay=0` the input is
always 0, and the task is a clock of period F.

Worked example, F = 2 and i = 1, delays 1, 0, 0:

    input    1  0  0  0  0  0  0
    target   .  0  0  1  0  1  0

A window contains `num_spikes` scored spikes, and one at its first step that is not scored: the
start of a stream cannot be predicted. The state is carried from window to window, and a new stream
begins after `windows` of them. "until_error" is the number of spikes before the first step with an
error of the tolerance or more, at most `num_spikes`; "mse", "correct" and the loss are over all
steps.

Baseline: a constant output has an error at or before the first spike: 0 spikes. Solved: all
`num_spikes` of every row. The paper demands 100 in training and 1000 in test, and finds that
nothing converges without forget gates.

Unverified: that a delay is an input at the spike where it begins, and only there, is our
interpretation of "swapped". Deviations as in "measure_spike_delay"; the outputs are logistic.
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
    tolerance: float = 0.49,
) -> Task:
    """Timed spikes; inputs [B, T, 1], outputs [B, T, 1], scored at all steps but the first.

    Args:
        batch_size: parallel streams.
        split: train, valid or test: independent endless streams.
        num_spikes: scored spikes of a window; T = (num_spikes + 1) (interval + max_delay).
        windows: windows of a stream; 0 for one endless stream.
        interval: F, the fewest steps from one spike to the next.
        max_delay: i, the most steps beyond that; 0 for spikes at equal distances.
        delays: "all" for 0 ... i, "ends" for 0 and i only.
        tolerance: an output is correct if its absolute error is smaller.

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
    )
    checks.sizes(0, max_delay=max_delay)

    def batch(key: Key, step: Array | int) -> Batch:
        shape = (batch_size, num_spikes + 1)
        extras = _spikes.sample_delays(_common.split_key(key, split), shape, max_delay, delays)
        return encode(extras, interval, max_delay, _spikes.number(step, windows))

    def loss(outputs: Array, batch: Batch) -> Metrics:
        return _spikes.metrics(
            outputs,
            batch.targets,
            batch.weights,
            batch.targets[..., 0] > 0,
            output="logistic",
            tolerance=tolerance,
        )

    spec = TaskSpec(
        in_features=1,
        out_features=1,
        length=(num_spikes + 1) * (interval + max_delay),
        batch_size=batch_size,
        metric="until_error",
        maximize=True,
        maximized=("correct", "sequence_accuracy"),
        baseline=0.0,
        solved=num_spikes,
        unit="spikes",
    )
    return Task(spec, batch, loss)


def encode(extras: Array, interval: int, max_delay: int, number: Array | int = 0) -> Batch:
    """The window with delays of interval + extras [B, S] steps, the `number`-th of its stream."""
    spikes, lengths, steps = _spikes.place_spikes(extras, interval, max_delay)
    following = jnp.asarray(extras, jnp.float32) / max(max_delay, 1)
    mask = _common.real(lengths, steps)
    return Batch(
        inputs=_spikes.put(following, spikes, steps)[..., None],
        targets=_spikes.put(jnp.ones_like(spikes), spikes, steps)[..., None],
        weights=jnp.asarray(mask, jnp.float32).at[:, 0].set(0.0),
        mask=mask,
        resets=_spikes.stream_resets(extras.shape[0], steps, number),
    )
