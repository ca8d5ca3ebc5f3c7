"""Tables of comma-separated values in UTF-8, with a header that names the columns."""

import io
import re
from pathlib import Path
from typing import Any

from lstmx.data import packed
from lstmx.data.timeseries._columns import Table, quoted

MOST_COLUMNS = 10_000
"""The largest number of columns: pandas needs a kilobyte for each, and a file that is not CSV may
have any number of commas."""
DATUM = re.compile(
    r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?"  # a number
    r"|\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([ T].*)?|\d{1,2}:\d\d.*"  # a date, a time
    r"|\d{1,2}[-/ ][a-z]{3,9}[-/ ]\d{2,4}( .*)?",  # 5-Mar-2020
    re.IGNORECASE,
)
"""A field of a data row, in contrast to the name of a column."""
ABSENT = ("", "na", "nan")


def read(place: Path, content: bytes) -> Table:
    """The table of a file with this content.

    Raises:
        ValueError: not UTF-8, no header, no rows, or a row with more fields than the header.
    """
    import pandas as pd  # slow to import, and only reading needs it

    try:
        text = content.decode()
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
            f"{place} has no header: its first line holds {quoted(', '.join(names))}; put a line "
            "with the names of its columns above"
        )
    if not len(rows):
        raise ValueError(f"{place} has a header and no rows")
    rows.columns = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    return Table(place, rows, lambda row: _line(text, 1 + row))


def _is_data(names: list[str]) -> bool:
    """Whether a first row is data: numbers and times only. Not all column names are numbers."""
    data = [DATUM.fullmatch(name) or name.lower() in ABSENT for name in names]
    return bool(names[0]) and all(data)


def _line(text: str, row: int) -> int:
    """The line at which a row begins; row 0 is the header. Quoted fields may contain line ends."""
    open_quote, row_here = False, -1
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if not open_quote and line.strip():
            row_here += 1
            if row_here == row:
                return number
        open_quote ^= line.count('"') % 2 == 1
    return len(lines)  # an unclosed quote
