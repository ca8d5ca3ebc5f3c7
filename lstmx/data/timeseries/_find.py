"""Which columns of a table are the time, row numbers, targets."""

from typing import Any, NamedTuple

import numpy as np

from lstmx import checks
from lstmx.data.timeseries import _formats, _numbers
from lstmx.data.timeseries._parse import parsed
from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import Table, is_text, listed, quoted

PARTS = ("year", "month", "day", "hour", "minute", "second")
CODES = ("%Y", "%m", "%d", "%H", "%M", "%S")
ROW_NUMBERS = ("", "unnamed: 0", "index", "level_0", "row", "rownames", "no", "nr", "id", "#", "x")
"""Names, in lower case, of a column that may number the rows, besides any time column."""
HOURS = ("hour", "hours", "hr", "h", "stunde", "heure", "hora")
"""Names of columns whose plain numbers are hours beside a column of dates."""
SAMPLE = 20
"""Rows by which a column of dates is recognised."""


class Found(NamedTuple):
    """The columns that are the time.

    Attributes:
        columns: their names; empty where rows are numbered as they come.
        form: their format; empty where it is to be found.
        certain: whether the user named them.
        number: the column that numbers the rows beside them; empty for none.
    """

    columns: tuple[str, ...]
    form: str
    certain: bool
    number: str


def check_names(table: Table, spec: TableSpec) -> None:
    """Refuse names that the table does not have, or has twice.

    Raises:
        ValueError: such a name.
    """
    names = tuple(table.rows.columns)
    file = getattr(table.place, "name", table.place)
    for role in ("time", "id", "target", "past", "known", "static"):
        for column in getattr(spec, f"{role}_columns"):
            checks.one_of(f"column of {file}:", column, names)
            if names.count(column) > 1:
                raise ValueError(
                    f"{table.place} has {names.count(column)} columns named {quoted(column)}"
                )


def time_columns(table: Table, spec: TableSpec) -> Found:
    """The columns that are the time, as given or as found.

    Raises:
        ValueError: several columns may be meant, or none.
    """
    taken = {
        name
        for role in ("id", "target", "past", "known", "static")
        for name in getattr(spec, f"{role}_columns")
    }
    names = [name for name in table.rows.columns if name not in taken]
    names = [name for name in names if list(table.rows.columns).count(name) == 1]
    if spec.time_columns:
        others = [name for name in names if name not in spec.time_columns]
        return Found(spec.time_columns, spec.time_format, True, _row_number(table, others))
    number = _row_number(table, names)
    if spec.time_format == "row":
        return Found((), "row", True, number)
    others = [name for name in names if name != number]
    if spec.time_format and others:
        return Found(_in_format(table, others, spec), spec.time_format, False, number)
    dated = [name for name in others if _is_dated(table.rows[name])]
    if len(dated) > 1:  # 18.00.00 looks like a date
        dated = [name for name in dated if not _is_clock(table.rows[name], name)] or dated
    if len(dated) > 1:
        ids = list(spec.id_columns)
        distinct = [n for n in dated if not table.rows.duplicated(subset=[*ids, n]).any()]
        if len(distinct) != 1:
            raise ValueError(
                f"{table.place}: columns {listed(dated)} hold times; give time_columns"
            )
        dated = distinct
    if dated:
        clock = _clock_beside(table, dated[0], others, spec.id_columns)
        return Found((dated[0], *clock), "", False, number)
    if parts := _parts(others):
        return Found(*parts, False, number)
    named = [name for name in others if name.lower() in (*PARTS, "date", "time", "timestamp")]
    first = (named or [name for name in (number,) if name] or others)[:1]
    if not first or not first[0]:
        raise ValueError(
            f"{table.place} has no column left for the time; give time_columns, or "
            "time_format='row', which numbers the rows as they come"
        )
    _refuse_names(table, first[0])
    return Found((first[0],), "", False, "" if first[0] == number else number)


def targets(table: Table, spec: TableSpec, found: Found) -> tuple[tuple[str, ...], list[str]]:
    """The target columns, as given or all numbers that have no other role; what was left out.

    Raises:
        ValueError: there is none.
    """
    if spec.target_columns:
        return spec.target_columns, []
    roles = ("id", "past", "known", "static")
    taken = {name for role in roles for name in getattr(spec, f"{role}_columns")}
    taken |= {*found.columns, found.number}
    left = [name for name in dict.fromkeys(table.rows.columns) if name not in taken]
    for name in left:
        if (count := list(table.rows.columns).count(name)) > 1:
            raise ValueError(f"{table.place} has {count} columns named {quoted(name)}")
    words = [name for name in left if _is_words(table, name)]
    empty = [name for name in left if table.rows[name].isna().all()]
    chosen = tuple(name for name in left if name not in words and name not in empty)
    if not chosen:
        chosen = tuple(left)  # the first is refused by its line
    if not chosen:
        raise ValueError(f"{table.place} has no value column beside {listed(found.columns)}")
    said = []
    if words and chosen != tuple(left):
        said.append(
            f"columns of words left out: {listed(words)} (past_columns or known_columns make them "
            "inputs)"
        )
    if empty and chosen != tuple(left):
        said.append(f"columns without a value left out: {listed(empty)}")
    return chosen, said


