"""Tables of separated values, with a header that names the columns."""

import io
from pathlib import Path
from typing import Any

from lstmx.data import packed
from lstmx.data.timeseries import _decode
from lstmx.data.timeseries._spec import SEPARATORS, TableSpec
from lstmx.data.timeseries._table import Table, counted, quoted

EMPTY: tuple[str, ...] = ("",)
ABSENT = EMPTY + (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""What pandas and R write for a missing value."""
MOST_COLUMNS = 10_000
"""The largest number of columns: pandas needs a kilobyte for each, and a file that is not CSV may
have any number of commas."""


def read(place: Path, content: bytes, spec: TableSpec) -> Table:
    """The table of a file with this content.

    Raises:
        ValueError: an encoding or a separator that is not certain, no header, no rows, or a row
            with more fields than the header.
    """
    text, said = _decode.decoded(place, content, spec.encoding)
    below = _below(text, spec.skip_lines)
    mark = SEPARATORS.get(spec.separator, spec.separator)
    mark = mark or _decode.separator(place, below, spec.header)
    names, rows = _rows(place, below, mark, spec)
    if not len(rows):
        raise ValueError(f"{place} has a header and no rows")
    shown = {word: name for name, word in SEPARATORS.items()}.get(mark, repr(mark))
    report = [said] if said else []
    report += [f"fields are separated by {shown}"] if mark != "," else []
    rows, dropped = _without_empty(names, rows)
    kept = rows.index.to_numpy()  # the rows of the file
    before = spec.skip_lines

    def line(row: int) -> int:
        return before + _line(below, int(kept[row]) + spec.header)

    return Table(place, rows.reset_index(drop=True), line, (*report, *dropped), mark)


def _below(text: str, lines: int) -> str:
    """The text below its first lines."""
    start = 0
    for _ in range(lines):
        start = text.find("\n", start) + 1 or len(text)
    return text[start:]


def _rows(place: Path, text: str, mark: str, spec: TableSpec) -> tuple[list[str], Any]:
    """The names of the columns, and the rows below them as texts."""
    import pandas as pd  # slow to import, and only reading needs it

    options: dict[str, Any] = {"dtype": str, "header": None, "skipinitialspace": True, "sep": mark}
    try:
        # Names are not parsed as missing values: a column may be named NA.
        first = pd.read_csv(io.StringIO(text), nrows=1, keep_default_na=False, **options)
        names = [name.strip() for name in first.iloc[0]]
        if len(names) > MOST_COLUMNS:
            raise ValueError(f"{place} has {len(names)} columns; expected at most {MOST_COLUMNS}")
        if not spec.header:
            names = [f"column_{at}" for at in range(1, 1 + len(names))]
        # A series may be called NA, as Namibia's is: its name is missing only where it is empty.
        ids = spec.id_columns or names[: spec.layout == "rows"]
        marks = {at: EMPTY if name in ids else ABSENT for at, name in enumerate(names)}
        options["na_values"] = marks
        rows = pd.read_csv(io.StringIO(text), keep_default_na=False, **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OverflowError) as error:
        reason = packed.one_line(error).removeprefix("Error tokenizing data. C error: ")
        hint = "; lines above the header are the option skip_lines" * reason.startswith("Expected")
        raise ValueError(f"{place} is not a CSV file: {reason}{hint}") from None
    if not spec.header:
        return names, rows
    if _is_data(names):
        raise ValueError(
            f"{place} has no header: its first line holds {quoted(', '.join(names))}; put a line "
            "with the names of its columns above, or set header=False"
        )
    return names, rows.iloc[1:].reset_index(drop=True)


def _without_empty(names: list[str], rows: Any) -> tuple[Any, list[str]]:
    """The rows without columns that have neither name nor value, and without empty rows."""
    absent = rows.isna()
    lost = absent.all(axis=1)
    unused = [not name and bool(absent[at].all()) for at, name in enumerate(names)]
    report = []
    if any(unused) and not all(unused):
        report.append(f"{counted(sum(unused), 'column')} without name and values left out")
        rows = rows.loc[:, [not empty for empty in unused]]
        names = [name for name, empty in zip(names, unused) if not empty]
    if lost.any() and not lost.all():
        report.append(f"{counted(int(lost.sum()), 'row')} without any value left out")
        rows = rows[~lost]
    rows = rows.copy(deep=False)
    rows.columns = [name or f"Unnamed: {at}" for at, name in enumerate(names)]
    return rows, report


def _is_data(names: list[str]) -> bool:
    """Whether a first row is data: numbers and times only. Not all column names are numbers."""
    data = [_decode.DATUM.fullmatch(name) or name.lower() in _decode.ABSENT for name in names]
    return bool(names[0]) and all(data)


def _line(text: str, row: int) -> int:
    """The line at which a row begins; row 0 is the first. Quoted fields may contain line ends."""
    open_quote, row_here = False, -1
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if not open_quote and line.strip():
            row_here += 1
            if row_here == row:
                return number
        open_quote ^= line.count('"') % 2 == 1
    return len(lines)  # an unclosed quote
