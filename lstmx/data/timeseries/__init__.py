"""Time series from tables: CSV and Parquet files, and DataFrames of pandas.

`read` gives a `Frame`: one or many series with targets, covariates and categories, completed on
their regular axis, and a report in words of what was decided. What cannot be read with certainty is
refused, with the option of `TableSpec` that decides it.

    >>> import pandas as pd
    >>> from lstmx.data import timeseries
    >>> sales = pd.DataFrame({"when": ["2020Q1", "2020Q2", "2020Q4"], "sold": ["1,5", "-", "2,25"]})
    >>> frame = timeseries.read(sales)
    >>> timeseries.numbers(frame, "target")[:, 0]
    array([1.5 ,  nan,  nan, 2.25])
    >>> for line in frame.report:
    ...     print(line)
    read 3 quarterly rows, 2020-01-01 to 2020-10-01
    times as quarter, from when
    numbers are written as 1.234,5
    column 'sold': 1 value '-' missing
    gaps filled as missing: 1 gap, 1 row, the longest of 1 after 2020-04-01
    column 'sold': 1 value missing

A format is a module of this package, named as the suffix of its files, with a function
`read(place, content, spec) -> Table`; no list names it.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmx.data import packed
from lstmx.data.timeseries import _axis, _read, _rows, _wide
from lstmx.data.timeseries._frame import (
    Column,
    Frame,
    ages,
    codes,
    levels,
    local_times,
    named,
    numbers,
    stamps,
)
from lstmx.data.timeseries._frequency import Frequency, described, next_times
from lstmx.data.timeseries._numbers import MOST
from lstmx.data.timeseries._outliers import outliers
from lstmx.data.timeseries._rows import Rows
from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import Table
from lstmx.data.timeseries._typed import plain
from lstmx.data.timeseries._typed import table as _table_of

__all__ = [
    "MOST",
    "Column",
    "Frame",
    "Frequency",
    "Series",
    "Table",
    "TableSpec",
    "ages",
    "codes",
    "described",
    "filled",
    "format_of",
    "levels",
    "load",
    "local_times",
    "named",
    "next_times",
    "numbers",
    "outliers",
    "plain",
    "read",
    "stamps",
]

PACKED = (*packed.KINDS, ".zip")
"""Suffixes after that of the format."""


class Series(NamedTuple):
    """A time series, sorted by time.

    Attributes:
        times: [N] datetime64[s], or the int64 numbers of rows without times; strictly increasing.
        values: [N, C] float64; NaN where missing.
        columns: names of the C value columns.
    """

    times: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...]


def read(source: Any, spec: TableSpec | None = None) -> Frame:
    """The series of a table, complete on their regular axis, with a report of what was decided.

    Args:
        source: a path, or a DataFrame. A file is in the format of its suffix; one with another
            suffix is read as CSV. One with a further suffix `.gz`, `.bz2` or `.xz`, or a zip of
            one file, is unpacked in memory.
        spec: how to read it; what it leaves empty is found by looking.

    Raises:
        ValueError: what cannot be read, or not with certainty, in one line with the remedy.
        OSError: the file cannot be opened.
    """
    spec = spec or TableSpec()
    table = _table(source, spec)
    return _wide.frame(table, spec) if spec.layout == "rows" else _read.frame(table, spec)


def load(
    place: Path,
    time_columns: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
    time_format: str = "",
) -> Series:
    """The columns of a file as one series, whose gaps are not filled.

    Args:
        place: the file, as in `read`.
        time_columns: names of the columns that together are the time (year, month, day, ...);
            found where empty.
        columns: names of the value columns; empty for all other columns of numbers.
        time_format: format of the time columns joined by spaces, as in `TableSpec`; found where
            empty.

    Raises:
        ValueError: as by `read`.
        OSError: the file cannot be opened.
    """
    spec = TableSpec(time_columns=time_columns, target_columns=columns, time_format=time_format)
    return _series(_read.unfilled(_table(place, spec), spec).rows)


def format_of(place: Path) -> str:
    """The name of the module that reads a file: its suffix, or "csv" if none has that name."""
    inner = place.with_suffix("") if place.suffix.lower() in PACKED else place
    name = inner.suffix.lower().removeprefix(".")
    formats = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    return name if name in formats else "csv"


def filled(series: Series, name: str = "the series") -> Series:
    """The series with a row of missing values at every time that is absent from its regular axis.

    A series without a regular axis is returned unchanged.

    Args:
        series: the series.
        name: its name in a message.

    Raises:
        ValueError: the result would have more than 16 million values, and more than 20 times as
            many as the series.
    """
    columns = tuple(
        Column(title, "target", series.values[:, at]) for at, title in enumerate(series.columns)
    )
    count = len(series.times)
    rows = Rows(name, series.times, np.zeros(count, np.int64), columns, np.arange(count), False)
    frequency = _axis.infer(series.times, rows.bounds) if count else None
    return _series(_rows.filled(rows, frequency, "missing")[0]) if frequency else series


def _series(rows: Rows) -> Series:
    values = np.stack([column.values for column in rows.columns], axis=1)
    return Series(rows.times, values, tuple(column.name for column in rows.columns))


def _table(source: Any, spec: TableSpec) -> Table:
    if not isinstance(source, str | Path):
        return _table_of("the table", source)
    place = Path(source)
    form = importlib.import_module(f"{__name__}.{format_of(place)}")
    table: Table = form.read(place, packed.contents(place), spec)
    return table
