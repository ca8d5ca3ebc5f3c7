"""The columns of a table as times, in the format that the whole of a column allows."""

import re
from typing import Any, NamedTuple

import numpy as np

from lstmx.data import packed
from lstmx.data.timeseries import _formats
from lstmx.data.timeseries._parse import CUT, Clock, parsed
from lstmx.data.timeseries._plain import EPOCHS, kind, numbered, plain
from lstmx.data.timeseries._table import Table, is_text, listed, quoted

ZONE_NAME = re.compile(r"\d ?[A-Z]{3,5}$")
"""A time that ends in letters, such as CET or IST, of which there are three."""
ROUNDS = 20
"""Most formats that one column may mix: with and without a time of day, seconds, an offset."""
SAMPLE = 5000
"""Rows that are looked at before all are."""


def times(table: Table, columns: tuple[str, ...], time_format: str) -> Clock:
    """The times of the rows, of one or more columns joined by spaces.

    Raises:
        ValueError: a missing time, one that cannot be read, or a format that is not certain.
    """
    place, names = table.place, listed(columns)
    if not columns:
        return numbered(np.arange(len(table.rows)), "rows are numbered as they come")
    cells = table.rows[list(columns)]
    if (absent := cells.isna().any(axis=1)).any():
        raise ValueError(f"{place}: {table.at(absent)} has no time in column {names}")
    if len(columns) == 1 and cells.dtypes.iloc[0].kind == "M":
        return _stamps(cells.iloc[:, 0], "times as stored")
    if len(columns) == 1 and not is_text(cells.iloc[:, 0]):
        return _counted(table, columns[0], cells.iloc[:, 0], time_format)
    parts = [cells.iloc[:, at].astype(str).str.strip() for at in range(len(columns))]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + " " + part
    if len(columns) == 1 and time_format in ("", "excel", "year", "row", *EPOCHS):
        import pandas as pd

        bare = pd.to_numeric(joined, errors="coerce")
        wrong = bare.isna()
        if time_format and wrong.any():
            raise ValueError(_wrong(table, names, joined, wrong, time_format))
        if not wrong.any():
            return _counted(table, columns[0], bare, time_format, joined)
    if time_format:
        return _checked(table, names, joined, time_format)
    return _found(table, names, joined, len(columns))


def _counted(table: Table, column: str, values: Any, form: str, texts: Any = None) -> Clock:
    """Times that are plain numbers."""
    form = form or kind(values, texts)
    if "%" not in form:
        return plain(table, column, values, form, texts)
    joined = values.astype(np.int64).astype(str) if texts is None else texts
    return _checked(table, listed([column]), joined, form)


def _stamps(column: Any, said: str) -> Clock:
    zone = ""
    if column.dt.tz is not None:
        column, zone = column.dt.tz_convert("UTC").dt.tz_localize(None), "UTC"
    exact = column.to_numpy()
    stamps = exact.astype("datetime64[s]")
    said += f", {CUT}" if (stamps != exact).any() else ""
    return Clock(stamps, zone, False, said)


def _found(table: Table, names: str, joined: Any, count: int) -> Clock:
    """Times whose format is found: that of the first row, and of every row that it does not fit."""
    first = next((text for text in joined.iloc[:20] if _formats.formats(text)), "")
    if not first:
        first = joined.iloc[0]
        if count > 1:
            raise ValueError(
                f"{table.place}: several time columns need time_format; one time: {quoted(first)}"
            )
        name = ZONE_NAME.search(first)
        if name:
            raise ValueError(
                f"{table.place}: times such as {quoted(first)} end in the name of a zone, which is "
                "not unique; expected offsets such as +01:00, or no names and the option time_zone"
            )
        raise ValueError(f"{table.place}: times such as {quoted(first)} need time_format")
    readings: list[_Reading] = []
    for order in (_formats.DAY_FIRST, _formats.MONTH_FIRST, _formats.YEAR_FIRST):
        if not readings or not readings[0].plain:
            readings.append(_reading(joined, order))
    whole = [reading for reading in readings if not np.isnat(reading.times).any()]
    if not whole:
        best = max(readings, key=lambda reading: int((~np.isnat(reading.times)).sum()))
        form = best.said or next(iter(_formats.formats(first).values()))
        raise ValueError(_wrong(table, names, joined, np.isnat(best.times), form))
    other = next((w for w in whole[1:] if not np.array_equal(w.times, whole[0].times)), None)
    if other is not None:
        raise ValueError(
            f"{table.place}: times such as {quoted(first)} can be read as {whole[0].said!r} and as "
            f"{other.said!r} in every row; give time_format"
        )
    aware = whole[0].aware
    if aware.any() and not aware.all():
        raise ValueError(
            f"{table.place}: {table.at(aware)} has a time with an offset from UTC, and "
            f"{table.at(~aware)} has one without; expected one kind"
        )
    said = f"times as {whole[0].said}" + f", {CUT}" * ("%f" in whole[0].said)
    if not aware.all():
        return Clock(whole[0].times, "", False, said)
    return _whole_days(joined, Clock(whole[0].times, "UTC", False, said))


