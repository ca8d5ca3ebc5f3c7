"""Recursive forecasts of a distribution: sampled paths, each fed its own samples.

The distribution of a step is of one step ahead, given the values before it. What is not known of
those is sampled: path n draws a value of the first step, reads it as the value of the row before
the second, and so on. The quantiles of the paths at a step are those of the forecast: the spread of
a random walk grows with the root of the steps. Salinas et al. 2020 (DeepAR), section 3.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx.tasks._forecasting import counts, likelihoods, transforms
from lstmx.tasks._forecasting.recursion import Apply, fed_back
from lstmx.tasks._forecasting.spec import ForecastSpec
from lstmx.types import Array, Batch, Key, State

PATHS = 200
"""Paths of each forecast: quantiles of 10 and 2.5 % of normal ones then have standard errors of an
eighth and of a fifth of their standard deviation. sqrt(p (1 - p) / n) / density."""
TOGETHER = 20
"""Paths that are computed at a time: more need more memory, and are no faster on a CPU."""
HALF = 0.5
"""What is fed for a sampled count of 0, which has no logarithm."""


class Given(NamedTuple):
    """What samples are relative to, of R rows, as in `arrays.Targets`.

    Attributes:
        base: [R, H, C].
        unit, shift, scale, power, level, width: [R, 1, C].
    """

    base: Array
    unit: Array
    shift: Array
    scale: Array
    power: Array
    level: Array
    width: Array


def quantiles(
    spec: ForecastSpec,
    apply: Apply,
    batch: Batch,
    state: State,
    key: Key,
    paths: int,
    levels: tuple[float, ...],
) -> Array:
    """Quantiles [B, H, C, K] of sampled paths at the levels [K], in scaled units.

    Args:
        spec: recursive, of a likelihood that can be sampled.
        apply: (inputs, state, mask, resets) -> (outputs, state), of any number of steps and rows.
        batch: of a split other than train, whose steps read what is known at the origin.
        state: before the first step.
        key: of the samples.
        paths: their number, rounded up to a multiple of `TOGETHER`.
        levels: ascending.
    """
    rows, first = len(batch.mask), spec.window
    cut = lambda tree, begin, end: jax.tree.map(lambda leaf: leaf[:, begin:end], tree)
    read = (batch.inputs, batch.mask, batch.resets)
    inputs, *marks = cut(read, 0, first)
    y, state = apply(inputs, state, *marks)
    own = batch.targets
    given = Given(own.base[:, first - 1 :], *(getattr(own, name) for name in Given._fields[1:]))
    origin = (own.base[:, first - 1], y[:, -1], state, cut(read, first, None), given)
    repeated = jax.tree.map(lambda leaf: jnp.repeat(leaf, TOGETHER, axis=0), origin)
    keys = jax.random.split(key, -(-paths // TOGETHER))
    found = jax.lax.map(lambda key: _walk(spec, apply, repeated, key), keys)
    found = found.reshape(len(keys), rows, TOGETHER, *found.shape[2:])
    found = jnp.moveaxis(found, 1, 2).reshape(-1, *found.shape[1:2], *found.shape[3:])
    # A quantile of counts is a count.
    method = "higher" if spec.likelihood == counts.KIND else "linear"
    return jnp.moveaxis(jnp.quantile(found, jnp.asarray(levels), axis=0, method=method), 0, -1)


def _walk(spec: ForecastSpec, apply: Apply, origin: Any, key: Key) -> Array:
    """One path [R, H, C] of each row, in scaled units."""
    before, y, state, read, given = origin
    key, own = jax.random.split(key)
    value = _sampled(spec, y, before, given, 0, own)
    fed = jnp.zeros((len(y), spec.horizon, value.shape[-1]), value.dtype).at[:, 0].set(value)

    def step(carry: tuple[State, Array, Array], at: tuple[Array, Key]) -> Any:
        (state, fed, before), (ahead, own) = carry, at
        inputs, mask, resets = jax.tree.map(
            lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, ahead - 1, 1, axis=1), read
        )
        y, state = apply(fed_back(spec, inputs, fed, ahead, given), state, mask, resets)
        value = _sampled(spec, y[:, 0], before, given, ahead, own)
        return (state, fed.at[:, ahead].set(value), value), None

    ahead = jnp.arange(1, spec.horizon)
    start = (state, fed, value)
    (_, fed, _), _ = jax.lax.scan(step, start, (ahead, jax.random.split(key, len(ahead))))
    return fed


def _sampled(
    spec: ForecastSpec, y: Array, before: Array, given: Given, ahead: Any, key: Key
) -> Array:
    """Samples [R, C] of a step in scaled units, of outputs [R, C * P]."""
    per_target = likelihoods.size(spec.likelihood, spec.quantiles)
    params = y.reshape(*before.shape, per_target).astype(before.dtype)
    base = before if spec.detrend == "last" else given.base[:, ahead]
    if spec.likelihood != counts.KIND:
        return base + given.unit[:, 0] * likelihoods.sample(spec.likelihood, params, key)
    shift, scale, power = given.shift[:, 0], given.scale[:, 0], given.power[:, 0]
    z = (base + given.unit[:, 0] * params[..., 0]) * scale + shift
    middle = transforms.inverse(spec.transform, z, power, jnp)
    drawn = counts.sample(middle, params[..., 1], key)
    if spec.transform in ("log", "box-cox"):
        drawn = jnp.maximum(drawn, HALF)
    return jnp.asarray((transforms.forward(spec.transform, drawn, power, jnp) - shift) / scale)
