"""Scales, cut dates and levels, fit on the training part; `records` keeps them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lstmx.data import timeseries
from lstmx.data.timeseries import Frame
from lstmx.tasks import _windows
from lstmx.tasks._forecasting import bases, transforms
from lstmx.tasks._forecasting.panel import Panel, by_series, typical_step
from lstmx.tasks._forecasting.spec import ForecastSpec

ENOUGH = 2000
"""Origins, evenly spaced, whose targets determine the spread of targets around their base."""
NUMBERS = ("power", "shift", "scale", "naive")
"""Fields of `Scales` that a record has for each series."""


class Scales(NamedTuple):
    """How targets become numbers around zero: z = (transform(y) - shift) / scale.

    Attributes:
        power: [S, C] of the transformation.
        shift: [S, C].
        scale: [S, C]; positive.
        naive: [S, C] the MAE of the seasonal naive forecast on the training part.
        unit: [C] what z minus its base is divided by to be a target; 1 where `scale` is of that
            difference already.
        weights: [L, H] of the base "linear"; [0, 0] without.
        known, past: [2, K], [2, P] shift and scale of covariates.
        deviation: [S, C] standard deviation on the training part, in the original units.
    """

    power: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    naive: np.ndarray
    unit: np.ndarray
    weights: np.ndarray
    known: np.ndarray
    past: np.ndarray
    deviation: np.ndarray


class Constants(NamedTuple):
    """What the numbers of a table need before its targets have scales.

    Attributes:
        static: [2, Q] shift and scale of static numbers, of all series.
        step: the typical step between rows, in seconds.
    """

    static: np.ndarray
    step: float


def cuts(frame: Frame, spec: ForecastSpec, record: Mapping[str, Any] | None) -> np.ndarray:
    """Rows of each series at which training ends, valid ends and test begins: [S, 3].

    Args:
        frame: the table.
        spec: its fractions are for a table that no run has a record of.
        record: of a run; its dates cut this table.

    Raises:
        ValueError: a series that the record does not know; with learned vectors of series it has
            that of unseen ones, and no rows to choose or to judge by.
    """
    if record is None:
        found = [_windows.cuts(int(rows), *spec.held_out, spec.fold) for rows in frame.history]
        return np.asarray(found)
    rows = []
    for s, name in enumerate(frame.ids):
        if name not in record["series"]:
            if spec.embed_series:  # all its rows are known, none of them judges or chooses
                rows.append([frame.history[s]] * 3)
                continue
            raise ValueError(
                f"series {name!r} is not among those of training, whose scales are needed; train "
                "on a table that has it, or leave it out"
            )
        own = record["series"][name]
        times = frame.times[frame.bounds[s] : frame.bounds[s] + frame.history[s]]
        after = np.searchsorted(times, np.datetime64(own["last"], "s"), side="right")
        dates = [None if date is None else np.datetime64(date, "s") for date in own["cuts"]]
        rows.append([after if d is None else np.searchsorted(times, d) for d in dates])
    return np.asarray(rows)


def training(frame: Frame, at: np.ndarray) -> np.ndarray:
    """Whether each row [N] is of the training part, with cuts [S, 3]."""
    place = np.arange(len(frame.times)) - frame.bounds[frame.series]
    return place < at[frame.series, 0]


def levels(
    frame: Frame, train: np.ndarray, record: Mapping[str, Any] | None
) -> dict[str, tuple[str, ...]]:
    """Column of categories -> its levels in the training part [N], or in that of the record."""
    found = {}
    for column in frame.columns:
        if column.levels is not None:
            rows = np.ones(len(frame.ids), bool) if column.role == "static" else train
            own = timeseries.levels(column, rows)
            found[column.name] = own if record is None else tuple(record["levels"][column.name])
    return found


def constants(frame: Frame, train: np.ndarray, record: Mapping[str, Any] | None) -> Constants:
    """The constants of the training rows [N], or those of a record.

    A record of a version that kept none leaves them to this table.
    """
    if record is not None and "constants" in record:
        kept = record["constants"]
        return Constants(np.asarray(kept["static"], float).reshape(2, -1), kept["step"])
    static = _standard(timeseries.numbers(frame, "static"))
    return Constants(static, typical_step(frame.times, frame.bounds, train))


def fit(panel: Panel, spec: ForecastSpec, at: np.ndarray, train: np.ndarray) -> Scales:
    """The scales of a panel with cuts [S, 3], of its training rows [N] alone.

    The base "linear" also looks at the valid part, for its penalty.
    """
    rows: dict[str, list[Any]] = {name: [] for name in NUMBERS}
    for values, cut in zip(by_series(panel, panel.values), at):
        for name, own in numbers(spec, values[: cut[0]]).items():
            rows[name].append(own)
    scales = Scales(
        **{name: np.asarray(table) for name, table in rows.items()},
        unit=np.ones(panel.values.shape[1]),
        weights=np.zeros((0, 0)),
        known=_standard(panel.known[train]),
        past=_standard(panel.past[train]),
        deviation=deviations(panel, at),
    )
    if spec.detrend in ("last", "none"):
        return scales
    z = scaled(panel, spec, scales)
    found = bases.tables(panel, z, spec.season)
    origins = places(panel, spec, at, "train", z)
    if spec.detrend == "linear":
        valid = places(panel, spec, at, "valid", z)
        weights = bases.ridge(found, z, origins, valid, spec.window, spec.horizon)
        found, scales = found._replace(weights=weights), scales._replace(weights=weights)
    some = origins[:: -(-len(origins) // ENOUGH)]
    truth = z[some[:, None] + 1 + np.arange(spec.horizon)]
    miss = truth - bases.base(spec.detrend, found, some, spec.horizon, spec.season)
    spread = np.sqrt(np.nanmean(np.square(miss), axis=(0, 1)))
    return scales._replace(unit=_windows.positive(spread))


def numbers(spec: ForecastSpec, part: np.ndarray) -> dict[str, Any]:
    """The `NUMBERS` [C] of the training part [N, C] of a series."""
    power = transforms.powers(spec.transform, part)
    z = transforms.forward(spec.transform, part, power)
    shift, scale = np.zeros(z.shape[1]), np.ones(z.shape[1])
    # A column with fewer than two observations in its training part has no scale of its own.
    some = np.isfinite(z).sum(axis=0) > 1
    if some.any():
        detrended, robust = spec.detrend != "none", spec.scaling == "robust"
        own = _windows.fit(z[:, some], spec.horizon, detrended, robust)
        shift[some], scale[some] = own.shift, own.scale
    naive = [_windows.seasonal_scale(column, spec.season) for column in part.T]
    return {"power": power, "shift": shift, "scale": scale, "naive": naive}


def scaled(panel: Panel, spec: ForecastSpec, scales: Scales) -> np.ndarray:
    """The values [N, C] transformed, shifted and scaled."""
    row = panel.series
    z = transforms.forward(spec.transform, panel.values, scales.power[row])
    return (z - scales.shift[row]) / scales.scale[row]


def places(
    panel: Panel, spec: ForecastSpec, at: np.ndarray, split: str, z: np.ndarray
) -> np.ndarray:
    """All origins [O] of a split, as rows of the panel.

    Raises:
        ValueError: no series is long enough.
    """
    found, longest = [], (0, 0)
    least = spec.least_window or spec.window
    for s, values in enumerate(by_series(panel, z)):
        rows = int(panel.last[s] - panel.bounds[s] + 1)
        begin, end = _windows.bounds(at[s], rows)[split]
        longest = max(longest, (end - begin, rows))
        if len(panel.ids) == 1 or np.isfinite(values[:rows]).any(axis=0).all():
            own = _windows.between(values[:rows], begin, end, least, spec.horizon)
            found.append(own + panel.bounds[s])
    if not sum(map(len, found)):
        raise _windows.too_short(split, *longest, least, spec.horizon)
    return np.concatenate(found)


def deviations(panel: Panel, at: np.ndarray) -> np.ndarray:
    """Standard deviation [S, C] of the training part; 1 of fewer than two values."""
    parts = [values[: cut[0]] for values, cut in zip(by_series(panel, panel.values), at)]
    some = np.array([np.isfinite(part).sum(axis=0) > 1 for part in parts])
    found = [np.nanstd(np.where(row, part, 0.0), axis=0) for part, row in zip(parts, some)]
    return _windows.positive(np.array(found))


def _standard(values: np.ndarray) -> np.ndarray:
    """Shift and scale [2, K] of the columns of covariates [N, K]."""
    if not values.shape[1]:
        return np.zeros((2, 0))
    shift, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    known = np.isfinite(shift)  # a column without any observation stays as it is
    return np.stack([np.where(known, shift, 0.0), np.where(known & (scale > 0), scale, 1.0)])
