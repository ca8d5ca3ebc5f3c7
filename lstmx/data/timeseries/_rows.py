"""Rows of many series on their way from a table to a frame: order, duplicates, axis, gaps."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lstmx.data.timeseries import _axis
from lstmx.data.timeseries._frame import Column
from lstmx.data.timeseries._frequency import Frequency, at, described
from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import counted

MOST_VALUES, MOST_TIMES = 1 << 24, 20
"""Gaps are filled to at most 16 million values (128 MiB), or 20 times as many as there are."""


class Rows(NamedTuple):
    """Rows of a table.

    Attributes:
        name: of the table, for messages.
        times: [N] datetime64[s].
        series: [N] int64 number of the series.
        columns: with values [N].
        lines: [N] their places in the table, from 0; -1 where inserted.
        numbered: whether the times are numbers of rows.
    """

    name: str
    times: np.ndarray
    series: np.ndarray
    columns: tuple[Column, ...]
    lines: np.ndarray
    numbered: bool

    @property
    def bounds(self) -> np.ndarray:
        """[S + 1] where the series begin, once rows are in order."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.series))])


def shown(rows: Rows, time: np.datetime64) -> str:
    """A time for a message."""
    if rows.numbered:
        return str(time.astype(np.int64))
    text = str(time).replace("T", " ")
    return text.removesuffix(" 00:00:00")


def taken(rows: Rows, index: np.ndarray) -> Rows:
    """The rows at these places."""
    columns = tuple(column._replace(values=column.values[index]) for column in rows.columns)
    return rows._replace(
        times=rows.times[index],
        series=rows.series[index],
        columns=columns,
        lines=rows.lines[index],
    )


def ordered(rows: Rows) -> tuple[Rows, list[str]]:
    """The rows sorted by series and time."""
    index = np.lexsort((rows.times, rows.series))
    if (index == np.arange(len(index))).all():
        return rows, []
    one = not rows.series.any()
    back = one and int((np.diff(rows.times.astype(np.int64)) < 0).sum())
    said = (
        [f"rows sorted by time: {counted(back, 'row')} came before an earlier one"] if back else []
    )
    return taken(rows, index), said


def distinct(
    rows: Rows, how: str, remedy: Callable[[Rows], str] = lambda rows: ""
) -> tuple[Rows, list[str]]:
    """The rows with one for each series and time.

    Args:
        rows: in order.
        how: the option `duplicates`.
        remedy: rows -> what else may help, for the message.

    Raises:
        ValueError: two rows of one time differ, and `how` is "refuse".
    """
    again = _again(rows)
    if not again.any():
        return rows, []
    same = again.copy()
    for column in rows.columns:
        now, before = column.values[1:], column.values[:-1]
        equal = now == before
        if column.levels is None:
            equal |= np.isnan(now) & np.isnan(before)
        same[1:] &= equal
    said = [f"{counted(int(same.sum()), 'duplicate row')} left out"] if same.any() else []
    rows = taken(rows, np.flatnonzero(~same)) if same.any() else rows
    again = _again(rows)
    if not again.any():
        return rows, said
    count, time = int(again.sum()), shown(rows, rows.times[int(np.argmax(again))])
    if how == "refuse":
        raise ValueError(
            f"{rows.name} has more than one row of time {time}, in all {counted(count, 'row')} too "
            f"many; give duplicates ('first', 'last' or 'mean'){remedy(rows)}"
        )
    said.append(f"{counted(count, 'row')} of a time that another row has: the {how} was taken")
    first = ~again
    if how == "last":
        first = np.concatenate([~again[1:], [True]])
    kept = taken(rows, np.flatnonzero(first))
    if how == "mean":
        starts = np.flatnonzero(first)
        columns = [
            column._replace(values=_mean(rows.columns[at].values, starts))
            if column.levels is None
            else column
            for at, column in enumerate(kept.columns)
        ]
        kept = kept._replace(columns=tuple(columns))
    return kept, said


