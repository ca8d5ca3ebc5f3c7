"""The loss of a batch of forecasts, and its errors in the original units."""

from collections.abc import Callable

import jax.numpy as jnp

from lstmx.tasks import _common
from lstmx.tasks._forecasting import arrays, counts, fitting, likelihoods, transforms
from lstmx.tasks._forecasting.arrays import Targets
from lstmx.tasks._forecasting.spec import ForecastSpec
from lstmx.types import Array, Batch, Metrics


def loss(
    spec: ForecastSpec, scales: fitting.Scales, series: int
) -> Callable[[Array, Batch], Metrics]:
    """(outputs, batch) -> "loss", "mae", "mse" and, of several columns or series, scaled errors.

    "mase" divides by the error of the seasonal naive forecast on the training part, "scaled_mae"
    and "scaled_mse" by the standard deviation of the column there.
    """
    found = arrays.device(scales)
    several = series > 1 or len(found.unit) > 1
    per_target = likelihoods.size(spec.likelihood, spec.quantiles)
    columns = len(found.unit)

    def measure(outputs: Array, batch: Batch) -> Metrics:
        given = batch.targets
        targets = given.values if isinstance(given, Targets) else given
        params = outputs.reshape(*targets.shape, per_target)
        error = params[..., 0] - targets
        if isinstance(given, Targets):
            miss, naive = _miss(spec, params[..., 0], given), given.naive
            deviation = given.deviation
        else:
            repeated = lambda table: jnp.tile(table, targets.shape[-1] // columns)
            miss = error * repeated(found.scale[0] * found.unit)
            naive, deviation = repeated(found.naive[0]), repeated(found.deviation[0])
        if spec.likelihood == counts.KIND:
            middle, truth = (_restored(spec, v, given) for v in (params[..., 0], targets))
            losses = counts.loss(middle, params[..., 1], truth)
            miss = jnp.exp(counts.log_mean(middle, jnp)) - truth
        else:
            losses = likelihoods.loss(spec.likelihood, spec.quantiles, params, targets)
        metrics = {
            "loss": _common.weighted(losses, batch.weights),
            "mae": _common.weighted(jnp.abs(miss), batch.weights),
            "mse": _common.weighted(jnp.square(miss), batch.weights),
        }
        if several:
            metrics["mase"] = _common.weighted(jnp.abs(miss) / naive, batch.weights)
            metrics["scaled_mae"] = _common.weighted(jnp.abs(miss / deviation), batch.weights)
            metrics["scaled_mse"] = _common.weighted(jnp.square(miss / deviation), batch.weights)
        return metrics

    return measure


def _miss(spec: ForecastSpec, middle: Array, given: Targets) -> Array:
    """Forecast minus truth in the original units, [B, T, Y]."""
    if spec.transform == "none":
        return (middle - given.values) * given.unit * given.scale
    return _restored(spec, middle, given) - _restored(spec, given.values, given)


def _restored(spec: ForecastSpec, values: Array, given: Targets) -> Array:
    """Values of targets in the original units, [B, T, Y]."""
    z = (given.base + values * given.unit) * given.scale + given.shift
    return jnp.asarray(transforms.inverse(spec.transform, z, given.power, jnp))
