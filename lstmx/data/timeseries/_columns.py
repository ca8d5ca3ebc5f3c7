"""The columns of a table of texts as times and numbers. Errors name the line in the file."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmx.data import packed

MOST = 1e18
"""The largest absolute value: networks train in float32, whose maximum is 3e38, and errors are
squared and summed."""


class Table(NamedTuple):
    """What a format reads from a file.

    Attributes:
        place: its path, for messages.
        rows: [N, C], a DataFrame of texts with the names of its columns; NaN where one is missing.
        line: (row, from 0) -> the line of the file at which it begins, as an editor counts.
    """

    place: Path
    rows: Any
    line: Callable[[int], int]

    def first(self, wrong: Any) -> int:
        """The line of the first row with True in `wrong` [N]."""
        return self.line(int(np.argmax(np.asarray(wrong))))


def times(table: Table, columns: tuple[str, ...], time_format: str) -> np.ndarray:
    """The times of the rows, [N] datetime64[s], of one or more columns joined by spaces."""
    import pandas as pd
    from pandas.tseries.api import guess_datetime_format

    place, names = table.place, listed(columns)
    texts = table.rows[list(columns)]
    if (absent := texts.isna().any(axis=1)).any():
        raise ValueError(f"{place}: line {table.first(absent)} has no time in column {names}")
    joined = texts.agg(" ".join, axis=1) if len(columns) > 1 else texts[columns[0]]
    first = joined.iloc[0].strip()
    if not time_format and len(columns) > 1:
        raise ValueError(
            f"{place}: several time columns need time_format; one time: {quoted(first)}"
        )
    if not time_format:
        # Without a format pandas reads 19580329 as nanoseconds since 1970, and "10:00" as today.
        if joined.str.fullmatch("[0-9]+").all():
            time_format = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d"}.get(len(first), "")
        else:
            time_format = _guess(guess_datetime_format, first)
        if not time_format:
            raise ValueError(f"{place}: times such as {quoted(first)} need time_format")
    # Words that pandas accepts as times although they are not, or mean another one every day.
    words = joined.str.strip().str.lower().isin(("nat", "now", "today"))
    try:
        parsed = pd.to_datetime(joined.mask(words), format=time_format, errors="coerce")
        if parsed.dt.tz is not None:
            parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
        found = parsed.to_numpy().astype("datetime64[s]")
    except (ValueError, OverflowError, TypeError) as error:
        reason = packed.one_line(error).split(". ")[0]
        raise ValueError(f"{place}: time columns {names}: {reason}") from None
    if (wrong := np.isnat(found)).any():
        text = quoted(joined.iloc[int(np.argmax(wrong))])
        raise ValueError(
            f"{place}: time columns {names}, line {table.first(wrong)}: got {text}; expected a "
            f"time as {time_format!r}"
        )
    return found


def numbers(table: Table, column: str) -> np.ndarray:
    """The values of a column, [N] float64; NaN where missing."""
    import pandas as pd

    texts = table.rows[column]
    found = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    unread = np.isnan(found) & texts.notna().to_numpy()
    wrong = unread | (np.abs(found) > MOST)
    if wrong.any():
        text = quoted(texts.iloc[int(np.argmax(wrong))])
        where = f"{table.place}: column {quoted(column)}, line {table.first(wrong)}"
        raise ValueError(
            f"{where}: got {text}; expected a finite number of at most {MOST:g}, or nothing if "
            "missing"
        )
    return found


def quoted(text: str) -> str:
    """A text of a file for a message: quoted, at most 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def listed(columns: tuple[str, ...]) -> str:
    """Names of columns for a message; unprintable characters are escaped."""
    text = repr(", ".join(columns))[1:-1]
    return text if len(text) <= 200 else f"{text[:197]}..."


def _guess(guess: Any, text: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a month that may be a day
        return guess(text) or ""
