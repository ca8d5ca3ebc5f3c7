"""A table on its way to a panel: read, cut at its last observation or continued, made numbers."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from lstmx import checks
from lstmx.data import fetch, timeseries
from lstmx.data.timeseries import Column, Frame, Frequency, next_times
from lstmx.tasks import _windows
from lstmx.tasks._forecasting import calendar
from lstmx.tasks._forecasting.fitting import Constants
from lstmx.tasks._forecasting.panel import Panel, elapsed
from lstmx.tasks._forecasting.spec import ForecastSpec


def read(spec: ForecastSpec) -> tuple[Frame, dict[str, str]]:
    """The table that a spec names, and file name -> sha256.

    Raises:
        ValueError, OSError: whatever the reader refuses.
    """
    if not spec.file:
        series = _windows.generated()
        column = Column(series.columns[0], "target", series.values[:, 0])
        rows = len(series.times)
        bounds, history = np.array([0, rows]), np.array([rows])
        hourly = Frequency("second", 3600)
        return Frame(series.times, bounds, ("",), (column,), hourly, "", history, ()), {}
    place = fetch.find(spec.file)
    frame = timeseries.read(place, spec.table())
    if spec.rows:
        frame = dataclasses.replace(frame, history=np.minimum(frame.history, spec.rows))
    return frame, {place.name: fetch.sha256(place)}


def cut(frame: Frame, after: int = 0) -> Frame:
    """The frame with each series up to its last observation, and `after` rows beyond it.

    Rows that the table has there keep what it knows in advance; the others are missing.
    """
    places, times, bounds = [], [], [0]
    for s, rows in enumerate(frame.history):
        begin, end = frame.bounds[s], frame.bounds[s + 1]
        own = np.arange(begin, min(begin + rows + after, end))
        more = rows + after - len(own)
        places += [own, np.full(more, -1)]
        times += [frame.times[own], following(frame, frame.times[own[-1]], more)]
        bounds.append(bounds[-1] + len(own) + more)
    at = np.concatenate(places)
    columns = tuple(
        column if column.role == "static" else column._replace(values=_taken(column, at))
        for column in frame.columns
    )
    return dataclasses.replace(
        frame, times=np.concatenate(times), bounds=np.asarray(bounds), columns=columns
    )


def following(frame: Frame, last: np.datetime64, count: int) -> np.ndarray:
    """The times of `count` rows after `last`; at the median step where rows are irregular."""
    if frame.frequency is not None:
        return next_times(frame.frequency, last, count)
    seconds = frame.times.astype("datetime64[s]").astype(np.int64)
    steps = np.concatenate([np.diff(part) for part in np.split(seconds, frame.bounds[1:-1])])
    step = int(np.median(steps)) if len(steps) else 1
    return last + (1 + np.arange(count)) * np.timedelta64(step, "s")


def panel(
    frame: Frame,
    spec: ForecastSpec,
    levels: Mapping[str, tuple[str, ...]],
    constants: Constants,
) -> Panel:
    """The numbers of a frame that `cut` returned, but for `Panel.codes`.

    Args:
        frame: the table.
        spec: names features of the calendar.
        levels: of each column of categories that becomes indicators, those of the training part;
            others count as missing.
        constants: of the training part.
    """
    rows = len(frame.times)
    wall = timeseries.local_times(frame)
    shift, scale = constants.static
    static = np.nan_to_num((timeseries.numbers(frame, "static") - shift) / scale)
    static = np.concatenate([static, _indicators(frame, "static", levels)], axis=1)
    always = [
        calendar.features(wall, spec.calendar, spec.harmonics),
        _indicators(frame, "known", levels),
        static[frame.series],
    ]
    passed = elapsed(frame.times, frame.bounds, constants.step)
    if frame.frequency is None and spec.inputs == "flags":
        always.append(passed)
    past, more = _held(frame, spec.coarse_columns)
    return Panel(
        times=frame.times,
        values=timeseries.numbers(frame, "target"),
        columns=tuple(column.name for column in timeseries.named(frame, "target")),
        bounds=frame.bounds,
        ids=frame.ids,
        known=timeseries.numbers(frame, "known"),
        past=past,
        always=np.concatenate([part.reshape(rows, -1) for part in always], axis=1),
        now=np.concatenate([_indicators(frame, "past", levels), more], axis=1),
        elapsed=passed,
        last=frame.bounds[:-1] + frame.history - 1,
    )


def _held(frame: Frame, coarse: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Past numbers [N, P], the coarse ones held, and flags and ages [N, 2 Q] of the Q coarse ones.

    The age is log(1 + a) of a rows since the last value of the series; 0 before the first one.
    """
    values = timeseries.numbers(frame, "past")
    names = [column.name for column in timeseries.named(frame, "past")]
    for name in coarse:
        checks.one_of("coarse column of numbers:", name, names)
    own = values[:, [names.index(name) for name in coarse]]
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(own), rows, -1), axis=0)
    known = last >= frame.bounds[frame.series][:, None]
    for at, name in enumerate(coarse):
        held = values[np.maximum(last[:, at], 0), names.index(name)]
        values[:, names.index(name)] = np.where(known[:, at], held, np.nan)
    ages = np.where(known, np.log1p(rows - last), 0.0)
    pairs = np.stack([np.isfinite(own).astype(float), ages], axis=-1)
    return values, pairs.reshape(len(values), -1)


def _taken(column: Column, at: np.ndarray) -> np.ndarray:
    """The values of rows `at` [N]; missing where it is -1."""
    missing = np.nan if column.levels is None else -1
    return np.where(at < 0, missing, column.values[at]).astype(column.values.dtype)


def _indicators(frame: Frame, role: str, levels: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """One column for each known level of each column of categories: 1 where a row has it."""
    rows = len(frame.ids) if role == "static" else len(frame.times)
    parts = [np.empty((rows, 0))]
    for column in timeseries.named(frame, role, categories=True):
        known = levels.get(column.name, ())
        codes = timeseries.codes(column, known)
        parts.append((codes[:, None] == 2 + np.arange(len(known))).astype(float))
    return np.concatenate(parts, axis=1)
