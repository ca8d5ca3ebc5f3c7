"""The arrays that batches are made of, on the device."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from lstmx.tasks._forecasting import fitting
from lstmx.tasks._forecasting.bases import Tables
from lstmx.tasks._forecasting.panel import Panel
from lstmx.types import Array


class Targets(NamedTuple):
    """Targets with what restores them, where one scale for all is not enough.

    Attributes:
        values: [B, T, Y] what the outputs should be.
        base: [B, T, Y] in scaled units.
        unit: [B, 1, Y] of an output in scaled units.
        shift, scale, power, naive, deviation: [B, 1, Y] as in `fitting.Scales`.
        level, width: [B, 1, C] what the inputs are relative to, and their spread; of a recursive
            forecast only.
    """

    values: Array
    base: Array
    unit: Array
    shift: Array
    scale: Array
    power: Array
    naive: Array
    deviation: Array
    level: Array | None = None
    width: Array | None = None


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
        codes_always, codes_now: [N, A], [N, G] as in `Codes`; None without any.
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
    codes_always: Array | None = None
    codes_now: Array | None = None


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
    codes = panel.codes
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
        codes_always=None if codes is None else jnp.asarray(codes.always),
        codes_now=None if codes is None else jnp.asarray(codes.now),
    )


def device(scales: fitting.Scales) -> Device:
    """The scales in float32; a naive error of 0 or none counts as 1."""
    real = lambda values: jnp.asarray(values, jnp.float32)
    naive = np.where(scales.naive > 0, scales.naive, 1.0)
    own = (scales.unit, scales.shift, scales.scale, scales.power, naive, scales.deviation)
    return Device(*map(real, own))
