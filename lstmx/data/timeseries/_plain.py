"""Times that are plain numbers: years, 20200101, seconds since 1970, numbers of rows."""

from typing import Any

import numpy as np

from lstmx.data.timeseries._parse import CUT, Clock, parsed
from lstmx.data.timeseries._table import Table, quoted

DIGITS = {6: "%Y%m", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
YEARS = (1500, 2200)
"""Whole numbers between them are taken as years."""
EPOCHS = {"epoch": 10, "epoch_ms": 13, "epoch_us": 16, "epoch_ns": 19}
"""Format -> digits since 2001, when seconds had ten."""
PER = {"epoch": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
EXCEL = np.datetime64("1899-12-30T00:00:00", "s")
DATED = ("date", "day", "month", "year", "datetime", "timestamp", "time")
"""Names of columns that hold times, whose plain numbers are no row numbers."""


MOST_SECONDS = 3e11
"""About ten thousand years: no table has more, and `datetime64` arithmetic stays exact."""


def plain(table: Table, column: str, values: Any, form: str, texts: Any = None) -> Clock:
    """Times that are numbers.

    Args:
        table: for messages.
        column: the name of the column.
        values: [N] its numbers.
        form: what they count, as by `kind`; empty for rows.
        texts: [N] as they stand in the file, if they do.

    Raises:
        ValueError: what they count is not certain, or beyond all calendars.
    """
    numbers, name = values.to_numpy(np.float64), quoted(column)
    scale = {**{form: 1 / per for form, per in PER.items()}, "excel": 86_400, "year": 3e7}
    if (
        not (np.abs(numbers) * scale.get(form, 0) < MOST_SECONDS).all()
        or np.abs(numbers).max() > 9e18
    ):
        raise ValueError(f"{table.place}: column {name} holds numbers that are no times")
    if form in PER:
        seconds = np.floor(numbers / PER[form])
        said = f"times as {form}" + f", {CUT}" * bool((seconds * PER[form] != numbers).any())
        return Clock(seconds.astype(np.int64).astype("datetime64[s]"), "UTC", False, said)
    if form == "excel":
        seconds = np.round(numbers * 86_400).astype(np.int64)
        return Clock(EXCEL + seconds.astype("timedelta64[s]"), "", False, "times as days of Excel")
    if form == "year":
        months = np.round((numbers - 1970) * 12)
        if np.abs((numbers - 1970) * 12 - months).max() > 0.02:  # 1949.083 has three digits
            raise ValueError(
                f"{table.place}: column {name} has years with parts that are no months"
            )
        stamps = months.astype(np.int64).astype("datetime64[M]").astype("datetime64[s]")
        return Clock(stamps, "", False, "times as years and their twelfths")
    whole = (numbers == np.round(numbers)).all()
    if not whole or (form != "row" and column.lower() in DATED):
        shown = quoted(texts.iloc[0] if texts is not None else f"{numbers[0]:g}")
        raise ValueError(
            f"{table.place}: times such as {shown} need time_format, such as 'epoch', 'excel', "
            "'row' or '%Y'"
        )
    return numbered(numbers.astype(np.int64), f"the numbers of column {name} count the rows")


def numbered(numbers: np.ndarray, said: str) -> Clock:
    """Numbers of rows [N] as times."""
    return Clock(numbers.astype("datetime64[s]"), "", True, said)


def kind(values: Any, texts: Any) -> str:
    """The format of plain numbers [N], where their size shows it; empty otherwise."""
    numbers = values.to_numpy(np.float64)
    if not np.isfinite(numbers).all():
        return ""
    whole = bool((numbers == np.round(numbers)).all())
    least, most = float(numbers.min()), float(numbers.max())
    if whole and YEARS[0] <= least and most <= YEARS[1]:
        return "%Y"
    if not whole and YEARS[0] <= least and most <= YEARS[1]:
        return "year"
    for form, digits in EPOCHS.items():
        if 10.0 ** (digits - 1) <= least and most < 4.2 * 10.0 ** (digits - 1):  # 2001 to 2103
            return form
    size = len(str(int(least)))
    if whole and least > 0 and len(str(int(most))) == size and size in DIGITS:
        joined = texts if texts is not None else values.astype(np.int64).astype(str)
        stamps = parsed(joined, DIGITS[size])[0]
        low, high = (np.datetime64(f"{year}-01-01") for year in YEARS)
        if not np.isnat(stamps).any() and stamps.min() >= low and stamps.max() < high:
            return DIGITS[size]
    return ""
