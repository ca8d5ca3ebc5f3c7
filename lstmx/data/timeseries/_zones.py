"""Times of a place: changes of its clocks, offsets from UTC."""

import numpy as np

from lstmx.data.timeseries._frequency import DAY
from lstmx.data.timeseries._table import Table, counted
from lstmx.data.timeseries._times import Clock


def placed(
    table: Table, clock: Clock, series: np.ndarray, zone: str
) -> tuple[np.ndarray, str, list[str]]:
    """The times in UTC where the zone is known, the zone, and what was decided.

    Local times become UTC; those of days and longer steps, always at one time of the day, stay
    local: a day of 23 hours is a day.

    Raises:
        ValueError: a local time that the clocks of the zone skipped, or one that they showed
            twice and whose order does not tell which it is.
    """
    import pandas as pd

    if not zone or clock.numbered:
        return clock.times, clock.zone, []
    index = pd.DatetimeIndex(clock.times)
    if clock.zone:
        wall = index.tz_localize("UTC").tz_convert(zone).tz_localize(None)
        local = wall.to_numpy().astype("datetime64[s]")
        if _daily(local, series):
            return local, "", [f"daily times kept as local ones of {zone}"]
        return clock.times, zone, []
    if _daily(clock.times, series):
        return clock.times, "", [f"daily times kept as local ones of {zone}"]
    found = np.empty_like(clock.times)
    order = np.argsort(series, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(series[order])) + 1):
        try:
            utc = index[own].tz_localize(zone, ambiguous="infer", nonexistent="raise")
        except ValueError as error:
            raise ValueError(_refused(table, str(error), zone)) from None
        found[own] = utc.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")
    return found, zone, [f"local times of {zone} converted to UTC"]


def remedy(times: np.ndarray) -> str:
    """A hint where times occur twice as when clocks are put back: an hour of one night, twice."""
    seconds = times.astype(np.int64)
    twice = seconds[1:][np.diff(seconds) == 0]
    hours = np.unique(twice // 3600)
    nights = np.unique(twice // DAY)
    if len(twice) and len(hours) == len(nights) and (hours % 24 <= 3).all() and _sundays(nights):
        return ", or time_zone ('Europe/Berlin') if clocks were put back there"
    return ""


def put_forward(times: np.ndarray) -> list[str]:
    """A remark where an hour is missing on a Sunday of spring as when clocks are put forward."""
    steps = np.diff(times.astype(np.int64))
    least = steps[steps > 0].min(initial=DAY)
    if least > 3600:
        return []
    at = np.flatnonzero(steps == 3600 + least)
    night = [row for row in at if _spring(times[row])]
    if not night:
        return []
    return [
        f"{counted(len(night), 'hour')} missing on Sundays of spring, the first after "
        f"{times[night[0]]}: if clocks were put forward there, give time_zone ('Europe/Berlin')"
    ]


def _daily(times: np.ndarray, series: np.ndarray) -> bool:
    """Whether every series is at one time of the day always."""
    of_day = times.astype(np.int64) % DAY
    first = np.unique(series, return_index=True)[1]
    return bool((of_day == of_day[first][series]).all())


def _sundays(days: np.ndarray) -> bool:
    return bool(((days + 3) % 7 == 6).all())


def _spring(time: np.datetime64) -> bool:
    month = int(time.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    return month in (3, 4) and _sundays(np.array([time.astype("datetime64[D]").astype(np.int64)]))


def _refused(table: Table, reason: str, zone: str) -> str:
    return (
        f"{table.place}: local times do not fit the clocks of {zone} ({reason.split('.')[0]}); "
        "give times with their offset from UTC, or in UTC"
    )