def on_an_axis(rows: Rows, spec: TableSpec) -> tuple[Rows, Frequency | None, list[str]]:
    """The rows and their frequency, after rows beside it were treated as the options say.

    Raises:
        ValueError: there are such rows, or no frequency, and the option is "refuse".
    """
    frequency = _axis.infer(rows.times, rows.bounds, rows.numbered)
    if frequency or len(rows.times) - len(rows.bounds) + 1 < 1:
        return rows, frequency, []
    wrong, moved = np.zeros(len(rows.times), bool), rows.times.copy()
    for begin, end in zip(rows.bounds[:-1], rows.bounds[1:]):
        if found := _axis.beside(rows.times[begin:end]):
            wrong[begin:end], moved[begin:end] = found
    rest = taken(rows, np.flatnonzero(~wrong))
    known = _axis.infer(rest.times, rest.bounds) or _axis.infer_rounded(moved)
    said: list[str] = []
    if wrong.any() and spec.odd_times != "keep":
        count, time = int(wrong.sum()), shown(rows, rows.times[int(np.argmax(wrong))])
        what = f"{counted(count, 'row')} of {len(wrong)} beside the {described(known)} rows"
        ways = ["'drop'"] if wrong.mean() <= _axis.RARE else []
        if (moved != rows.times)[wrong].any():  # a Saturday is no rounded Friday
            ways.append("'round' to the nearest of these times")
        if not any(spec.odd_times in way for way in ways):
            raise ValueError(
                f"{rows.name} has {what}, first {time}; give odd_times ({', '.join(ways)} or "
                "'keep' and fill no gaps)"
            )
        if spec.odd_times == "drop":
            rows = rest
            said.append(f"{what} left out, first {time}")
        else:
            rows, more = ordered(rows._replace(times=moved))
            rows, again = distinct(rows, spec.duplicates)
            said += [f"{what} moved to the nearest of their times, first {time}", *more, *again]
        frequency = _axis.infer(rows.times, rows.bounds)
    if frequency is None:
        steps = np.diff(rows.times.astype(np.int64))[np.diff(rows.series) == 0]
        about = "times are irregular: steps from {} to {} s, {} in the middle".format(
            *(int(number) for number in (steps.min(), steps.max(), np.median(steps)))
        )
        if spec.irregular == "refuse":
            raise ValueError(f"{rows.name}: {about}; give irregular='keep' if that is right")
        said.append(f"{about}; nothing was filled")
    return rows, frequency, said


def filled(rows: Rows, frequency: Frequency, gaps: str) -> tuple[Rows, list[str]]:
    """The rows with one of missing values at every time that a series lacks.

    Raises:
        ValueError: there are gaps and `gaps` is "refuse", or far too many rows would be inserted.
    """
    index, bounds = _axis.complete(rows.times, rows.bounds, frequency)
    total, width = int(bounds[-1]), max(1, len(rows.columns))
    if total == len(index):
        return rows, []
    steps = np.where(np.diff(rows.series) == 0, np.diff(index), 1)
    longest = int(np.argmax(steps))
    if total * width > max(MOST_VALUES, MOST_TIMES * len(index) * width):
        before, after = rows.times[longest], rows.times[longest + 1]
        unit = "s" if frequency.unit == "second" else frequency.unit
        raise ValueError(
            f"{rows.name} would be {total} rows, one every {frequency.every} {unit}, and the file "
            f"has {len(index)}; check the times: {before} is followed by {after}"
        )
    count = counted(int((steps > 1).sum()), "gap")
    what = (
        f"{count}, {counted(total - len(index), 'row')}, the longest of {int(steps[longest]) - 1} "
        f"after {shown(rows, rows.times[longest])}"
    )
    if gaps == "refuse":
        raise ValueError(f"{rows.name} has {what}; give gaps='missing' to insert them as missing")
    series = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    places = np.arange(total) - bounds[:-1][series]
    first = rows.times[rows.bounds[:-1]]
    origin = _axis.positions(frequency, first)
    whole = Rows(
        rows.name,
        at(frequency, first[series], origin[series] + places),
        series,
        tuple(_spread(column, index, total) for column in rows.columns),
        _spread_numbers(rows.lines, index, total, -1),
        rows.numbered,
    )
    return whole, [f"gaps filled as missing: {what}"]


def _again(rows: Rows) -> np.ndarray:
    """Rows [N] whose series and time are those of the row before."""
    same = (rows.times[1:] == rows.times[:-1]) & (rows.series[1:] == rows.series[:-1])
    return np.concatenate([[False], same])


def _mean(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Means of the observed values of groups of rows; NaN where there are none."""
    count = np.add.reduceat(np.isfinite(values).astype(float), starts)
    total = np.add.reduceat(np.nan_to_num(values), starts)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _spread(column: Column, index: np.ndarray, total: int) -> Column:
    missing = np.nan if column.levels is None else -1
    return column._replace(values=_spread_numbers(column.values, index, total, missing))


def _spread_numbers(
    values: np.ndarray, index: np.ndarray, total: int, missing: float
) -> np.ndarray:
    whole = np.full(total, missing, values.dtype)
    whole[index] = values
    return whole
