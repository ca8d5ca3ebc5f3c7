"""Gradients through time: of a loss by every state, and of the last state by earlier ones.

    dL / d s_t                                 by step t, for every leaf of the joint state
    d s_T / d s_{T-k} = J_T ... J_{T-k+1}      by lag k, J_t the Jacobian of step t

Both are of the joint state: an LSTM's state is (c, h), and the product of d h' / d h at a fixed c
says nothing about its memory. Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu, Mikolov &
Bengio 2013. Call a function with trained and with initial parameters to compare the two: the system
is the same, and nothing is compiled again.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.analysis._products import norm, products
from lstmx.analysis._system import System, driven
from lstmx.types import Array, Batch, Mean, Params

MOST_PAIRED = 200
"""Largest number of lags of which `growth` takes all pairs, some 20 000."""


class StateGradients(NamedTuple):
    """The gradient of a loss by the states.

    Attributes:
        loss: its value, [].
        norms: leaf of the state -> |dL / d leaf| of the state that each step reads, [B, T].
    """

    loss: Array
    norms: Mapping[str, Array]


class Reach(NamedTuple):
    """The derivative P of the last state by the state k steps earlier.

    Attributes:
        norms: log10 of |P|_F / sqrt(D), the root mean square of the singular values, for the lags
            k = 0 ... T, [B, T + 1]; NaN beyond the length of a sequence.
        by_leaf: leaf of the state -> the same of the derivative by this leaf alone, [B, T + 1].
        lags: of the singular values, [K].
        values: log10 of the singular values at these lags, descending, [B, K, D]; NaN below the
            rounding of the largest.
    """

    norms: np.ndarray
    by_leaf: Mapping[str, np.ndarray]
    lags: np.ndarray
    values: np.ndarray


class Growth(NamedTuple):
    """Whether a gradient vanishes or explodes, by example.

    Attributes:
        factor: by which the norm changes per step of lag, [B].
        reach: the largest lag up to which the norm stays within `decades` of 1, [B].
        verdict: "vanishes", "holds" or "explodes", [B].
    """

    factor: np.ndarray
    reach: np.ndarray
    verdict: np.ndarray


def over_time(
    system: System,
    params: Params,
    inputs: Any,
    loss: Callable[..., Any],
    *,
    state: Array | None = None,
    mask: Array | None = None,
) -> StateGradients:
    """Returns |dL / d s_t| over t, for every leaf of the joint state.

    Entry t belongs to the state that step t reads, so that entry 0 is the initial state's; no step
    reads the state after the last one. The gradient is the total one, of the losses of steps t and
    later. A loss that is a mean over B examples has gradients with a factor 1 / B.

    Args:
        system: of a cell, a model or a step, see `lstmx.analysis.system`.
        params: its parameters.
        inputs: [B, T, X], or a pytree of such; or a Batch of a task, with its mask and resets.
        loss: (outputs [B, T, Y]) -> scalar; with a Batch (outputs, batch) -> scalar or metrics,
            such as `task.loss`. The same function object is compiled once.
        state: before the first step, [B, D] or [D]; the initial state if None.
        mask: [B, T] bool, False where a step does not exist.

    Raises:
        ValueError: a mask in addition to that of a Batch; inputs, states or a mask that do not fit
            together.
    """
    batch, resets = None, None
    if isinstance(inputs, Batch):
        if mask is not None:
            raise ValueError("got a mask and a Batch, which has one; leave mask out")
        batch, mask, resets, inputs = inputs, inputs.mask, inputs.resets, inputs.inputs
    start, _ = driven(system, params, inputs, state, mask)
    value, norms = _over_time(system, loss, params, inputs, batch, start, mask, resets)
    return StateGradients(value, norms)


def reach(
    system: System,
    params: Params,
    inputs: Any,
    *,
    state: Array | None = None,
    mask: Array | None = None,
    lags: Sequence[int] | None = None,
) -> Reach:
    """Returns the size of d s_T / d s_{T-k} on the joint state, over the lag k.

    The product of Jacobians is computed from the last step backward, one vector-Jacobian product of
    D rows a step, and rescaled at every step: its logarithm neither over- nor underflows.

    Args:
        system: of a cell, a model or a step, see `lstmx.analysis.system`.
        params: its parameters.
        inputs: [B, T, X], or a pytree of arrays with [B, T] leading.
        state: before the first step, [B, D] or [D]; the initial state if None.
        mask: [B, T] bool, False where a step does not exist; such steps count for no lag, and the
            last state is that after the last step that exists.
        lags: of the singular values, from 0 to T; up to 16 from 1 to T, evenly on a log axis, if
            None.

    Raises:
        ValueError: a lag outside of 0 to T; inputs, states or a mask that do not fit together.
    """
    start, length = driven(system, params, inputs, state, mask)
    if not length:
        raise ValueError("got inputs without a step; expected one at least")
    if lags is None:
        chosen = np.unique(np.round(np.geomspace(1, length, 16)).astype(int))
    else:
        chosen = np.unique(np.asarray(lags, int))
    if chosen.size and not 0 <= chosen.min() <= chosen.max() <= length:
        raise ValueError(f"lags from {chosen.min()} to {chosen.max()}; expected 0 to T={length}")
    slots = np.full(length + 1, chosen.size)  # beyond the end: such a lag is not stored
    slots[chosen] = np.arange(chosen.size)
    found = products(system, chosen.size, params, inputs, start, mask, slots)
    norms, matrices, scales = jax.device_get(found)
    counts = np.full(len(matrices), length) if mask is None else np.asarray(mask).sum(1)
    beyond = chosen > counts[:, None]
    with np.errstate(divide="ignore"):
        values = np.linalg.svd(matrices.astype(float), compute_uv=False)
        largest = values[..., :1]
        lost = values < system.size * np.finfo(matrices.dtype).eps * largest
        values = np.log10(np.where(lost, np.nan, values)) + scales[..., None]
    values[beyond] = np.nan
    everything = norms.pop("")
    return Reach(everything, norms, chosen, values)


def growth(norms: Any, *, decades: float = 1.0, horizon: int | None = None) -> Growth:
    """Returns how a norm grows with the lag, and a verdict.

    The rate is the median of the slopes between all pairs of lags (Theil 1950, Sen 1968), which a
    transient at short lags does not move. Over `horizon` steps at that rate, a norm that falls by
    more than `decades` powers of ten vanishes, and one that grows by more explodes.

    >>> import numpy as np
    >>> found = growth(np.log10(0.5) * np.arange(101)[None])
    >>> float(found.factor[0]), int(found.reach[0]), str(found.verdict[0])
    (0.5, 3, 'vanishes')

    Args:
        norms: log10 of a norm over the lags 0, 1, ..., [B, K], such as `Reach.norms`.
        decades: threshold of the verdict and of `reach`.
        horizon: number of steps; the longest lag with a value, by example, if None.

    Raises:
        ValueError: norms that are not [B, K], a threshold that is not positive.
    """
    checks.number("decades", decades, above=0)
    table = np.asarray(norms, float)
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(f"norms are {table.shape}; expected [B, K], log10 over the lags")
    rows = [_growth_of_row(row, decades, horizon) for row in table]
    factor, reach, verdict = zip(*rows) if rows else ((), (), ())
    return Growth(np.array(factor), np.array(reach, int), np.array(verdict, str))


def _growth_of_row(row: np.ndarray, decades: float, horizon: int | None) -> tuple[Any, ...]:
    lags = np.arange(row.size)
    known = ~np.isnan(row)
    last = int(lags[known].max(initial=0))
    outside = lags[known & (np.abs(row) > decades)]
    reach = int(outside.min()) - 1 if outside.size else last
    finite = lags[np.isfinite(row)]
    if finite.size > MOST_PAIRED:
        finite = finite[np.linspace(0, finite.size - 1, MOST_PAIRED).round().astype(int)]
    one, other = np.triu_indices(finite.size, 1)
    slopes = (row[finite[other]] - row[finite[one]]) / (finite[other] - finite[one])
    rate = float(np.median(slopes)) if slopes.size else (-math.inf if outside.size else 0.0)
    change = rate * (last if horizon is None else horizon)
    # A norm of exactly 0, log10 = -inf, has vanished at whatever rate it did so before.
    if change < -decades or np.isneginf(row[known]).any():
        return 10.0**rate, reach, "vanishes"
    return 10.0**rate, reach, "explodes" if change > decades else "holds"


@functools.partial(jax.jit, static_argnums=(0, 1))
def _over_time(
    system: System,
    loss: Callable[..., Any],
    params: Params,
    inputs: Any,
    batch: Batch | None,
    start: Array,
    mask: Array | None,
    resets: Array | None,
) -> tuple[Array, dict[str, Array]]:
    def rollout(s: Array, xs: Any, here: Any, reset: Any, added: Array) -> Any:
        def body(s: Array, now: Any) -> tuple[Array, Any]:
            x, here, reset, added = now
            if reset is not None:
                s = jnp.where(reset, system.start(params), s)
            s = s + added
            after, y = system.step(params, s, x)
            return after if here is None else jnp.where(here, after, s), y

        return jax.lax.scan(body, s, (xs, here, reset, added))[1]

    def total(added: Array) -> Array:
        outputs = jax.vmap(rollout)(start, inputs, mask, resets, added)
        value = loss(outputs) if batch is None else loss(outputs, batch)
        value = value["loss"] if isinstance(value, Mapping) else value
        return value.total / value.count if isinstance(value, Mean) else value

    length = jax.tree.leaves(inputs)[0].shape[1]
    zeros = jnp.zeros((start.shape[0], length, system.size), start.dtype)
    value, gradients = jax.value_and_grad(total)(zeros)
    return value, {name: norm(gradients[..., part], -1) for name, part in system.parts.items()}
