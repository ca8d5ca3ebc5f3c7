"""Time series from a CSV file: one or more time columns, one or more value columns.

A `line` in a message is counted as in an editor, from 1 for the header.
"""

import io
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmx import checks
from lstmx.data import packed

MOST_COLUMNS = 10_000
"""The largest number of columns: pandas needs a kilobyte for each, and a file that is not CSV may
have any number of commas."""
MOST_VALUES, MOST_TIMES = 1 << 24, 20
"""`filled` returns at most 16 million values (128 MiB), or 20 times as many as the series has."""
DATUM = re.compile(
    r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?"  # a number
    r"|\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([ T].*)?|\d{1,2}:\d\d.*"  # a date, a time
    r"|\d{1,2}[-/ ][a-z]{3,9}[-/ ]\d{2,4}( .*)?",  # 5-Mar-2020
    re.IGNORECASE,
)
"""A field of a data row, in contrast to the name of a column."""
ABSENT = ("", "na", "nan")
MOST = 1e18
"""The largest absolute value: networks train in float32, whose maximum is 3e38, and errors are
squared and summed."""


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


class _Table(NamedTuple):
    """A file: its path, its bytes, and the rows [N, C] after the header, a DataFrame of strings."""

    place: Path
    content: bytes
    rows: Any

    def line(self, wrong: Any) -> int:
        """The line of the file at which the first row with True in `wrong` [N] begins."""
        return _line(self.content.decode(), 1 + int(np.argmax(np.asarray(wrong))))


def load(
    place: Path,
    time_columns: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
    time_format: str = "",
) -> Series:
    """The columns of a CSV file as a series; an empty field, NA or NaN is a missing value.

    Args:
        place: the file, in UTF-8; one with suffix `.gz`, `.bz2` or `.xz`, or a zip of one file, is
            unpacked in memory.
        time_columns: names of the columns that together are the time (year, month, day, ...);
            empty for the first column.
        columns: names of the value columns; empty for all other columns.
        time_format: format of the time columns joined by spaces, as in `strptime`: "%Y%m%d";
            empty to infer it from the first row.

    Raises:
        ValueError: not UTF-8, no header, no rows, a row with more fields than the header, a column
            that does not exist or whose name occurs twice, a missing time, a time or a number that
            cannot be parsed, one beyond `MOST`, or two rows with the same time.
        OSError: the file cannot be opened.
    """
    table = _read(place)
    names = tuple(table.rows.columns)
    time_columns = time_columns or names[:1]
    columns = columns or tuple(name for name in names if name not in time_columns)
    for column in (*time_columns, *columns):
        checks.one_of(f"column of {place.name}:", column, names)
        if names.count(column) > 1:
            raise ValueError(f"{place} has {names.count(column)} columns named {_quoted(column)}")
    if not columns:
        raise ValueError(f"{place} has no value column beside {_listed(time_columns)}")
    times = _times(table, time_columns, time_format)
    values = np.stack([_numbers(table, column) for column in columns], axis=1)
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if len(repeated := times[1:][times[1:] == times[:-1]]):
        raise ValueError(f"{place} has more than one row of time {repeated[0]}")
    return Series(times, values, columns)


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


def _read(place: Path) -> _Table:
    """The table of a file; its first row has the names of the columns."""
    import pandas as pd  # slow to import, and only reading needs it

    content = packed.contents(place)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} is not a CSV file: {error}; expected a text in UTF-8") from None
    if b"\0" in content:
        raise ValueError(f"{place} is not a CSV file: a text has no byte 0")
    options: dict[str, Any] = {"dtype": str, "header": None, "skipinitialspace": True}
    try:
        # Names are not parsed as missing values: a column may be named NA.
        first = pd.read_csv(io.BytesIO(content), nrows=1, keep_default_na=False, **options)
        names = [name.strip() for name in first.iloc[0]]
        if len(names) > MOST_COLUMNS:
            raise ValueError(f"{place} has {len(names)} columns; expected at most {MOST_COLUMNS}")
        rows = pd.read_csv(io.BytesIO(content), **options).iloc[1:].reset_index(drop=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OverflowError) as error:
        reason = packed.one_line(error).removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{place} is not a CSV file: {reason}") from None
    if _is_data(names):
        raise ValueError(
            f"{place} has no header: its first line holds {_quoted(', '.join(names))}; put a line "
            "with the names of its columns above"
        )
    if not len(rows):
        raise ValueError(f"{place} has a header and no rows")
    rows.columns = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    return _Table(place, content, rows)


