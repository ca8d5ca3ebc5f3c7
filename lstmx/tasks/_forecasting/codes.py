"""Categories of many levels, and series, as rows of learned tables instead of one-hot.

Row 0 is for what is missing, for levels that the training part does not have, and for series from
which no window of training comes. It would never be trained: in training a category of a window is
hidden with the chance `HIDDEN`, so that row 0 becomes what is best where nothing is known.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from lstmx.data import timeseries
from lstmx.data.timeseries import Frame
from lstmx.embeddings import Coded, Table
from lstmx.tasks._forecasting.panel import Codes
from lstmx.tasks._forecasting.spec import ForecastSpec
from lstmx.types import Array, Key

HIDDEN = 0.05
"""The chance that a category of a window of training is hidden. Of 20 windows one: row 0 is learned
at a twentieth of the pace, and known levels lose next to nothing."""
MOST_FEATURES = 64
TAG = 1
"""Folded into the key of a batch, which draws its windows as without tables."""
SERIES = "series"


def width(levels: int, asked: int) -> int:
    """Size of a vector: as asked for, or 1.6 n^0.56 of n levels, at most `MOST_FEATURES`.

    The rule of the library fastai (Howard & Gugger 2020), whose largest is 600.
    """
    return asked or min(MOST_FEATURES, round(1.6 * levels**0.56))


def embedded(levels: Mapping[str, tuple[str, ...]], spec: ForecastSpec) -> tuple[str, ...]:
    """The columns of categories with more levels in training than `embed_above`."""
    return tuple(name for name, known in levels.items() if len(known) > spec.embed_above)


def made(
    frame: Frame,
    spec: ForecastSpec,
    levels: Mapping[str, tuple[str, ...]],
    columns: tuple[str, ...],
    series: tuple[str, ...] | None,
) -> Codes:
    """The rows of tables of a frame.

    Args:
        frame: the table.
        spec: sizes of vectors.
        levels: of each column of categories.
        columns: those that have tables.
        series: names of the series of training; None without a table of series.
    """
    tables: list[Table] = []
    parts: dict[str, list[np.ndarray]] = {"always": [], "now": []}
    for role in ("known", "static", "past"):  # in the order in which batches have them
        for column in timeseries.named(frame, role, categories=True):
            if column.name in columns:
                known = levels[column.name]
                tables.append(_table(column.name, len(known), spec))
                # Missing and unseen, the codes 0 and 1, are one row.
                rows = np.maximum(timeseries.codes(column, known) - 1, 0)
                rows = rows[frame.series] if role == "static" else rows
                parts["now" if role == "past" else "always"].append(rows)
    if series is not None:
        place = {name: 1 + at for at, name in enumerate(series)}
        own = np.array([place.get(name, 0) for name in frame.ids])
        at = len(parts["always"])
        tables.insert(at, _table(SERIES, len(series), spec))
        parts["always"].append(own[frame.series])
    blank = np.empty((len(frame.times), 0), np.int32)
    joined = {
        name: np.stack(rows, axis=1).astype(np.int32) if rows else blank
        for name, rows in parts.items()
    }
    return Codes(tuple(tables), **joined)


def hidden(key: Key, inputs: Coded) -> Coded:
    """Inputs with each category of each window replaced by row 0 with the chance `HIDDEN`."""
    batch, _, tables = inputs.codes.shape
    keep: Array = jax.random.bernoulli(key, 1 - HIDDEN, (batch, 1, tables))
    return inputs._replace(codes=inputs.codes * keep)


def trained(ids: tuple[str, ...], origins: np.ndarray, series: np.ndarray) -> tuple[str, ...]:
    """The names of the series from which windows of training come.

    Args:
        ids: of all series.
        origins: rows of the windows.
        series: of each row.
    """
    return tuple(ids[s] for s in np.unique(series[origins]))


def recorded(columns: tuple[str, ...], series: tuple[str, ...] | None) -> dict[str, Any]:
    """What a run keeps of them, as JSON's types."""
    return {"columns": list(columns), "series": None if series is None else list(series)}


def _table(name: str, levels: int, spec: ForecastSpec) -> Table:
    return Table(name, 1 + levels, width(levels, spec.embed_features))
