"""What a run keeps of a fit, so that its weights meet the scales that they were trained with."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from lstmx.data import timeseries
from lstmx.data.timeseries import Frame
from lstmx.tasks._forecasting import bases, fitting
from lstmx.tasks._forecasting.panel import Panel, by_series
from lstmx.tasks._forecasting.spec import ForecastSpec


def recorded(
    frame: Frame,
    at: np.ndarray,
    scales: fitting.Scales,
    constants: fitting.Constants,
    known: Any,
) -> Any:
    """What a run keeps of a fit, as JSON's types; `recalled` is its inverse.

    Args:
        frame: the table.
        at: cuts [S, 3].
        scales: the fit.
        constants: of the training part.
        known: levels of the categories.
    """
    times = frame.times.astype("datetime64[s]")
    series = {}
    for s, name in enumerate(frame.ids):
        own = times[frame.bounds[s] : frame.bounds[s] + frame.history[s]]
        # None: a series so short that the part ends with its last row.
        ends = [str(own[row]) if row < len(own) else None for row in at[s]]
        numbers = {key: [*map(_stored, getattr(scales, key)[s])] for key in fitting.NUMBERS}
        series[name] = {"cuts": ends, "rows": len(own), "last": str(own[-1]), **numbers}
    return {
        "columns": [[column.name, column.role] for column in frame.columns],
        "frequency": None if frame.frequency is None else [*frame.frequency[:2]],
        "series": series,
        "levels": {name: list(values) for name, values in known.items()},
        "unit": scales.unit.tolist(),
        "constants": {"static": constants.static.tolist(), "step": constants.step},
        "covariates": {"known": scales.known.tolist(), "past": scales.past.tolist()},
        "training": digest(frame, at),
    }


def recalled(
    record: Mapping[str, Any], frame: Frame, panel: Panel, spec: ForecastSpec, at: np.ndarray
) -> fitting.Scales:
    """The scales of a record, for a table that may be longer than that of training.

    Raises:
        ValueError: other columns, another frequency; or the base "linear", whose weights are not
            kept, on a table that does not begin with the rows of training.
    """
    columns = [[column.name, column.role] for column in frame.columns]
    if columns != record["columns"]:
        raise ValueError(
            f"the table has the columns {_listed(columns)}; the run was trained on "
            f"{_listed(record['columns'])}"
        )
    frequency = None if frame.frequency is None else [*frame.frequency[:2]]
    if frequency != record["frequency"]:
        raise ValueError(
            f"the rows of the table are {frequency} apart, those of training "
            f"{record['frequency']}; expected the same steps"
        )
    known = np.array([name in record["series"] for name in frame.ids])
    rows = [
        record["series"].get(name) or fitting.numbers(spec, values[: cut[0]])
        for name, values, cut in zip(frame.ids, by_series(panel, panel.values), at)
    ]
    numbers = {
        key: np.array([[*map(_number, row[key])] for row in rows]) for key in fitting.NUMBERS
    }
    covariates = {
        key: np.asarray(values, float).reshape(2, -1)
        for key, values in record["covariates"].items()
    }
    unit = np.asarray(record["unit"])
    scales = fitting.Scales(
        **numbers,
        unit=unit,
        weights=np.zeros((0, 0)),
        **covariates,
        deviation=fitting.deviations(panel, at),
    )
    if spec.detrend != "linear":
        return scales
    if digest(frame, at, known) != record["training"]:
        raise ValueError(
            "detrend='linear' computes its weights from the rows of training, and this table has "
            "other ones; expected a table that begins with the same rows, or train anew"
        )
    z = fitting.scaled(panel, spec, scales)
    found = bases.tables(panel, z, spec.season)
    parts = (fitting.places(panel, spec, at, split, z) for split in ("train", "valid"))
    train, valid = (origins[known[panel.series[origins]]] for origins in parts)
    weights = bases.ridge(found, z, train, valid, spec.window, spec.horizon)
    return scales._replace(weights=weights)


def digest(frame: Frame, at: np.ndarray, known: np.ndarray | None = None) -> str:
    """The sha256 of times and targets of the rows before valid ends.

    Args:
        frame: the table.
        at: cuts [S, 3].
        known: [S] whether a series counts; None for all.
    """
    found = hashlib.sha256()
    values = timeseries.numbers(frame, "target")
    for s, (begin, cut) in enumerate(zip(frame.bounds, at)):
        if known is not None and not known[s]:
            continue
        found.update(frame.times[begin : begin + cut[1]].astype(np.int64).tobytes())
        found.update((values[begin : begin + cut[1]] + 0.0).tobytes())
    return found.hexdigest()


def _stored(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None  # JSON has no NaN


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _listed(columns: Any) -> str:
    return ", ".join(f"{name} ({role})" for name, role in columns)
