"""Windows as batches, in traced code: gathers from arrays that lie on the device.

A window is `window` rows up to its origin; with `multi_step="continued"` the `horizon` rows after
it too, whose targets are hidden and predicted there, each at its own step. With "recursive" a step
is about one row: it reads the values of the row before, and predicts those of its own. In training
they are all told; in valid and test up to the origin, and `recursion` feeds forecasts back.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from lstmx.embeddings import Coded
from lstmx.tasks import _common
from lstmx.tasks._forecasting import bases, counts
from lstmx.tasks._forecasting.arrays import Data, Device, Targets
from lstmx.tasks._forecasting.panel import Panel
from lstmx.tasks._forecasting.spec import ForecastSpec
from lstmx.types import Array, Batch, Inputs

LEAST_WIDTH = 0.01
"""The least spread of a window, relative to that of the training part: a window without any would
divide by 0."""


def plain(spec: ForecastSpec, series: int) -> bool:
    """Whether targets are arrays: one scale per column restores errors."""
    same = spec.transform == "none" and spec.normalize == "train" and series == 1
    return same and not spec.recursive and spec.likelihood != counts.KIND


def features(spec: ForecastSpec, panel: Panel) -> int:
    """The size X of the inputs."""
    numbers = len(panel.columns) * (1 + len(spec.lags)) + panel.known.shape[1] + panel.past.shape[1]
    if spec.multi_step == "direct":
        numbers += spec.horizon * panel.known.shape[1]
    flags = 1 if spec.inputs == "masked" else 2
    vectors = sum(table.features for table in panel.codes.tables) if panel.codes else 0
    return numbers * flags + panel.always.shape[1] + panel.now.shape[1] + vectors


def steps(spec: ForecastSpec) -> int:
    """The number of steps T of a batch."""
    if spec.recursive:
        return spec.window - 1 + spec.horizon
    return spec.window + (spec.horizon if spec.multi_step == "continued" else 0)


class Steps(NamedTuple):
    """Which rows the steps of a batch are about.

    Attributes:
        read: [B, T] rows whose values of targets and past columns are read.
        at: [B, T] rows whose known columns are read: the same, of a recursive forecast the next.
        here: [B, T] whether the step exists.
        told: [T] whether the values of the row that is read are told.
        latest: [B, T] or [B, 1] the last row whose values are told.
    """

    read: Array
    at: Array
    here: Array
    told: Array
    latest: Array


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
        judged: the first step whose forecast counts, of a direct or a recursive one.
    """
    total, shape = steps(spec), (len(origin), steps(spec), -1)
    begin = found.tables.begin[origin][:, None]
    read = origin[:, None] - spec.window + 1 + jnp.arange(total)
    here = exists[:, None] & (read >= begin)
    anew = (read == begin) & here
    past = jnp.arange(total) < spec.window
    read = jnp.maximum(read, begin)
    at = read + int(spec.recursive)
    seen = found.observed[read] & (here & past)[..., None]
    level, width = _level(spec, found, read, seen)
    values, shown, told, latest = found.stored[read], seen, past, read[:, spec.window - 1][:, None]
    if spec.recursive:
        if spec.split == "train":
            told, latest = jnp.ones_like(past), read
            shown = found.observed[read] & here[..., None]
        base = _of_steps(spec, found, origin, read, level)
        ahead, counts = at, ((jnp.arange(total) >= judged) & here)[..., None]
    elif spec.multi_step == "continued":
        base = _of_origin(spec, found, origin, level)
        # What is hidden is replaced by the base, marked as not observed.
        values = jnp.concatenate([values[:, : spec.window], base], axis=1)
        shown, ahead = seen | (here & ~past)[..., None], at
        base = jnp.concatenate([jnp.zeros_like(values[:, : spec.window]), base], axis=1)
        counts = (here & ~past)[..., None]
    else:
        # Where all that a window sees is in its base, that of the last step is the only one.
        base = _base(spec, found, at[:, -1:] if spec.single else at, level)
        ahead = at[..., None] + 1 + jnp.arange(spec.horizon)
        counts = ((jnp.arange(total) >= judged) & here)[..., None, None]
    unit = jnp.reshape(scales.unit * width, (-1, *(1,) * (base.ndim - 2), base.shape[-1]))
    wanted = found.observed[ahead] & counts
    targets: Any = jnp.where(wanted, (found.stored[ahead] - base) / unit, 0.0).reshape(shape)
    if not plain(spec, len(scales.shift)):
        base = jnp.broadcast_to(base, wanted.shape).reshape(shape)
        targets = _restorable(found, scales, origin, targets, base, unit)
    if spec.recursive:
        targets = targets._replace(level=level, width=jnp.broadcast_to(width, level.shape))
    return Batch(
        inputs=_inputs(
            spec, found, Steps(read, at, here, told, latest), (values, shown), (level, width)
        ),
        targets=targets,
        weights=jnp.asarray(wanted, jnp.float32).reshape(shape),
        mask=here,
        resets=_common.initial_resets(*shape[:2]) | anew,
    )


