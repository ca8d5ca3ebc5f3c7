"""`Frame`: what is known of one or many time series after a table was read."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lstmx.data.timeseries._frequency import Frequency

ROLES = ("target", "past", "known", "static")
"""What a column is to a forecast: predicted; known up to the origin; known beyond it, such as
holidays; the same in all rows of a series."""
MISSING, UNSEEN = 0, 1
"""Codes of `codes` for a missing value and for a level that the training part does not have."""


class Column(NamedTuple):
    """One column of a frame.

    Attributes:
        name: as in the table.
        role: one of `ROLES`.
        values: [N], or [S] if static. Numbers: float64, NaN where missing. Categories: int32
            places in `levels`, -1 where missing.
        levels: the categories that occur in the whole table, sorted; None for numbers.
    """

    name: str
    role: str
    values: np.ndarray
    levels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Frame:
    """One or many time series from a table, sorted by series and time.

    With a frequency every series is complete: a time that the table lacks is a row of missing
    values. Rows at the end of a series may hold known columns only, see `history`.

    Attributes:
        times: [N] datetime64[s], strictly increasing within a series. UTC where `zone` is not
            empty, otherwise as the table has them. Numbered rows: row n is n seconds after 1970.
        bounds: [S + 1] int64; series s has the rows bounds[s] to bounds[s + 1].
        ids: [S] names of the series; ("",) if the table has no id column.
        columns: targets first, in the order asked for.
        frequency: how times follow one another in every series; None if irregular.
        zone: name of the time zone whose clocks people go by ("Europe/Berlin", "UTC"); empty if
            the times are local ones of an unknown place, or no times.
        history: [S] rows of each series up to the last one that observes a target or past column,
            if there are known columns; all rows otherwise, and of a series without observation.
        report: what was read, decided and changed, a sentence each.
    """

    times: np.ndarray
    bounds: np.ndarray
    ids: tuple[str, ...]
    columns: tuple[Column, ...]
    frequency: Frequency | None
    zone: str
    history: np.ndarray
    report: tuple[str, ...]

    @property
    def series(self) -> np.ndarray:
        """The series of each row, [N] int64."""
        return np.repeat(np.arange(len(self.ids)), np.diff(self.bounds))


def named(frame: Frame, role: str, *, categories: bool = False) -> tuple[Column, ...]:
    """The columns of a role that hold numbers, or those that hold categories."""
    return tuple(
        column
        for column in frame.columns
        if column.role == role and (column.levels is not None) == categories
    )


def numbers(frame: Frame, role: str) -> np.ndarray:
    """The numbers of a role, [N, C] float64 ([S, C] if static), NaN where missing."""
    found = [column.values for column in named(frame, role)]
    rows = len(frame.ids) if role == "static" else len(frame.times)
    return np.stack(found, axis=1) if found else np.empty((rows, 0))


def local_times(frame: Frame) -> np.ndarray:
    """The times that a clock on the wall shows, [N] datetime64[s], for features of the calendar."""
    if frame.zone in ("", "UTC"):
        return frame.times
    import pandas as pd

    wall = pd.DatetimeIndex(frame.times).tz_localize("UTC").tz_convert(frame.zone)
    return wall.tz_localize(None).to_numpy().astype("datetime64[s]")


def stamps(frame: Frame) -> np.ndarray:
    """What a reader is shown as time: the times [N], or the int64 numbers of numbered rows."""
    numbered = frame.frequency is not None and frame.frequency.unit == "step"
    return frame.times.astype(np.int64) if numbered else frame.times


def ages(frame: Frame, values: np.ndarray) -> np.ndarray:
    """Seconds since each column was last observed, [N, C] float64; 0 where it is observed.

    NaN before the first observation of a series.

    Args:
        frame: the frame.
        values: [N, C], NaN where missing.
    """
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows), axis=0)
    known = last >= frame.bounds[frame.series][:, None]
    seconds = frame.times.astype(np.int64)
    return np.where(known, (seconds[:, None] - seconds[np.maximum(last, 0)]).astype(float), np.nan)


def levels(column: Column, training: np.ndarray) -> tuple[str, ...]:
    """The categories of a column that occur in the training part, sorted.

    Args:
        column: of categories.
        training: [N] (or [S]) True, or places, of the rows of the training part.
    """
    found = column.levels or ()
    return tuple(found[code] for code in np.unique(column.values[training]) if code >= 0)


def codes(column: Column, known: tuple[str, ...]) -> np.ndarray:
    """The categories of a column as int32: 0 missing, 1 unseen, 2 + place in `known` otherwise.

    Args:
        column: of categories.
        known: the levels of the training part, as by `levels`.
    """
    place = {level: 2 + at for at, level in enumerate(known)}
    table = [place.get(level, UNSEEN) for level in column.levels or ()]
    return np.asarray([*table, MISSING], np.int32)[column.values]  # -1 is the last
