"""Recursive forecasts: one step ahead at a time, each fed back as the value of the next step.

The outputs of a step say how its row differs from its base. Relative to the last value, which is
itself a forecast from the second step on, they are summed up; the other bases are known at the
origin. What is returned is relative to the base of the batch, as its targets are.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lstmx.embeddings import Coded
from lstmx.tasks._forecasting import likelihoods
from lstmx.tasks._forecasting.spec import ForecastSpec
from lstmx.types import Array, Batch, Inputs, State

Apply = Callable[..., tuple[Array, State]]


def outputs(spec: ForecastSpec, apply: Apply, batch: Batch, state: State) -> tuple[Array, State]:
    """The outputs [B, T, Y] of a held-out batch, and the state after it.

    Args:
        spec: of the task.
        apply: (inputs, state, mask, resets) -> (outputs, state), of any number of steps.
        batch: of a split other than train, whose steps read what is known at the origin.
        state: before the first step.
    """
    first, horizon = spec.window, spec.horizon
    batch = jax.tree.map(jnp.asarray, batch)
    given, columns = batch.targets, batch.targets.level.shape[-1]
    per_target = likelihoods.size(spec.likelihood, spec.quantiles)
    part = lambda begin, size: jax.tree.map(
        lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, begin, size, axis=1),
        (batch.inputs, batch.mask, batch.resets),
    )

    def read(begin: Any, size: int, state: State, fed: Array | None = None) -> Any:
        inputs, mask, resets = part(begin, size)
        inputs = inputs if fed is None else fed_back(spec, inputs, fed, begin - first + 1, given)
        return apply(inputs, state, mask, resets)

    def said(y: Array, ahead: Any, before: Array) -> tuple[Array, Array]:
        """The forecast [B, C] of a step in scaled units, and its outputs [B, Y] for the loss."""
        params = y.reshape(len(y), columns, per_target)
        base, unit = given.base[:, first - 1 + ahead], given.unit[:, 0]
        value = (before if spec.detrend == "last" else base) + unit * params[..., 0]
        return value, params.at[..., 0].set((value - base) / unit).reshape(y.shape)

    y, state = read(0, first, state)
    value, last = said(y[:, -1], 0, given.base[:, first - 1])
    fed = jnp.zeros((len(y), horizon, columns), value.dtype).at[:, 0].set(value)

    def step(carry: tuple[State, Array, Array], ahead: Array) -> Any:
        state, fed, before = carry
        y, state = read(first - 1 + ahead, 1, state, fed)
        value, shown = said(y[:, 0], ahead, before)
        return (state, fed.at[:, ahead].set(value), value), shown

    (state, _, _), rest = jax.lax.scan(step, (state, fed, value), jnp.arange(1, horizon))
    found = [y[:, :-1], last[:, None], jnp.moveaxis(rest, 0, 1)]
    return jnp.concatenate(found, axis=1), state


def fed_back(spec: ForecastSpec, inputs: Any, fed: Array, ahead: Array, given: Any) -> Any:
    """The inputs of one step [B, 1, X] with forecasts in place of values that are not known yet.

    Args:
        spec: of the task.
        inputs: as `batches` makes them: the values of the targets, then those of each lag.
        fed: [B, H, C] forecasts so far, in scaled units.
        ahead: 1 for the second step of the horizon, and so on.
        given: targets of the batch, whose level and width inputs are relative to.
    """
    if isinstance(inputs, Coded):
        return inputs._replace(values=fed_back(spec, inputs.values, fed, ahead, given))
    columns, masked = fed.shape[-1], isinstance(inputs, Inputs)
    values = inputs.values if isinstance(inputs, Inputs) else inputs
    observed = inputs.observed if isinstance(inputs, Inputs) else inputs
    assert observed is not None
    for number, back in enumerate((1, *spec.lags)):
        at = columns * number + jnp.arange(columns)
        value_at, flag_at = (at, at) if masked else (2 * at, 2 * at + 1)
        own = fed[:, jnp.maximum(ahead - back, 0)]
        own = (own - given.level[:, 0]) / given.width[:, 0]
        is_fed = ahead >= back
        values = values.at[:, 0, value_at].set(jnp.where(is_fed, own, values[:, 0, value_at]))
        flags = observed if masked else values
        has = flags[:, 0, flag_at]
        flags = flags.at[:, 0, flag_at].set(jnp.where(is_fed, jnp.ones_like(has), has))
        values, observed = (values, flags) if masked else (flags, flags)
    return inputs._replace(values=values, observed=observed) if masked else values
