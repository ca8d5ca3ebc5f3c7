"""Time series from a CSV file: one or more time columns, one or more value columns."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmx import registry


class Series(NamedTuple):
    """Values over time, in the order of time.

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
    """The columns of a CSV file as a series; an empty field, NA or NaN is a missing value.

    Args:
        place: the file; `.gz` and other usual compressions are read too.
        time_columns: names of the columns that together give the time (year, month, day, ...);
            the first column where empty.
        columns: names of the value columns; all other columns where empty.
        time_format: of the time columns joined by spaces, in the letters of `strptime`: "%Y%m%d";
            guessed where empty.

    Raises:
        ValueError: a column that does not exist, a time that is missing, a time or a number that
            cannot be read, an infinite number, or two rows of one time.
    """
    import pandas as pd  # slow to import, and only this function needs it

    try:
        table = pd.read_csv(place, dtype=str, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{place} is not a CSV file: {' '.join(str(error).split())}") from None
    table.columns = table.columns.str.strip()
    known = tuple(table.columns)
    time_columns = time_columns or known[:1]
    columns = columns or tuple(c for c in known if c not in time_columns)
    for column in (*time_columns, *columns):
        if column not in known:
            raise ValueError(registry.unknown(f"column of {place.name}:", column, known))
    if not columns:
        raise ValueError(f"{place} has no value column beside {', '.join(time_columns)}")
    times = _times(pd, table, time_columns, time_format, place)
    values = np.stack([_numbers(pd, table[c], place) for c in columns], axis=1)
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if len(twice := times[1:][times[1:] == times[:-1]]):
        raise ValueError(f"{place} has more than one row of time {twice[0]}")
    return Series(times, values, columns)


def filled(series: Series) -> Series:
    """The series with a row of missing values at every time that its even spacing leaves out.

    A series whose spacing is uneven by nature (months, years) stays as it is.
    """
    steps = np.diff(series.times).astype(np.int64)
    if not len(steps) or np.median(steps) != (step := steps.min()) or np.any(steps % step):
        return series
    at = np.concatenate([[0], np.cumsum(steps // step)])
    values = np.full((at[-1] + 1, series.values.shape[1]), np.nan)
    values[at] = series.values
    times = series.times[0] + np.arange(len(values)) * np.timedelta64(step, "s")
    return Series(times, values, series.columns)


def _times(
    pd: Any, table: Any, columns: tuple[str, ...], time_format: str, place: Path
) -> np.ndarray:
    if (absent := table[list(columns)].isna().any(axis=1)).any():
        named = ", ".join(columns)
        raise ValueError(f"{place}: row {_row(absent)} has no time in column {named}")
    if not time_format and len(columns) == 1 and table[columns[0]].str.fullmatch(r"\d+").all():
        # Left to guess, pandas reads 19580329 as nanoseconds since 1970.
        width = table[columns[0]].str.len().iloc[0]
        time_format = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d"}.get(width, "")
        if not time_format:
            raise ValueError(f"{place}: times such as {table[columns[0]].iloc[0]} need time_format")
    joined = table[list(columns)].agg(" ".join, axis=1)
    if not time_format and len(columns) > 1:
        raise ValueError(f"{place}: several time columns need time_format; one time: {joined[0]!r}")
    try:
        times = pd.to_datetime(joined, format=time_format or None)
    except ValueError as error:
        reason = str(error).split(". ")[0]
        raise ValueError(f"{place}: time columns {', '.join(columns)}: {reason}") from None
    return times.to_numpy().astype("datetime64[s]")


def _numbers(pd: Any, column: Any, place: Path) -> np.ndarray:
    try:
        numbers = pd.to_numeric(column).to_numpy(np.float64)
    except ValueError as error:
        raise ValueError(f"{place}: column {column.name!r}: {error}") from None
    if (endless := np.isinf(numbers)).any():
        row = _row(endless)
        raise ValueError(f"{place}: column {column.name!r}, row {row}: got {column.iloc[row - 1]}")
    return numbers


def _row(wrong: Any) -> int:
    """Number of the first wrong row; 1 is the row below the header."""
    return int(np.argmax(np.asarray(wrong))) + 1