class _Reading(NamedTuple):
    """What a column gives in one order of day, month and year.

    Attributes:
        times: [N] datetime64[s], NaT where it has no format.
        aware: [N] whether a time has an offset.
        said: the formats.
        plain: whether no format leaves a choice of order.
    """

    times: np.ndarray
    aware: np.ndarray
    said: str
    plain: bool


def _reading(joined: Any, order: str) -> _Reading:
    stamps = np.full(len(joined), np.datetime64("NaT", "s"))
    aware = np.zeros(len(joined), bool)
    tried: list[str] = []
    plain = True
    # An order that a few rows exclude need not be tried on all.
    for rows in (slice(SAMPLE), slice(None)):
        while (left := np.isnat(stamps[rows])).any() and len(tried) < ROUNDS:
            found = _formats.formats(joined.iloc[int(np.argmax(left))])
            plain &= _formats.PLAIN in found
            form = found.get(order) or found.get(_formats.PLAIN)
            if not form or form in tried:
                return _Reading(stamps, aware, " and ".join(tried[:3]), plain)
            tried.append(form)
            at = np.flatnonzero(np.isnat(stamps)) if rows.stop is None else np.flatnonzero(left)
            stamps[at], aware[at] = parsed(joined.iloc[at], form)
        if rows.stop is not None:
            stamps[:], tried = np.datetime64("NaT", "s"), []
    return _Reading(stamps, aware & ~np.isnat(stamps), " and ".join(tried[:3]), plain)


def _checked(table: Table, names: str, joined: Any, form: str) -> Clock:
    """Times of a given format."""
    try:
        stamps, aware = parsed(joined, form)
    except (ValueError, OverflowError, TypeError) as error:
        reason = packed.one_line(error).split(". ")[0]
        raise ValueError(f"{table.place}: time columns {names}: {reason}") from None
    if (wrong := np.isnat(stamps)).any():
        raise ValueError(_wrong(table, names, joined, wrong, form))
    clock = Clock(stamps, "UTC" if aware else "", False, f"times as {form}")
    return _whole_days(joined, clock) if aware else clock


def _whole_days(joined: Any, clock: Clock) -> Clock:
    """Local times where these are at one time of the day always, and those in UTC are not."""
    of_day = np.unique(clock.times.astype(np.int64) % 86_400)
    if not 2 <= len(of_day) <= 3:  # before and after the clocks change
        return clock
    parts = joined.str.extract(r"([+-])(\d{2}):?(\d{2})?$")
    if parts[0].isna().any():
        return clock
    minutes = parts[1].astype(int) * 60 + parts[2].fillna("0").astype(int)
    offset = (minutes * parts[0].map({"+": 60, "-": -60})).to_numpy().astype("timedelta64[s]")
    local = clock.times + offset
    if len(np.unique(local.astype(np.int64) % 86_400)) > 1:
        return clock
    return Clock(local, "", False, f"{clock.said}, kept as local times of whole days")


def _wrong(table: Table, names: str, joined: Any, wrong: Any, form: str) -> str:
    text = quoted(joined.iloc[int(np.argmax(np.asarray(wrong)))])
    return (
        f"{table.place}: time columns {names}, {table.at(wrong)}: got {text}; expected a time as "
        f"{form!r}"
    )
