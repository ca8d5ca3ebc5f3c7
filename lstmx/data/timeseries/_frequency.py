"""Frequencies of a time axis: fixed steps, days of the week that have rows, calendar months."""

from typing import NamedTuple

import numpy as np

DAY = 86_400
NAMES = {
    ("second", 1800): "half-hourly",
    ("second", 3600): "hourly",
    ("second", DAY): "daily",
    ("second", 7 * DAY): "weekly",
    ("month", 1): "monthly",
    ("month", 3): "quarterly",
    ("month", 12): "yearly",
    ("step", 1): "numbered",
}
LAST = 31
"""A day of the month that stands for its last day; 30 and 29 are cut to shorter months as well."""


class Frequency(NamedTuple):
    """How one time of a regular axis follows from the one before.

    Attributes:
        unit: "second"; "weekday", a row on each of `days`; "month"; or "step", for rows that are
            numbered and have no time.
        every: how many units lie between rows; 1 for "weekday".
        days: of a "weekday", the days that have rows, Monday is 0; of a "month", the one day of
            the month, 31 for its last day.
    """

    unit: str
    every: int
    days: tuple[int, ...] = ()


def described(frequency: Frequency | None) -> str:
    """The frequency in a word or two: "hourly", "15-minute", "business-daily"."""
    if frequency is None:
        return "irregular"
    unit, every, days = frequency
    if unit == "weekday":
        if days == (0, 1, 2, 3, 4):
            return "business-daily"
        return "-".join("Mon Tue Wed Thu Fri Sat Sun".split()[day] for day in days)
    if (unit, every) in NAMES:
        return NAMES[unit, every]
    if unit == "second":
        for size, name in ((DAY, "day"), (3600, "hour"), (60, "minute")):
            if every % size == 0:
                return f"{every // size}-{name}"
    return f"{every}-{unit}"


def next_times(frequency: Frequency, last: np.datetime64, count: int) -> np.ndarray:
    """The `count` times after `last`, [count] datetime64[s]."""
    start = np.full(1, last, "datetime64[s]")
    return at(frequency, start, positions(frequency, start)[0] + 1 + np.arange(count))


def positions(frequency: Frequency, times: np.ndarray) -> np.ndarray:
    """The place of times on the frequency's axis, [N] int64: it grows by 1 from row to row.

    Where the axis starts is left open: only differences have a meaning. A time beside the axis gets
    one of the two places around it.
    """
    unit, every, days = frequency
    seconds = times.astype("datetime64[s]").astype(np.int64)
    if unit in ("second", "step"):
        return seconds // every
    if unit == "month":
        return times.astype("datetime64[M]").astype(np.int64) // every
    day = seconds // DAY + 3  # 1970-01-01 was a Thursday
    rank = np.searchsorted(np.asarray(days), day % 7, side="right") - 1
    return day // 7 * len(days) + rank


def at(frequency: Frequency, like: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The times [N] of places, whose phase (time of day, offset of a step) is that of `like`.

    Args:
        frequency: the axis.
        like: [N] or [1] times that lie on the axis of their row.
        places: [N] as by `positions`.
    """
    unit, every, days = frequency
    seconds = like.astype("datetime64[s]").astype(np.int64)
    if unit in ("second", "step"):
        return (places * every + seconds % every).astype("datetime64[s]")
    if unit == "month":
        phase = like.astype("datetime64[M]").astype(np.int64) % every
        month = (places * every + phase).astype("datetime64[M]")
        offset = np.minimum(days[0], month_lengths(month)) - 1
        day = month.astype("datetime64[D]") + offset.astype("timedelta64[D]")
    else:
        week, rank = np.divmod(places, len(days))
        day = (week * 7 + np.asarray(days)[rank] - 3).astype("datetime64[D]")
    return day.astype("datetime64[s]") + (seconds % DAY).astype("timedelta64[s]")


def month_lengths(months: np.ndarray) -> np.ndarray:
    """Days [N] int64 of months [N] datetime64[M]."""
    after = months + np.timedelta64(1, "M")
    return (after.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
