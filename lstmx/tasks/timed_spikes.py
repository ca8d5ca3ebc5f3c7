"""Generating timed spikes (GTS): told a delay, wait for as long and fire.

Gers, Schraudolph & Schmidhuber 2002 (JMLR 3): "measure_spike_delay" with inputs and outputs
swapped. Spike n comes F + I(n) steps after spike n - 1, and now the network makes the spikes: its
target is 1 at a spike and 0 at every other step. It hears nothing of its own spikes; at the step
of a spike the input is the next delay, I / i, and at all other steps 0. With `max_delay=0` there
is no input at all, and the task is a clock of period F.

Worked example, F = 2 and i = 1, delays 1, 0, 0:

    input    1  0  0  0  0  0  0
    target   .  0  0  1  0  1  0

A window holds `num_spikes` spikes that are judged, and one at its first step that is not: nothing
could tell when a stream starts. The state is carried on from window to window, and a new stream
begins after `windows` of them. "until_error" is the number of spikes until the first step that is
wrong by the tolerance or more, at most `num_spikes`; "mse", "correct" and the loss are over all
steps.

Baseline: a constant is wrong at a spike or before it, so that no spike is reached: 0. Solved: all
`num_spikes` of every row. The paper asks for 100 in training and 1000 in test, and finds that
without forget gates nothing converges.

Unverified: that a delay is told at the spike where it begins, and once, is our reading of
"swapped". Deviations as in "measure_spike_delay"; the outputs are logistic.
"""

import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common, _spikes
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec


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
    """Timed spikes; inputs [B, T, 1], outputs [B, T, 1], judged at all steps but the first.

    Args:
        batch_size: streams beside each other.
        split: train, valid or test: disjoint endless streams.
        num_spikes: judged spikes of a window; T = (num_spikes + 1) (interval + max_delay).
        windows: windows of a stream; 0 for one endless stream.
        interval: F, the fewest steps from one spike to the next.
        max_delay: i, the most steps beyond that; 0 for spikes at equal distances.
        delays: "all" of 0 ... i, or only the "ends" 0 and i.
        tolerance: largest absolute error of a right output.

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
        extras = _spikes.draw(_common.split_key(key, split), shape, max_delay, delays)
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
        maximized=("correct", "whole"),
        baseline=0.0,
        solved=num_spikes,
        unit="spikes",
    )
    return Task(spec, batch, loss)


def encode(extras: Array, interval: int, max_delay: int, number: Array | int = 0) -> Batch:
    """The window of delays of interval + extras [B, S] steps, the `number`-th of its stream."""
    spikes, lengths, steps = _spikes.lay(extras, interval, max_delay)
    told = jnp.asarray(extras, jnp.float32) / max(max_delay, 1)
    mask = _common.real(lengths, steps)
    return Batch(
        inputs=_spikes.put(told, spikes, steps)[..., None],
        targets=_spikes.put(jnp.ones_like(spikes), spikes, steps)[..., None],
        weights=jnp.asarray(mask, jnp.float32).at[:, 0].set(0.0),
        mask=mask,
        resets=_spikes.stream_resets(extras.shape[0], steps, number),
    )
