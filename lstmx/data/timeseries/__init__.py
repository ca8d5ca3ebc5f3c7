"""Time series from tables: one or more time columns, one or more value columns.

A format is a module of this package, named as the suffix of its files, with a function
`read(place, content) -> Table`; no list names it.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx import checks
from lstmx.data import packed
from lstmx.data.timeseries import _columns
from lstmx.data.timeseries._columns import MOST, Table

__all__ = ["MOST", "Series", "Table", "filled", "format_of", "load"]

MOST_VALUES, MOST_TIMES = 1 << 24, 20
"""`filled` returns at most 16 million values (128 MiB), or 20 times as many as the series has."""
PACKED = (*packed.KINDS, ".zip")
"""Suffixes after that of the format."""


class Series(NamedTuple):
    """A time series, sorted by time.

    Attributes:
        times: [N] datetime64[s], strictly increasing.
        values: [N, C] float64; NaN where missing.
        columns: names of the C value columns.
    """

    times: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...]


def load(
    place: Path,
    time_columns: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
    time_format: str = "",
) -> Series:
    """The columns of a file as a series; an empty field, NA or NaN is a missing value.

    Args:
        place: the file, in the format of its suffix; one with another suffix is read as CSV. One
            with a further suffix `.gz`, `.bz2` or `.xz`, or a zip of one file, is unpacked in
            memory.
        time_columns: names of the columns that together are the time (year, month, day, ...);
            empty for the first column.
        columns: names of the value columns; empty for all other columns.
        time_format: format of the time columns joined by spaces, as in `strptime`: "%Y%m%d";
            empty to infer it from the first row.

    Raises:
        ValueError: what the format refuses, a column that does not exist or whose name occurs
            twice, a missing time, a time or a number that cannot be parsed, one beyond `MOST`, or
            two rows with the same time.
        OSError: the file cannot be opened.
    """
    form = importlib.import_module(f"{__name__}.{format_of(place)}")
    table: Table = form.read(place, packed.contents(place))
    names = tuple(table.rows.columns)
    time_columns = time_columns or names[:1]
    columns = columns or tuple(name for name in names if name not in time_columns)
    for column in (*time_columns, *columns):
        checks.one_of(f"column of {place.name}:", column, names)
        if names.count(column) > 1:
            raise ValueError(
                f"{place} has {names.count(column)} columns named {_columns.quoted(column)}"
            )
    if not columns:
        raise ValueError(f"{place} has no value column beside {_columns.listed(time_columns)}")
    times = _columns.times(table, time_columns, time_format)
    values = np.stack([_columns.numbers(table, column) for column in columns], axis=1)
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if len(repeated := times[1:][times[1:] == times[:-1]]):
        raise ValueError(f"{place} has more than one row of time {repeated[0]}")
    return Series(times, values, columns)


def format_of(place: Path) -> str:
    """The name of the module that reads a file: its suffix, or "csv" if none has that name."""
    inner = place.with_suffix("") if place.suffix.lower() in PACKED else place
    name = inner.suffix.lower().removeprefix(".")
    formats = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    return name if name in formats else "csv"


def filled(series: Series, name: str = "the series") -> Series:
    """The series with a row of missing values at every time that is absent from its regular grid.

    A series without a regular grid (months, years) is returned unchanged.

    Args:
        series: the series.
        name: its name in a message.

    Raises:
        ValueError: the result would have more than 16 million values, and more than 20 times as
            many as the series.
    """
    steps = np.diff(series.times).astype(np.int64)
    if not len(steps) or np.median(steps) != (step := steps.min()) or np.any(steps % step):
        return series
    rows = 1 + int(steps.sum()) // int(step)
    if rows * series.values.shape[1] > max(MOST_VALUES, MOST_TIMES * series.values.size):
        gap = int(np.argmax(steps))
        raise ValueError(
            f"{name} would be {rows} rows, one every {step} s, and the file has {1 + len(steps)}; "
            f"check the times: {series.times[gap]} is followed by {series.times[gap + 1]}"
        )
    at = np.concatenate([[0], np.cumsum(steps // step)])
    values = np.full((rows, series.values.shape[1]), np.nan)
    values[at] = series.values
    times = series.times[0] + np.arange(rows) * np.timedelta64(step, "s")
    return Series(times, values, series.columns)
