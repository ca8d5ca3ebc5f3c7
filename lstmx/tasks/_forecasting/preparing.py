"""A table read, cut and fitted: what all splits of it have in common."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lstmx.data import fetch, timeseries
from lstmx.data.timeseries import Frame
from lstmx.tasks._forecasting import bases, codes, counts, fitting, frames, records, transforms
from lstmx.tasks._forecasting.panel import Panel
from lstmx.tasks._forecasting.spec import FUTURE, ForecastSpec

MOST_NAMES = 5
"""Names of series that a sentence lists."""


class Prepared(NamedTuple):
    """A table with all that was fitted to it.

    Attributes:
        frame: as read, and cut.
        panel: its numbers.
        scales: of its targets and covariates.
        constants: of its static numbers and times.
        z: [N, C] scaled targets.
        tables: of the base.
        cuts: [S, 3].
        levels: of the categories.
        embedded: columns of categories with tables.
        series: names of those with rows of their own in a table; None without one.
        files: name -> sha256.
        report: what was decided on the table, a sentence each.
    """

    frame: Frame
    panel: Panel
    scales: fitting.Scales
    constants: fitting.Constants
    z: np.ndarray
    tables: bases.Tables
    cuts: np.ndarray
    levels: dict[str, tuple[str, ...]]
    embedded: tuple[str, ...]
    series: tuple[str, ...] | None
    files: dict[str, str]
    report: tuple[str, ...]


def prepared(spec: ForecastSpec, record: Mapping[str, Any] | None) -> Prepared:
    """Read the table, cut it and fit its scales; of several splits of one file once."""
    if record is not None or spec.split == FUTURE:
        return _prepare(spec, record)
    place = fetch.find(spec.file) if spec.file else None
    digest = fetch.sha256(place) if place else ""
    # The split is none of what is fitted.
    return _remembered(dataclasses.replace(spec, split="train"), digest)


@functools.lru_cache(maxsize=1)
def _remembered(spec: ForecastSpec, digest: str) -> Prepared:
    del digest  # a file that changes between two tasks is read again
    return _prepare(spec, None)


def _prepare(spec: ForecastSpec, record: Mapping[str, Any] | None) -> Prepared:
    read, files = frames.read(spec)
    frame = frames.cut(read, spec.horizon if spec.split == FUTURE else 0)
    cuts = fitting.cuts(frame, spec, record)
    train = fitting.training(frame, cuts)
    levels = fitting.levels(frame, train, record)
    if record is None:
        embedded = codes.embedded(levels, spec)
    else:  # a run of a version without tables has none
        embedded = tuple(record.get("embedded", {}).get("columns", ()))
    shown = {name: known for name, known in levels.items() if name not in embedded}
    constants = fitting.constants(frame, train, record)
    panel = frames.panel(frame, spec, shown, constants)
    name = spec.file or "the series"
    transforms.check(spec.transform, panel.values, panel.columns, name)
    if spec.likelihood == counts.KIND:
        counts.check(panel.values, panel.columns, name)
    if record is None:
        scales = fitting.fit(panel, spec, cuts, train)
    else:
        scales = records.recalled(record, frame, panel, spec, cuts)
    z = fitting.scaled(panel, spec, scales)
    tables = bases.tables(panel, z, spec.season)._replace(weights=scales.weights)
    series = None
    if spec.embed_series and record is None:
        origins = fitting.places(panel, spec, cuts, "train", z)
        series = codes.trained(panel.ids, origins, panel.series)
    elif spec.embed_series and record is not None:
        series = tuple(record["embedded"]["series"])
    if embedded or series is not None:
        panel = panel._replace(codes=codes.made(frame, spec, levels, embedded, series))
    new = [] if record is None else [name for name in frame.ids if name not in record["series"]]
    # Outliers are looked for in the training part only; a generated series has no report.
    report = (*frame.report, *timeseries.outliers(frame, train)) if files else ()
    if new:
        more = f" and {len(new) - MOST_NAMES} more" if len(new) > MOST_NAMES else ""
        names = ", ".join(new[:MOST_NAMES]) + more
        report = (*report, f"series that were not in training, scaled by their own rows: {names}")
    return Prepared(
        frame=frame,
        panel=panel,
        scales=scales,
        constants=constants,
        z=z,
        tables=tables,
        cuts=cuts,
        levels=levels,
        embedded=embedded,
        series=series,
        files=files,
        report=report,
    )