def _is_data(names: list[str]) -> bool:
    """Whether a first row is data: numbers and times only. Not all column names are numbers."""
    data = [DATUM.fullmatch(name) or name.lower() in ABSENT for name in names]
    return bool(names[0]) and all(data)


def _times(table: _Table, columns: tuple[str, ...], time_format: str) -> np.ndarray:
    import pandas as pd
    from pandas.tseries.api import guess_datetime_format

    place, listed = table.place, _listed(columns)
    texts = table.rows[list(columns)]
    if (absent := texts.isna().any(axis=1)).any():
        raise ValueError(f"{place}: line {table.line(absent)} has no time in column {listed}")
    joined = texts.agg(" ".join, axis=1) if len(columns) > 1 else texts[columns[0]]
    first = joined.iloc[0].strip()
    if not time_format and len(columns) > 1:
        raise ValueError(
            f"{place}: several time columns need time_format; one time: {_quoted(first)}"
        )
    if not time_format:
        # Without a format pandas reads 19580329 as nanoseconds since 1970, and "10:00" as today.
        if joined.str.fullmatch("[0-9]+").all():
            time_format = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d"}.get(len(first), "")
        else:
            time_format = _guess(guess_datetime_format, first)
        if not time_format:
            raise ValueError(f"{place}: times such as {_quoted(first)} need time_format")
    # Words that pandas accepts as times although they are not, or mean another one every day.
    words = joined.str.strip().str.lower().isin(("nat", "now", "today"))
    try:
        parsed = pd.to_datetime(joined.mask(words), format=time_format, errors="coerce")
        if parsed.dt.tz is not None:
            parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
        times = parsed.to_numpy().astype("datetime64[s]")
    except (ValueError, OverflowError, TypeError) as error:
        reason = packed.one_line(error).split(". ")[0]
        raise ValueError(f"{place}: time columns {listed}: {reason}") from None
    if (wrong := np.isnat(times)).any():
        text = _quoted(joined.iloc[int(np.argmax(wrong))])
        raise ValueError(
            f"{place}: time columns {listed}, line {table.line(wrong)}: got {text}; expected a "
            f"time as {time_format!r}"
        )
    return times


def _guess(guess: Any, text: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a month that may be a day
        return guess(text) or ""


def _numbers(table: _Table, column: str) -> np.ndarray:
    import pandas as pd

    texts = table.rows[column]
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    unread = np.isnan(numbers) & texts.notna().to_numpy()
    wrong = unread | (np.abs(numbers) > MOST)
    if wrong.any():
        text = _quoted(texts.iloc[int(np.argmax(wrong))])
        where = f"{table.place}: column {_quoted(column)}, line {table.line(wrong)}"
        raise ValueError(
            f"{where}: got {text}; expected a finite number of at most {MOST:g}, or nothing if "
            "missing"
        )
    return numbers


def _quoted(text: str) -> str:
    """A text of a file for a message: quoted, at most 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _listed(columns: tuple[str, ...]) -> str:
    """Names of columns for a message; unprintable characters are escaped."""
    text = repr(", ".join(columns))[1:-1]
    return text if len(text) <= 200 else f"{text[:197]}..."


def _line(text: str, row: int) -> int:
    """The line at which a row begins; row 0 is the header. Quoted fields may contain line ends."""
    quoted, row_here = False, -1
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if not quoted and line.strip():
            row_here += 1
            if row_here == row:
                return number
        quoted ^= line.count('"') % 2 == 1
    return len(lines)  # an unclosed quote
