"""Windows as batches, in traced code: gathers from arrays that lie on the device.

A window is `window` rows up to its origin; with `multi_step="continued"` the `horizon` rows after
it too, whose targets are hidden and predicted there, each at its own step.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from lstmx.tasks import _common
from lstmx.tasks._forecasting import bases, fitting
from lstmx.tasks._forecasting.bases import Tables
from lstmx.tasks._forecasting.panel import Panel
from lstmx.tasks._forecasting.spec import ForecastSpec
from lstmx.types import Array, Batch, Inputs

LEAST_WIDTH = 0.01
"""The least spread of a window, relative to that of the training part: a window without any would
divide by 0."""


class Targets(NamedTuple):
    """Targets with what restores them, where one scale for all is not enough.

    Attributes:
        values: [B, T, Y] what the outputs should be.
        base: [B, T, Y] in scaled units.
        unit: [B, 1, Y] of an output in scaled units.
        shift, scale, power, naive, deviation: [B, 1, Y] as in `fitting.Scales`.
    """

    values: Array
    base: Array
    unit: Array
    shift: Array
    scale: Array
    power: Array
    naive: Array
    deviation: Array


class Data(NamedTuple):
    """A panel on the device.

    Attributes:
        stored: [N, C] scaled targets, 0 where missing.
        observed: [N, C].
        tables: of the base.
        series: [N].
        known, past: [N, K], [N, P] scaled numbers; NaN where missing.
        always, now: [N, A], [N, G] as in `Panel`.
        elapsed: [N].
    """

    stored: Array
    observed: Array
    tables: Tables
    series: Array
    known: Array
    past: Array
    always: Array
    now: Array
    elapsed: Array


class Device(NamedTuple):
    """Scales on the device, as in `fitting.Scales`.

    Attributes:
        unit: [C].
        shift, scale, power, naive, deviation: [S, C].
    """

    unit: Array
    shift: Array
    scale: Array
    power: Array
    naive: Array
    deviation: Array


def data(panel: Panel, z: np.ndarray, tables: Tables, scales: fitting.Scales) -> Data:
    """The arrays of a panel with scaled values z [N, C], in float32."""
    raw = lambda values: jnp.asarray(values, jnp.float32)
    real = lambda values: raw(np.nan_to_num(values))
    return Data(
        stored=real(z),
        observed=jnp.asarray(np.isfinite(z)),
        # The season's table keeps its NaN, which says that no season back is known.
        tables=Tables(
            real(tables.level),
            raw(tables.seasonal),
            real(tables.change),
            jnp.asarray(tables.begin),
            real(tables.weights),
        ),
        series=jnp.asarray(panel.series),
        known=raw((panel.known - scales.known[0]) / scales.known[1]),
        past=raw((panel.past - scales.past[0]) / scales.past[1]),
        always=real(panel.always),
        now=real(panel.now),
        elapsed=real(panel.elapsed),
    )


def device(scales: fitting.Scales) -> Device:
    """The scales in float32; a naive error of 0 or none counts as 1."""
    real = lambda values: jnp.asarray(values, jnp.float32)
    naive = np.where(scales.naive > 0, scales.naive, 1.0)
    own = (scales.unit, scales.shift, scales.scale, scales.power, naive, scales.deviation)
    return Device(*map(real, own))


def plain(spec: ForecastSpec, series: int) -> bool:
    """Whether targets are arrays: one scale per column restores errors."""
    return spec.transform == "none" and spec.normalize == "train" and series == 1


def features(spec: ForecastSpec, panel: Panel) -> int:
    """The size X of the inputs."""
    numbers = len(panel.columns) * (1 + len(spec.lags)) + panel.known.shape[1] + panel.past.shape[1]
    if spec.multi_step == "direct":
        numbers += spec.horizon * panel.known.shape[1]
    flags = 1 if spec.inputs == "masked" else 2
    return numbers * flags + panel.always.shape[1] + panel.now.shape[1]


def steps(spec: ForecastSpec) -> int:
    """The number of steps T of a batch."""
    return spec.window + (spec.horizon if spec.multi_step == "continued" else 0)


def batch(
    spec: ForecastSpec, found: Data, scales: Device, origin: Array, exists: Array, judged: int
) -> Batch:
    """The windows that end at the rows `origin` [B]; those that do not `exists` are empty.

    Args:
        spec: of the task.
        found: the panel.
        scales: of the panel.
        origin: [B] rows.
        exists: [B].
        judged: the first step of a direct window whose forecast counts.
    """
    total, shape = steps(spec), (len(origin), steps(spec), -1)
    begin = found.tables.begin[origin][:, None]
    at = origin[:, None] - spec.window + 1 + jnp.arange(total)
    here = exists[:, None] & (at >= begin)
    past = jnp.arange(total) < spec.window
    at = jnp.maximum(at, begin)
    seen = found.observed[at] & (here & past)[..., None]
    level, width = _level(spec, found, at, seen)
    values = found.stored[at]
    if spec.multi_step == "continued":
        base = _base(spec, found, origin, level[:, 0])
        base = jnp.broadcast_to(base, (len(origin), spec.horizon, base.shape[-1]))
        # What is hidden is replaced by the base, marked as not observed.
        values = jnp.concatenate([values[:, : spec.window], base], axis=1)
        shown, ahead = seen | (here & ~past)[..., None], at
        base = jnp.concatenate([jnp.zeros_like(values[:, : spec.window]), base], axis=1)
        counts = (here & ~past)[..., None]
    else:
        # Where all that a window sees is in its base, that of the last step is the only one.
        base = _base(spec, found, at[:, -1:] if spec.single else at, level)
        shown, ahead = seen, at[..., None] + 1 + jnp.arange(spec.horizon)
        counts = ((jnp.arange(total) >= judged) & here)[..., None, None]
    unit = jnp.reshape(scales.unit * width, (-1, *(1,) * (base.ndim - 2), base.shape[-1]))
    wanted = found.observed[ahead] & counts
    targets: Any = jnp.where(wanted, (found.stored[ahead] - base) / unit, 0.0).reshape(shape)
    if not plain(spec, len(scales.shift)):
        base = jnp.broadcast_to(base, wanted.shape).reshape(shape)
        targets = _restorable(found, scales, origin, targets, base, unit)
    return Batch(
        inputs=_inputs(spec, found, at, here, (values, shown), (level, width)),
        targets=targets,
        weights=jnp.asarray(wanted, jnp.float32).reshape(shape),
        mask=here,
        resets=_common.initial_resets(*shape[:2]) | ((at == begin) & here),
    )


def _level(spec: ForecastSpec, found: Data, at: Array, seen: Array) -> tuple[Array, Any]:
    """What the values of a window are relative to, and their spread: [B, 1, C] each, or 1."""
    if spec.normalize == "window":
        count = jnp.maximum(jnp.sum(seen, axis=1, keepdims=True), 1)
        mean = jnp.sum(jnp.where(seen, found.stored[at], 0.0), axis=1, keepdims=True) / count
        square = jnp.where(seen, jnp.square(found.stored[at] - mean), 0.0)
        spread = jnp.sqrt(jnp.sum(square, axis=1, keepdims=True) / count)
        return mean, spread + LEAST_WIDTH
    level = found.tables.level[at[:, :1]]
    return level if spec.detrend != "none" else jnp.zeros_like(level), 1.0


def _base(spec: ForecastSpec, found: Data, at: Array, level: Array) -> Array:
    """The base [..., H, C] of the steps after rows `at` [...], whose level is [..., C]."""
    if spec.detrend == "none":
        shape = (*at.shape, spec.horizon, level.shape[-1])
        return jnp.broadcast_to(level[..., None, :], shape)
    return bases.base(spec.detrend, found.tables, at, spec.horizon, spec.season, jnp)


def _restorable(
    found: Data, scales: Device, origin: Array, values: Array, base: Array, unit: Array
) -> Targets:
    """Targets with scales per window, repeated for every step that an output predicts."""
    outputs, columns = values.shape[-1], scales.shift.shape[-1]

    def wide(table: Array) -> Array:
        rows = jnp.broadcast_to(table.reshape(-1, columns), (len(origin), columns))
        return jnp.tile(rows, outputs // columns)[:, None]

    return Targets(values, base, wide(unit), *(wide(t[found.series[origin]]) for t in scales[1:]))


def _inputs(
    spec: ForecastSpec,
    found: Data,
    at: Array,
    here: Array,
    shown: tuple[Array, Array],
    scale: tuple[Array, Any],
) -> Any:
    """Inputs [B, T, X]: numbers with flags, then what is never missing; or all as `Inputs`.

    Args:
        spec: of the task.
        found: the panel.
        at: [B, T] rows.
        here: [B, T] whether they exist.
        shown: [B, T, C] values of the targets or their stand-ins, and whether those are shown.
        scale: what they are relative to, and their spread.
    """
    origin = at[:, spec.window - 1][:, None]
    past = jnp.arange(at.shape[1]) < spec.window
    relative = lambda values, has: jnp.where(has, values - scale[0], 0.0) / scale[1]
    numbers = [(relative(*shown), found.observed[at] & (here & past)[..., None])]
    for lag in spec.lags:
        place = jnp.maximum(at - lag, 0)
        fits = here & (at - lag >= found.tables.begin[origin]) & (place <= origin)
        has = found.observed[place] & fits[..., None]
        numbers.append((relative(found.stored[place], has), has))
    numbers.append(_numbers(found.known[at], here))
    numbers.append(_numbers(found.past[at], here & past))
    if spec.multi_step == "direct" and found.known.shape[1]:
        ahead = found.known[at[..., None] + 1 + jnp.arange(spec.horizon)]
        numbers.append(_numbers(ahead.reshape(*at.shape, -1), here))
    always = [
        jnp.where(here[..., None], found.always[at], 0.0),
        jnp.where((here & past)[..., None], found.now[at], 0.0),
    ]
    values, has = (jnp.concatenate(parts, axis=-1) for parts in zip(*numbers))
    if spec.inputs == "masked":
        alone = jnp.concatenate(always, axis=-1)
        seen = jnp.concatenate([has, jnp.broadcast_to(here[..., None], alone.shape)], axis=-1)
        passed = jnp.where(here, found.elapsed[at], 0.0)
        return Inputs(jnp.concatenate([values, alone], axis=-1), passed, seen)
    # The value and the flag of each number side by side.
    pairs = jnp.stack([values, jnp.asarray(has, jnp.float32)], axis=-1)
    return jnp.concatenate([pairs.reshape(*at.shape, -1), *always], axis=-1)


def _numbers(values: Array, shown: Array) -> tuple[Array, Array]:
    """Values [B, T, K], 0 where missing or not shown [B, T], and whether they are known."""
    has = jnp.isfinite(values) & shown[..., None]
    return jnp.where(has, values, 0.0), has