def _is_words(table: Table, name: str) -> bool:
    values = table.rows[name]
    if not is_text(values):
        return values.dtype.kind in "Mm"
    if _is_dated(values) or _numbers.is_category(table, name):
        return True
    texts = values.dropna()
    parts = texts.iloc[: _numbers.SAMPLE], texts  # most columns need no look at all rows
    return bool(len(texts)) and all(
        part.str.strip().str.lower().isin(_numbers.TRUTH).all() for part in parts
    )


def _is_dated(values: Any) -> bool:
    if values.dtype.kind == "M":
        return True
    if not is_text(values):
        return False
    sample = values.dropna().iloc[:SAMPLE]
    dates = [bool(_formats.formats(str(text))) for text in sample]
    return bool(dates) and 2 * sum(dates) >= len(dates)


def _in_format(table: Table, names: list[str], spec: TableSpec) -> tuple[str, ...]:
    """The first column, or date and time of the day, that has the given format."""
    for name in names:
        if not is_text(table.rows[name]) or "%" not in spec.time_format:
            continue
        clock = _clock_beside(table, name, names, spec.id_columns)
        for columns in ((name,), (name, *clock)):
            cells = table.rows[list(columns)].dropna().iloc[:SAMPLE]
            joined = cells.agg(lambda row: " ".join(text.strip() for text in row), axis=1)
            try:
                if len(cells) and not np.isnat(parsed(joined, spec.time_format)[0]).any():
                    return columns
            except (ValueError, OverflowError, TypeError):
                return (names[0],)  # the format is refused where it is used
    return (names[0],)


def _clock_beside(table: Table, date: str, others: list[str], ids: tuple[str, ...]) -> list[str]:
    """The column of times of a day, or of hours, that belongs to dates which repeat."""
    cells = table.rows[date]
    if not is_text(cells) or cells.isna().all() or ":" in str(cells.dropna().iloc[0]):
        return []
    found = []
    for name in others:
        values = table.rows[name]
        if name == date or values.isna().any():
            continue
        sample = values.iloc[:SAMPLE].astype(str).str.strip()
        if name.lower() in HOURS:
            clock = sample.str.contains(r"^\d{1,2}(?:[:.]\d\d){0,2}$", regex=True).all()
        else:
            clock = _is_clock(values, name)
        if clock:
            found.append(name)
    if len(found) != 1 or not table.rows.duplicated(subset=[*ids, date]).any():
        return []  # the time of sunrise, once for each day
    return found


def _is_clock(values: Any, name: str) -> bool:
    """Whether a column holds times of a day; 18.00.00 is one if the name says so."""
    sample = values.dropna().iloc[:SAMPLE].astype(str).str.strip()
    timed = any(word in name.lower() for word in ("time", "clock", "zeit"))
    return all(_formats.is_clock(text) and (timed or ":" in text) for text in sample)


def _parts(names: list[str]) -> tuple[tuple[str, ...], str] | None:
    """Columns year, month, ... or year, quarter, and the format of them joined by spaces."""
    by_name = {name.lower(): name for name in names}
    if "year" not in by_name:
        return None
    if "quarter" in by_name and "month" not in by_name:
        return (by_name["year"], by_name["quarter"]), "quarter"
    count = next((at for at, part in enumerate(PARTS) if part not in by_name), len(PARTS))
    if count < 2:
        return None
    return tuple(by_name[part] for part in PARTS[:count]), " ".join(CODES[:count])


def _row_number(table: Table, names: list[str]) -> str:
    """The first column, if it numbers the rows and has the name of such a column."""
    first = str(table.rows.columns[0])
    if first not in names or first.lower() not in ROW_NUMBERS or len(names) < 2:
        return ""
    import pandas as pd

    numbers = pd.to_numeric(table.rows[first], errors="coerce").to_numpy(np.float64)
    return first if (np.diff(numbers) == 1).all() and numbers[0] in (0, 1) else ""


def _refuse_names(table: Table, name: str) -> None:
    """Refuse a first column of names: it has no times."""
    if _numbers.is_category(table, name) and name.lower() not in ("date", "time", "timestamp"):
        texts = table.rows[name].dropna()
        if not _formats.is_clock(str(texts.iloc[0])):
            raise ValueError(
                f"{table.place}: no column holds times that can be read; column {quoted(name)} "
                f"holds {quoted(texts.iloc[0])}; give time_columns with time_format, or "
                "time_format='row' if rows follow one another evenly, or layout='rows' if each row "
                "is a series"
            )
