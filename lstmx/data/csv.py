"""Time series from a CSV file: one or more time columns, one or more value columns.

Messages say `line`: the line of the file as an editor counts it, the header being line 1.
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
"""More commas than this in a header are no table; pandas takes a kilobyte for each column."""
MOST_VALUES, MOST_TIMES = 1 << 24, 20
"""`filled` makes at most 16 million values (128 MiB), or 20 times as many as there are."""
DATUM = re.compile(
    r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?"  # a number
    r"|\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([ T].*)?|\d{1,2}:\d\d.*"  # a date, a time
    r"|\d{1,2}[-/ ][a-z]{3,9}[-/ ]\d{2,4}( .*)?",  # 5-Mar-2020
    re.IGNORECASE,
)
"""What stands in a row of data and does not name a column."""
ABSENT = ("", "na", "nan")
MOST = 1e18
"""The largest value that is read: networks train in float32, whose largest is 3e38, and errors are
squared and added up."""


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


class _Table(NamedTuple):
    """A file: its place, its bytes, and its rows [N, C] below the header as a table of texts."""

    place: Path
    content: bytes
    rows: Any

    def line(self, wrong: Any) -> int:
        """The line of the file where the first row begins that is marked in `wrong` [N]."""
        return _line(self.content.decode(), 1 + int(np.argmax(np.asarray(wrong))))


def load(
    place: Path,
    time_columns: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
    time_format: str = "",
) -> Series:
    """The columns of a CSV file as a series; an empty field, NA or NaN is a missing value.

    Args:
        place: the file, in UTF-8; one that ends in `.gz`, `.bz2` or `.xz`, or a zip of one file, is
            unpacked in memory.
        time_columns: names of the columns that together give the time (year, month, day, ...);
            the first column where empty.
        columns: names of the value columns; all other columns where empty.
        time_format: of the time columns joined by spaces, in the letters of `strptime`: "%Y%m%d";
            guessed from the first row where empty.

    Raises:
        ValueError: no text in UTF-8, no header, no rows, a row with more fields than the header, a
            column that does not exist or whose name is there twice, a time that is missing, a time
            or a number that cannot be read, one beyond `MOST`, or two rows of one time.
        OSError: the file cannot be opened.
    """
    table = _read(place)
    known = tuple(table.rows.columns)
    time_columns = time_columns or known[:1]
    columns = columns or tuple(c for c in known if c not in time_columns)
    for column in (*time_columns, *columns):
        checks.one_of(f"column of {place.name}:", column, known)
        if known.count(column) > 1:
            raise ValueError(f"{place} has {known.count(column)} columns named {_shown(column)}")
    if not columns:
        raise ValueError(f"{place} has no value column beside {_listed(time_columns)}")
    times = _times(table, time_columns, time_format)
    values = np.stack([_numbers(table, column) for column in columns], axis=1)
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if len(twice := times[1:][times[1:] == times[:-1]]):
        raise ValueError(f"{place} has more than one row of time {twice[0]}")
    return Series(times, values, columns)


def filled(series: Series, name: str = "the series") -> Series:
    """The series with a row of missing values at every time that its even spacing leaves out.

    A series whose spacing is uneven by nature (months, years) stays as it is.

    Args:
        series: see there.
        name: how a message names it.

    Raises:
        ValueError: more than 16 million values, 20 for each one that there is.
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
    """The table of a file, its columns named by its first row."""
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
        # The names as they stand: a column may be named NA.
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
            f"{place} has no header: its first line holds {_shown(', '.join(names))}; put a line "
            "with the names of its columns above"
        )
    if not len(rows):
        raise ValueError(f"{place} has a header and no rows")
    rows.columns = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    return _Table(place, content, rows)


def _is_data(names: list[str]) -> bool:
    """Whether a first row holds numbers and times; a file may name columns 2016, 2017, not all."""
    known = [DATUM.fullmatch(name) or name.lower() in ABSENT for name in names]
    return bool(names[0]) and all(known)


def _times(table: _Table, columns: tuple[str, ...], time_format: str) -> np.ndarray:
    import pandas as pd
    from pandas.tseries.api import guess_datetime_format

    place, named = table.place, _listed(columns)
    texts = table.rows[list(columns)]
    if (absent := texts.isna().any(axis=1)).any():
        raise ValueError(f"{place}: line {table.line(absent)} has no time in column {named}")
    joined = texts.agg(" ".join, axis=1) if len(columns) > 1 else texts[columns[0]]
    first = joined.iloc[0].strip()
    if not time_format and len(columns) > 1:
        raise ValueError(
            f"{place}: several time columns need time_format; one time: {_shown(first)}"
        )
    if not time_format:
        # Left to guess, pandas reads 19580329 as nanoseconds since 1970, and "10:00" as today's.
        if joined.str.fullmatch("[0-9]+").all():
            time_format = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d"}.get(len(first), "")
        else:
            time_format = _guess(guess_datetime_format, first)
        if not time_format:
            raise ValueError(f"{place}: times such as {_shown(first)} need time_format")
    # Words that pandas takes for times, though they name none, or another one every day.
    words = joined.str.strip().str.lower().isin(("nat", "now", "today"))
    try:
        found = pd.to_datetime(joined.mask(words), format=time_format, errors="coerce")
        if found.dt.tz is not None:
            found = found.dt.tz_convert("UTC").dt.tz_localize(None)
        times = found.to_numpy().astype("datetime64[s]")
    except (ValueError, OverflowError, TypeError) as error:
        reason = packed.one_line(error).split(". ")[0]
        raise ValueError(f"{place}: time columns {named}: {reason}") from None
    if (wrong := np.isnat(times)).any():
        text = _shown(joined.iloc[int(np.argmax(wrong))])
        raise ValueError(
            f"{place}: time columns {named}, line {table.line(wrong)}: got {text}; expected a time "
            f"as {time_format!r}"
        )
    return times


def _guess(guess: Any, text: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that months may be days: what it guesses is what it says
        return guess(text) or ""


def _numbers(table: _Table, column: str) -> np.ndarray:
    import pandas as pd

    texts = table.rows[column]
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    unread = np.isnan(numbers) & texts.notna().to_numpy()
    wrong = unread | (np.abs(numbers) > MOST)
    if wrong.any():
        text = _shown(texts.iloc[int(np.argmax(wrong))])
        where = f"{table.place}: column {_shown(column)}, line {table.line(wrong)}"
        raise ValueError(
            f"{where}: got {text}; expected a finite number of at most {MOST:g}, or nothing if "
            "missing"
        )
    return numbers


def _shown(text: str) -> str:
    """A text of a file in a message."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _listed(columns: tuple[str, ...]) -> str:
    """Names of columns in a message; what cannot be printed is escaped."""
    text = repr(", ".join(columns))[1:-1]
    return text if len(text) <= 200 else f"{text[:197]}..."


def _line(text: str, row: int) -> int:
    """The line where a row begins; row 0 is the header. Quotes may hold line ends."""
    quoted, row_here = False, -1
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if not quoted and line.strip():
            row_here += 1
            if row_here == row:
                return number
        quoted ^= line.count('"') % 2 == 1
    return len(lines)  # quotes that are not closed
