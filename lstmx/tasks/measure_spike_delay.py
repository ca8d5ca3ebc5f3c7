"""Measuring spike delays (MSD): at each spike, say how long ago the last one was.

Gers, Schraudolph & Schmidhuber 2002 (JMLR 3). A stream of 0 with a 1 at every spike; spike n
comes F + I(n) steps after spike n - 1. At a spike the network must tell I(n), which it cannot
know without having counted to F. With `delays="ends"` I is 0 or i, with "all" any of 0 ... i; the
paper has i from 1 to 10 and F = 10 and more.

Worked example, F = 2 and i = 1, delays 1, 0, 0:

    input    1  0  0  1  0  1  0
    target   .  .  .  1  .  0  .

A window holds `num_spikes` spikes that are judged and one at its first step that is not: what it
would measure lies in the window before. The state is carried on from window to window, and a new
stream begins after `windows` of them: by default after 100 spikes, as in the paper's training. A
network that never sees a stream begin gets the first spikes of a test wrong. The paper's test of
1000 spikes is `num_spikes=1000` in one batch.

Two kinds of output: `output="logistic"` has targets I / i in [0, 1], `output="linear"` has I
itself. The tolerance is in units of the gap between neighbouring targets: .49 asks for an answer
that is nearer to the right delay than to any other. "until_error" is the number of spikes until
the first that is wrong, at most `num_spikes`.

Baseline: always the same delay, right with p = 1/2 ("ends") or 1 / (i + 1). Of K spikes the n-th
is reached without error with p^n: p (1 - p^K) / (1 - p) spikes. Solved: all K of every row.

Unverified: the paper sets a nonlinear form, NMSD, beside MSD. As any two targets lie on a line, we
take its nonlinearity to be the output unit's: "linear" for MSD and "logistic" for NMSD. That
nothing is asked between spikes is our reading as well.

Deviations: the paper ends a stream at its first error and updates after every step; here a stream
is read to its end, and a window is one update.
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
    output: str = "logistic",
    tolerance: float = 0.49,
) -> Task:
    """Measuring delays; inputs [B, T, 1], outputs [B, T, 1], judged at the spikes.

    Args:
        batch_size: streams beside each other.
        split: train, valid or test: disjoint endless streams.
        num_spikes: judged spikes of a window; T = (num_spikes + 1) (interval + max_delay).
        windows: windows of a stream; 0 for one endless stream.
        interval: F, the fewest steps from one spike to the next.
        max_delay: i, the most steps beyond that.
        delays: "all" of 0 ... i, or only the "ends" 0 and i.
        output: "logistic" or "linear".
        tolerance: largest error of a right answer, in gaps between neighbouring targets.

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
        extras = _spikes.draw(_common.split_key(key, split), shape, max_delay, delays)
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
        maximized=("correct", "whole"),
        baseline=chance * (1 - chance**num_spikes) / (1 - chance),
        solved=num_spikes,
        unit="spikes",
    )
    return Task(spec, batch, loss)


def encode(
    extras: Array, interval: int, max_delay: int, number: Array | int = 0, scale: float = 1.0
) -> Batch:
    """The window of delays of interval + extras [B, S] steps; targets are `scale` times extras.

    `number` says which window of its stream it is: the state starts afresh with number 0.
    """
    spikes, lengths, steps = _spikes.lay(extras, interval, max_delay)
    judged = spikes[:, 1:]
    answers = jnp.asarray(extras[:, :-1], jnp.float32) * scale
    return Batch(
        inputs=_spikes.put(jnp.ones_like(spikes), spikes, steps)[..., None],
        targets=_spikes.put(answers, judged, steps)[..., None],
        weights=_spikes.put(jnp.ones_like(judged), judged, steps),
        mask=_common.real(lengths, steps),
        resets=_spikes.stream_resets(extras.shape[0], steps, number),
    )
