"""The model "sequence" whose readout reads the outputs of the layers pooled over all steps so far.

    mean   p_t = (h_1 + ... + h_t) / t        max   p_t = max(h_1, ..., h_t), for each unit
    y_t = p_t W + b

At the last step of a sequence, where a task that classifies sequences has its weight, this is the
mean or the maximum over the whole sequence. Steps that are masked do not count, and a reset begins
anew. What was pooled is part of the state, so that a long sequence can be cut into parts.

Use it for a sequence label with bidirectional layers: their backward cells have read, at the last
step, nothing but that step.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lstmx import checks
from lstmx.models import _parts as parts
from lstmx.models import sequence
from lstmx.models._backbone import Backbone
from lstmx.types import Array, Model, Params, State

BIBTEX = ""
"""No paper posed it."""
POOLINGS = ("mean", "max")


class Pool(NamedTuple):
    """What was pooled so far.

    Attributes:
        value: [B, H] sum or maximum of the outputs; zeros before the first step.
        steps: [B, 1] number of steps.
    """

    value: Array
    steps: Array


class PooledState(NamedTuple):
    """The state of the model.

    Attributes:
        layers: that of every layer.
        pool: see `Pool`.
    """

    layers: State
    pool: Pool


def model(backbone: Backbone, *, pooling: str = "mean") -> Model:
    """Returns the model of a backbone; parameters are those of the model "sequence".

    Args:
        backbone: of the model.
        pooling: "mean" or "max".
    """
    checks.one_of("pooling", pooling, POOLINGS)
    # Its checks of params are those of this model, too.
    base = sequence.model(backbone)

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        layers = base.initial_state(params, batch_shape)
        dtype = params["readout"]["W"].dtype
        zeros = lambda size: jnp.zeros((*batch_shape, size), dtype)
        return PooledState(layers, Pool(zeros(backbone.hidden_features), zeros(1)))

    def run(
        params: Params,
        inputs: Any,
        state: PooledState | None,
        *,
        mask: Array | None,
        resets: Array | None,
        **options: Any,
    ) -> parts.Ran:
        xs = parts.embed(backbone, params, inputs)
        before = None if state is None else state.layers
        marks = {"mask": mask, "resets": resets}
        result = parts.run_layers(backbone, params, inputs, xs, before, **marks, **options)
        h = result.outputs
        pool = initial_state(params, h.shape[:1]).pool if state is None else state.pool
        pooled, pool = pool_steps(pooling, h, pool, mask, resets)
        precision = backbone.stack.precision
        y = parts.read(backbone.readout, params["readout"], pooled, xs, precision)
        return parts.Ran(y, PooledState(result.state, pool), result.trace, pooled)

    apply, hidden = parts.surface(run)
    return base._replace(initial_state=initial_state, apply=apply, hidden=hidden)


def pool_steps(
    pooling: str, h: Array, pool: Pool, mask: Array | None, resets: Array | None
) -> tuple[Array, Pool]:
    """What is pooled after each step [B, T, H], zeros before the first one, and after the last.

    Args:
        pooling: "mean" or "max".
        h: [B, T, H].
        pool: before the first step.
        mask, resets: [B, T] bool; None is all True and all False.
    """
    steps = h.shape[:2]
    real = jnp.ones(steps, bool) if mask is None else mask
    anew = jnp.zeros(steps, bool) if resets is None else resets

    def step(pool: Pool, now: tuple[Array, Array, Array]) -> tuple[Pool, Array]:
        h, real, anew = now
        real, anew = real[:, None], anew[:, None]
        value, count = (jnp.where(anew, jnp.zeros_like(a), a) for a in pool)
        joined = value + h if pooling == "mean" else jnp.where(count > 0, jnp.maximum(value, h), h)
        value, count = jnp.where(real, joined, value), count + real.astype(count.dtype)
        shown = value / jnp.maximum(count, 1) if pooling == "mean" else value
        return Pool(value, count), shown

    first = lambda a: jnp.moveaxis(a, 1, 0)
    last, shown = lax.scan(step, pool, jax.tree.map(first, (h, real, anew)))
    return jnp.moveaxis(shown, 0, 1), last
