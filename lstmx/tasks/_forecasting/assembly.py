"""A split of a table as a task, and what restores its outputs to the original units."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.data import timeseries
from lstmx.data.timeseries import Series
from lstmx.embeddings import Coded
from lstmx.tasks import _common, _windows
from lstmx.tasks._forecasting import (
    arrays,
    bases,
    batches,
    codes,
    counts,
    fitting,
    likelihoods,
    paths,
    records,
    recursion,
    references,
    scoring,
    transforms,
)
from lstmx.tasks._forecasting.panel import by_series
from lstmx.tasks._forecasting.preparing import Prepared, prepared
from lstmx.tasks._forecasting.spec import FUTURE, ForecastSpec
from lstmx.tasks._forecasting.windows import Assembled, Windows
from lstmx.types import Array, Batch, Key, Task, TaskSpec


def assemble(
    spec: ForecastSpec,
    batch_size: int,
    unit: str = "",
    record: Mapping[str, Any] | None = None,
) -> Assembled:
    """The task of a spec, and its windows.

    Args:
        spec: with the split `FUTURE`, one window for each series, from its last row.
        batch_size: windows of a batch.
        unit: of the values.
        record: that of a run, whose scales and cut dates are used in place of new ones.

    Raises:
        ValueError: a file that is missing or unreadable, too short, or that does not fit a record.
    """
    ready = prepared(spec, record)
    places = _places(spec, ready)
    view = _windows_of(spec, ready, places)
    task = _task(spec, ready, places, batch_size, unit)
    can = spec.recursive and spec.split != "train" and spec.likelihood in likelihoods.SAMPLED
    sampled = functools.partial(paths.quantiles, spec) if can else None
    return Assembled(task, view, _last(spec), sampled)


def only_task(spec: ForecastSpec, batch_size: int, unit: str) -> Task:
    """The task of `assemble` alone: no array of it has a number for each step of each window.

    Raises:
        ValueError: a file that is missing or unreadable, or too short.
    """
    ready = prepared(spec, None)
    return _task(spec, ready, _places(spec, ready), batch_size, unit)


def windows(spec: ForecastSpec, record: Mapping[str, Any] | None = None) -> Windows:
    """What the windows of `task` with the same options show, for a table or a figure.

    Raises:
        ValueError: a file that is missing or unreadable, or too short.
    """
    ready = prepared(spec, record)
    return _windows_of(spec, ready, _places(spec, ready))


def _places(spec: ForecastSpec, ready: Prepared) -> np.ndarray:
    if spec.split != FUTURE:
        return fitting.places(ready.panel, spec, ready.cuts, spec.split, ready.z)
    # A series that observes nothing has nothing to be continued.
    known = [np.isfinite(part).any(axis=0).all() for part in by_series(ready.panel, ready.z)]
    return ready.panel.last[np.asarray(known)]


def _task(
    spec: ForecastSpec,
    ready: Prepared,
    places: np.ndarray,
    batch_size: int,
    unit: str,
) -> Task:
    panel, count = ready.panel, len(places)
    found = arrays.data(panel, ready.z, ready.tables, ready.scales)
    scales, rows = arrays.device(ready.scales), jnp.asarray(places)
    training = spec.split == "train"
    judged = spec.window // 2 if training and not spec.single else spec.window - 1

    def batch(key: Key, step: Array | int) -> Batch:
        if training:
            key = _common.split_key(key, spec.split)
            row = jax.random.randint(key, (batch_size,), 0, count)
            exists = jnp.ones(batch_size, bool)
        else:
            row, exists = _common.rows(step, batch_size, count)
        made = batches.batch(spec, found, scales, rows[row], exists, judged)
        if training and isinstance(made.inputs, Coded):
            inputs = codes.hidden(jax.random.fold_in(key, codes.TAG), made.inputs)
            made = made._replace(inputs=inputs)
        return made

    several = len(panel.columns) > 1 or len(panel.ids) > 1
    errors = {}
    if spec.split != FUTURE:
        errors = references.errors(spec, panel, places, _naive(ready) if several else None)
        if np.isnan(errors["naive"]):
            raise ValueError(
                f"{spec.split} part of {spec.file} has no observation: nothing to judge by"
            )
    per_target = likelihoods.size(spec.likelihood, spec.quantiles)
    targets = len(panel.columns) * (spec.horizon if spec.multi_step == "direct" else 1)
    record = {}
    if training:
        record = records.recorded(
            ready.frame, ready.cuts, ready.scales, ready.constants, ready.levels
        )
        if panel.codes is not None:
            record["embedded"] = codes.recorded(ready.embedded, ready.series)
    about = TaskSpec(
        in_features=batches.features(spec, panel),
        out_features=targets * per_target,
        length=batches.steps(spec),
        batch_size=batch_size,
        metric="mase" if several else "mae",
        maximize=False,
        baseline=errors.pop("naive", 0.0),
        references=errors,
        num_batches=None if training else -(-count // batch_size),
        unit="" if several else unit,
        files=ready.files,
        record=record,
        remarks=ready.report if training else (),
        tables=() if panel.codes is None else panel.codes.tables,
    )
    outputs = None
    if spec.recursive and not training:
        outputs = functools.partial(recursion.outputs, spec)
    return Task(about, batch, scoring.loss(spec, ready.scales, len(panel.ids)), outputs=outputs)


def _naive(ready: Prepared) -> np.ndarray:
    """What a scaled error divides by, [S, C]: an error of 0 counts as 1."""
    return np.where(ready.scales.naive > 0, ready.scales.naive, 1.0)


def _windows_of(spec: ForecastSpec, ready: Prepared, places: np.ndarray) -> Windows:
    panel, scales, horizon = ready.panel, ready.scales, spec.horizon
    columns, own = panel.values.shape[1], panel.series[places]
    per_target = likelihoods.size(spec.likelihood, spec.quantiles)

    def scale_of_windows() -> tuple[np.ndarray, np.ndarray]:
        """Base [O, H, C] and unit [O, 1, C] of outputs, in scaled units and float64."""
        base = bases.base(spec.detrend, ready.tables, places, horizon, spec.season)
        if spec.normalize != "window":
            return base, np.broadcast_to(scales.unit, (len(places), 1, columns))
        at = places[:, None] - np.arange(spec.window)[::-1]
        inside = at >= panel.begin[places][:, None]
        values = np.where(inside[..., None], ready.z[np.maximum(at, 0)], np.nan)
        known = np.isfinite(values).any(axis=1)
        values[:, -1] = np.where(known, values[:, -1], 0.0)  # a window without any value
        middle = np.nanmean(values, axis=1)
        width = np.sqrt(np.nanmean(np.square(values - middle[:, None]), axis=1))
        width = (width + batches.LEAST_WIDTH)[:, None]
        return (middle[:, None] if spec.detrend == "none" else base), scales.unit * width

    base, unit = scale_of_windows()

    def original(z: np.ndarray) -> np.ndarray:
        """Scaled values [O, H, C, ...] in the units of the table."""
        more = (1,) * (z.ndim - 3)
        shape = lambda table: table[own].reshape(len(places), 1, columns, *more)
        values = z * shape(scales.scale) + shape(scales.shift)
        return transforms.inverse(spec.transform, values, shape(scales.power))

    def params(outputs: np.ndarray) -> np.ndarray:
        shape = (len(places), horizon, columns, per_target)
        return np.asarray(outputs, np.float64).reshape(shape)

    def middle(outputs: np.ndarray) -> np.ndarray:
        return original(base + unit * params(outputs)[..., 0])

    def restore(outputs: np.ndarray) -> np.ndarray:
        if spec.likelihood == counts.KIND:
            return np.asarray(np.exp(counts.log_mean(middle(outputs))))
        return middle(outputs)

    def quantiles(outputs: np.ndarray, levels: Any) -> np.ndarray | None:
        if spec.recursive:  # outputs say the spread of one step, not of those that it was fed
            return None
        if spec.likelihood == counts.KIND:
            return counts.quantiles(middle(outputs), params(outputs)[..., 1], levels)
        found = likelihoods.at(spec.likelihood, spec.quantiles, params(outputs), levels)
        return None if found is None else original(base[..., None] + unit[..., None] * found)

    truth = _windows.targets(panel.values, places, horizon)
    times = timeseries.stamps(ready.frame)
    return Windows(
        series=Series(times, panel.values, panel.columns),
        training=int(ready.cuts[0, 0]),
        origins=places,
        times=times[places[:, None] + 1 + np.arange(horizon)],
        truth=truth,
        forecasts=references.simple(spec, panel, places),
        restore=restore,
        quantiles=quantiles,
        original=lambda z: np.round(original(z)) if spec.likelihood == counts.KIND else original(z),
        bounds=panel.bounds,
        ids=panel.ids,
        cuts=ready.cuts,
        naive=_naive(ready),
        rows=tuple(int(rows) for rows in ready.frame.history),
        report=ready.report,
    )


def _last(spec: ForecastSpec) -> Callable[[Array], Array]:
    if spec.multi_step == "direct":
        return lambda outputs: outputs[:, -1]
    return lambda outputs: outputs[:, -spec.horizon :].reshape(len(outputs), -1)
