"""Gates: saturation, what a unit retains from step to step, its time scale, activity by class.

    m_t = r_t m_{t-1} + what is written      the retention r in [0, 1] of a unit's memory m
    tau = -1 / mean_t(ln r_t)                in steps: over tau steps the memory decays to 1 / e

Which gate retains depends on the cell: f in an LSTM, u in a GRU, 1 - z in a minGRU. `retention`
reads it from the names in a trace; `measured_retention` differentiates the step itself at fixed
gates, for cells of your own, and for wrappers that change the state outside of the cell's gates.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.analysis._retention import check_gates, measured_retention, retention, trailing
from lstmx.types import Array, Gates

__all__ = [
    "Activity",
    "Saturation",
    "TimeScales",
    "activity",
    "measured_retention",
    "memory_length",
    "retention",
    "saturation",
    "time_scales",
]


class Saturation(NamedTuple):
    """How often each unit of a gate is closed or open.

    Attributes:
        left: share of steps with a value below `low`, [H].
        right: share of steps with a value above `high`, [H].
    """

    left: Array
    right: Array


class TimeScales(NamedTuple):
    """Time scales of the units of one memory.

    Attributes:
        tau: -1 / mean ln r, in steps, [H]; inf for a unit that never decays.
        mean_log: mean of ln r over steps and examples, [H].
        quartiles: of tau over the units, [3].
    """

    tau: Array
    mean_log: Array
    quartiles: Array


class Activity(NamedTuple):
    """A gate by class of step.

    Attributes:
        mean: mean over the steps of a class, [C, H]; NaN for a class without steps.
        deviation: standard deviation over these steps, [C, H].
        count: number of these steps, [C].
    """

    mean: Array
    deviation: Array
    count: Array  # type: ignore[assignment]  # hides tuple.count


def saturation(
    gates: Gates,
    mask: Array | None = None,
    *,
    names: Sequence[str] | None = None,
    low: float = 0.1,
    high: float = 0.9,
) -> dict[str, Saturation]:
    """Returns the share of steps in which a gate is left- or right-saturated, by unit.

    Karpathy, Johnson & Fei-Fei 2015, arXiv:1506.02078, section 4.2.

    >>> import jax.numpy as jnp
    >>> f = jnp.array([[[0.95, 0.5], [0.05, 0.99]]])
    >>> saturation({"f": f})["f"].right.tolist()
    [0.5, 0.5]

    Args:
        gates: name -> values [B, T, H], `trace.gates` of an unroll.
        mask: [B, T] bool, False where a step does not exist: gates are 0 there.
        names: of gates between 0 and 1; all whose values are, if None.

    Raises:
        ValueError: an unknown gate, one with values outside of [0, 1], no gate within [0, 1].
    """
    check_gates(gates, names)
    chosen = {name: jnp.asarray(gates[name]) for name in names or gates}
    within = {name: bool(((g >= 0) & (g <= 1)).all()) for name, g in chosen.items()}
    if names is not None and not all(within.values()):
        name = next(name for name, fits in within.items() if not fits)
        raise ValueError(f"{name!r} has values outside of [0, 1]; expected gates, no candidate")
    if not any(within.values()):
        raise ValueError(f"none of {', '.join(gates)} is within [0, 1]; expected a cell with gates")
    return {
        name: Saturation(_mean(g < low, mask), _mean(g > high, mask))
        for name, g in chosen.items()
        if within[name]
    }


def time_scales(retention: Array, mask: Array | None = None) -> TimeScales:
    """Returns the time scale of each unit, -1 / mean ln r.

    The mean of the logarithm, not the logarithm of the mean: after T steps a memory has decayed by
    the product of its retentions, exp(T mean ln r). A unit that is emptied once, r = 0, has tau 0.

    >>> import jax.numpy as jnp
    >>> [round(float(tau), 3) for tau in time_scales(jnp.full((2, 7, 1), jnp.exp(-0.05))).tau]
    [20.0]

    Args:
        retention: of one leaf, [B, T, H].
        mask: [B, T] bool, False where a step does not exist.
    """
    mean = _mean(jnp.log(jnp.asarray(retention)), mask)
    tau = jnp.where(mean < 0, -1 / jnp.where(mean < 0, mean, -1), jnp.inf)
    # No interpolation between a finite and an infinite tau: the mean of both is the latter.
    low, high = jnp.quantile(tau, jnp.array([0.25, 0.75]), method="nearest")
    return TimeScales(tau, mean, jnp.stack([low, jnp.median(tau), high]))


def memory_length(retention: Array, mask: Array | None = None) -> Array:
    """Returns the effective number of steps that a unit's memory averages, at each step, [B, T, H].

        n_t = 1 + r_t n_{t-1} = 1 + r_t + r_t r_{t-1} + ...      1 / (1 - r) for a constant r

    the sum of the weights with which what was written at each step is still there.

    Args:
        retention: of one leaf, [B, T, H].
        mask: [B, T] bool, False where a step does not exist: the length is held.
    """
    r = jnp.swapaxes(jnp.nan_to_num(jnp.asarray(retention), nan=0.0), 0, 1)
    present = jnp.ones(r.shape[:2], bool) if mask is None else jnp.swapaxes(jnp.asarray(mask), 0, 1)

    def body(n: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        r, here = now
        n = jnp.where(trailing(here, r).astype(bool), 1 + r * n, n)
        return n, n

    return jnp.swapaxes(jax.lax.scan(body, jnp.zeros_like(r[0]), (r, present))[1], 0, 1)


def activity(
    gates: Gates,
    labels: Array,
    mask: Array | None = None,
    *,
    classes: int | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, Activity]:
    """Returns mean and deviation of each gate over the steps of a class, such as "marked step".

    Args:
        gates: name -> values [B, T, H].
        labels: [B, T] integers from 0; a step with a negative one belongs to no class.
        mask: [B, T] bool, False where a step does not exist.
        classes: number C of classes; the largest label + 1 if None.
        names: of the gates; all if None.

    Raises:
        ValueError: no or unknown gates, labels that are no integers [B, T].
    """
    check_gates(gates, names)
    labels = jnp.asarray(labels)
    leading = next(iter(gates.values())).shape[:2]
    if labels.shape != leading or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"labels are {labels.dtype} {labels.shape}; expected integers {leading}")
    number = int(labels.max()) + 1 if classes is None else checks.size("classes", classes)
    present = jnp.ones(leading, bool) if mask is None else jnp.asarray(mask).astype(bool)
    members = [(labels == k) & present for k in range(number)]
    count = jnp.array([here.sum() for here in members])
    result = {}
    for name in names or gates:
        g = jnp.asarray(gates[name])
        mean = jnp.stack([_mean(g, here) for here in members])
        square = jnp.stack([_mean((g - m) ** 2, here) for m, here in zip(mean, members)])
        result[name] = Activity(mean, jnp.sqrt(square), count)
    return result


def _mean(values: Array, mask: Array | None) -> Array:
    """The mean over examples and steps that exist and are not NaN: [B, T, ...] -> [...]."""
    valid = ~jnp.isnan(values)
    if mask is not None:
        valid = valid & trailing(jnp.asarray(mask), values).astype(bool)
    return jnp.where(valid, values, 0).sum((0, 1)) / jnp.broadcast_to(valid, values.shape).sum(
        (0, 1)
    )