def _of_steps(spec: ForecastSpec, found: Data, origin: Array, read: Array, level: Array) -> Array:
    """The base [B, T, C] of each step of a recursive forecast, told or not by its split."""
    before = spec.window - 1
    if spec.detrend == "last" and spec.split == "train":
        return found.tables.level[read]
    ahead = _of_origin(spec, found, origin, level)
    if spec.single or spec.split != "train":
        inside = jnp.zeros((len(origin), before, ahead.shape[-1]), ahead.dtype)
    elif spec.detrend == "none":
        inside = jnp.broadcast_to(level, (len(origin), before, ahead.shape[-1]))
    else:
        inside = bases.base(spec.detrend, found.tables, read[:, :before], 1, spec.season, jnp)
        inside = inside[..., 0, :]
    return jnp.concatenate([inside, ahead], axis=1)


def _of_origin(spec: ForecastSpec, found: Data, origin: Array, level: Array) -> Array:
    """The base of the horizon as it is known at the origin, [B, H, C]."""
    base = _base(spec, found, origin, level[:, 0])
    return jnp.broadcast_to(base, (len(origin), spec.horizon, base.shape[-1]))


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
    rows: Steps,
    shown: tuple[Array, Array],
    scale: tuple[Array, Any],
) -> Any:
    """Inputs [B, T, X]: numbers with flags, then what is never missing; or all as `Inputs`.

    With categories that have tables they are `Coded`.

    The order of the numbers begins with the targets and their lags, see `recursion`.

    Args:
        spec: of the task.
        found: the panel.
        rows: which.
        shown: [B, T, C] values of the targets or their stand-ins, and whether those are shown.
        scale: what they are relative to, and their spread.
    """
    read, at, here, told, latest = rows
    begin = found.tables.begin[read[:, :1]]
    relative = lambda values, has: jnp.where(has, values - scale[0], 0.0) / scale[1]
    numbers = [(relative(*shown), found.observed[read] & (here & told)[..., None])]
    for lag in spec.lags:
        place = jnp.maximum(at - lag, 0)
        fits = here & (at - lag >= begin) & (place <= latest)
        has = found.observed[place] & fits[..., None]
        numbers.append((relative(found.stored[place], has), has))
    numbers.append(_numbers(found.known[at], here))
    numbers.append(_numbers(found.past[read], here & told))
    if spec.multi_step == "direct" and found.known.shape[1]:
        ahead = found.known[at[..., None] + 1 + jnp.arange(spec.horizon)]
        numbers.append(_numbers(ahead.reshape(*at.shape, -1), here))
    always = [
        jnp.where(here[..., None], found.always[at], 0.0),
        jnp.where((here & told)[..., None], found.now[read], 0.0),
    ]
    values, has = (jnp.concatenate(parts, axis=-1) for parts in zip(*numbers))
    if spec.inputs == "masked":
        alone = jnp.concatenate(always, axis=-1)
        seen = jnp.concatenate([has, jnp.broadcast_to(here[..., None], alone.shape)], axis=-1)
        passed = jnp.where(here, found.elapsed[at], 0.0)
        return _coded(found, rows, Inputs(jnp.concatenate([values, alone], axis=-1), passed, seen))
    # The value and the flag of each number side by side.
    pairs = jnp.stack([values, jnp.asarray(has, jnp.float32)], axis=-1)
    joined = jnp.concatenate([pairs.reshape(*at.shape, -1), *always], axis=-1)
    return _coded(found, rows, joined)


def _coded(found: Data, rows: Steps, values: Any) -> Any:
    """The inputs with the codes of categories, if the table has such: 0 where they are hidden."""
    if found.codes_always is None or found.codes_now is None:
        return values
    known, told = rows.here[..., None], (rows.here & rows.told)[..., None]
    always = jnp.where(known, found.codes_always[rows.at], 0)
    now = jnp.where(told, found.codes_now[rows.read], 0)
    return Coded(values, jnp.concatenate([always, now], axis=-1))


def _numbers(values: Array, shown: Array) -> tuple[Array, Array]:
    """Values [B, T, K], 0 where missing or not shown [B, T], and whether they are known."""
    has = jnp.isfinite(values) & shown[..., None]
    return jnp.where(has, values, 0.0), has
