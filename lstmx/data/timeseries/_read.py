"""From a table to a frame: what `lstmx.data.timeseries.read` does, in order."""

import functools
from typing import Any, NamedTuple

import numpy as np

from lstmx.data.timeseries import _find, _numbers, _rows, _zones
from lstmx.data.timeseries._frame import Column, Frame
from lstmx.data.timeseries._frequency import Frequency, described
from lstmx.data.timeseries._rows import Rows, shown
from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import Table, counted, listed, quoted
from lstmx.data.timeseries._times import CUT
from lstmx.data.timeseries._times import times as clock_of


class Unfilled(NamedTuple):
    """Rows in order and without duplicates, before gaps are filled.

    Attributes:
        rows: the rows.
        ids: [S] names of the series.
        zone: of the times.
        static: columns with values [S].
        report: what was decided so far.
    """

    rows: Rows
    ids: tuple[str, ...]
    zone: str
    static: tuple[Column, ...]
    report: tuple[str, ...]


def unfilled(table: Table, spec: TableSpec) -> Unfilled:
    """The rows of a table.

    Raises:
        ValueError: what cannot be read, or not with certainty.
    """
    _find.check_names(table, spec)
    found = _find.time_columns(table, spec)
    targets, left_out = _find.targets(table, spec, found)
    clock = clock_of(table, found.columns, found.form)
    series, ids = _series(table, spec)
    if (
        clock.numbered
        and not found.certain
        and (np.diff(clock.times)[np.diff(series) == 0] <= np.timedelta64(0, "s")).any()
    ):
        raise ValueError(
            f"{table.place}: column {listed(found.columns)} holds numbers that do not grow from "
            "row to row; name the time_columns, the id_columns if there are several series, or "
            "give time_format='row', which numbers the rows as they come"
        )
    said = [
        *table.report,
        *(
            [f"column {quoted(found.number)} numbers the rows and was left out"]
            if found.number
            else []
        ),
    ]
    said += (
        [f"{clock.said}, from {listed(found.columns)}"]
        if found.columns and not clock.numbered
        else [clock.said]
    )
    stamps, zone, more = _zones.placed(table, clock, series, spec.time_zone)
    said += more + left_out
    columns, more = columns_of(table, targets, spec)
    rows = Rows(str(table.place), stamps, series, columns, np.arange(len(stamps)), clock.numbered)
    static, rows = _static(table, rows, spec)
    said += more
    rows, more = _rows.ordered(rows)
    said += more
    remedy = lambda rows: _remedy(table, rows, spec, found.columns, clock.said)
    rows, more = _rows.distinct(rows, spec.duplicates, remedy)
    return Unfilled(rows, ids, zone, static, tuple(said + more))


def frame(table: Table, spec: TableSpec) -> Frame:
    """The frame of a table.

    Raises:
        ValueError: what cannot be read, or not with certainty.
    """
    start = unfilled(table, spec)
    rows, frequency, said = _rows.on_an_axis(start.rows, spec)
    if frequency:
        if not start.zone and not rows.numbered:
            said += _zones.put_forward(rows.times)
        rows, more = _rows.filled(rows, frequency, spec.gaps)
        said += more
    history = _history(rows)
    report = (
        _summary(start, rows, frequency),
        *start.report,
        *said,
        *_about(rows, history),
    )
    return Frame(
        times=rows.times,
        bounds=rows.bounds,
        ids=start.ids,
        columns=(*rows.columns, *start.static),
        frequency=frequency,
        zone=start.zone,
        history=history,
        report=report,
    )


def _series(table: Table, spec: TableSpec) -> tuple[np.ndarray, tuple[str, ...]]:
    """The series of each row [N], in order of first occurrence, and their names."""
    import pandas as pd

    if not spec.id_columns:
        return np.zeros(len(table.rows), np.int64), ("",)
    places, names = pd.factorize(names_in(table, spec.id_columns))
    return places.astype(np.int64), tuple(str(name) for name in names)


def names_in(table: Table, columns: tuple[str, ...]) -> Any:
    """The name of the series of each row: what some columns hold, with "/" between them.

    Raises:
        ValueError: a row without a name.
    """
    cells = table.rows[list(columns)]
    if (absent := cells.isna().any(axis=1)).any():
        raise ValueError(
            f"{table.place}: {table.at(absent)} has no name in column {listed(columns)}"
        )
    parts = [cells.iloc[:, at].astype(str).str.strip() for at in range(cells.shape[1])]
    return functools.reduce(lambda joined, part: joined + "/" + part, parts)


def columns_of(
    table: Table, targets: tuple[str, ...], spec: TableSpec
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns of all roles, still with a value for each row."""
    roles = [("target", targets), ("past", spec.past_columns), ("known", spec.known_columns)]
    roles.append(("static", spec.static_columns))
    pairs = [(role, name) for role, names in roles for name in names]
    words = {
        name
        for role, name in pairs
        if role != "target" and (name in spec.category_columns or _numbers.is_category(table, name))
    }
    plain = [name for _, name in pairs if name not in words]
    written = _numbers.form(table, plain, spec)
    said = []
    if written != _numbers.Form():
        said.append(f"numbers are written as 1{written.thousands}234{written.decimal}5")
    found = []
    for role, name in pairs:
        if name in words:
            values, levels = _numbers.categories(table, name, spec)
            said.append(
                f"column {quoted(name)} holds {counted(len(levels), 'category')}".replace(
                    "categorys", "categories"
                )
            )
            found.append(Column(name, role, values, levels))
        else:
            values, more = _numbers.numbers(table, name, written, spec)
            said += more
            found.append(Column(name, role, values))
    return tuple(found), said


def _static(table: Table, rows: Rows, spec: TableSpec) -> tuple[tuple[Column, ...], Rows]:
    """The static columns with a value for each series, and the rows without them."""
    first = np.unique(rows.series, return_index=True)[1]
    found = []
    for column in rows.columns:
        if column.role != "static":
            continue
        like = column.values[first][rows.series]
        same = column.values == like
        if column.levels is None:
            same |= np.isnan(column.values) & np.isnan(like)
        if not same.all():
            raise ValueError(
                f"{table.place}: static column {quoted(column.name)} changes within a series, "
                f"{table.at(~same)}"
            )
        found.append(column._replace(values=column.values[first]))
    rest = tuple(column for column in rows.columns if column.role != "static")
    return tuple(found), rows._replace(columns=rest)


def _remedy(table: Table, rows: Rows, spec: TableSpec, times: tuple[str, ...], clock: str) -> str:
    """What may help beside the option `duplicates`: a column that tells series apart, clocks."""
    if CUT in clock:
        return ", or time_format='row', as whole seconds do not tell these times apart"
    if spec.id_columns:
        return ""
    used = {column.name for column in rows.columns} | set(times)
    for name in table.rows.columns:
        one = list(table.rows.columns).count(name) == 1
        free = one and name not in used and times
        if not free or 2 * table.rows[name].nunique() > len(table.rows):
            continue
        if not table.rows.duplicated(subset=[*times, name]).any():
            return f", or id_columns=({name!r},) if it names series"
    return _zones.remedy(rows.times)


def _history(rows: Rows) -> np.ndarray:
    """[S] the rows up to the last that observes a target or past column; all where none does."""
    bounds = rows.bounds
    if not any(column.role == "known" for column in rows.columns):
        return np.diff(bounds)
    seen = np.zeros(len(rows.times), bool)
    for column in rows.columns:
        if column.role in ("target", "past"):
            seen |= ~np.isnan(column.values) if column.levels is None else column.values >= 0
    last = np.where(seen, np.arange(len(seen)), -1)
    rows_seen = np.maximum.reduceat(last, bounds[:-1]) + 1 - bounds[:-1]
    return np.where(rows_seen > 0, rows_seen, np.diff(bounds))


def _summary(start: Unfilled, rows: Rows, frequency: Frequency | None) -> str:
    read = len(start.rows.times)
    many = f" of {counted(len(start.ids), 'series')}" if len(start.ids) > 1 else ""
    times = rows.times
    span = f"{shown(rows, times.min())} to {shown(rows, times.max())}"
    clock = f" {start.zone}" if start.zone else ""
    if read == 1:
        return f"read 1 row of {shown(rows, times[0])}{clock}"
    return f"read {counted(read, f'{described(frequency)} row')}{many}, {span}{clock}"


def _about(rows: Rows, history: np.ndarray) -> list[str]:
    """Missing values, constant columns and rows of the future, in words."""
    said: list[str] = []
    inserted = rows.lines < 0
    place = np.arange(len(rows.times)) - rows.bounds[:-1][rows.series]
    ahead = place >= history[rows.series]
    for column in rows.columns:
        values = column.values.astype(float)
        absent = (np.isnan(values) if column.levels is None else values < 0) & ~inserted
        count = int((absent & ~ahead).sum())
        name = quoted(column.name)
        seen = values[~absent & ~inserted]
        if not len(seen):
            said.append(f"column {name} has no value at all")
        elif count:
            said.append(f"column {name}: {counted(count, 'value')} missing")
        if len(seen) > 1 and (seen == seen[0]).all():
            said.append(f"column {name} is constant")
        if column.levels is None:
            said += _sentinels(name, seen)
    if future := int(ahead.sum()):
        said.append(f"{counted(future, 'row')} of the future hold known columns only")
    return said


SENTINELS = tuple(
    float(sign * number) for sign in (-1, 1) for number in (99, 999, 9999, 99999, 999999)
)
SENTINELS += (-200.0, -99.9, -999.9, -9999.9, 999.9, 9999.9, -1e30, 1e30)
"""Numbers by which files mark missing values; -200 by the UCI set Air Quality."""


def _sentinels(name: str, seen: np.ndarray) -> list[str]:
    """Suspicion of such marks: far from all other values, by more than these span."""
    said = []
    for mark in SENTINELS:
        same = seen == mark
        if not same.any() or same.all():
            continue
        rest = seen[~np.isin(seen, SENTINELS)]
        if not len(rest):
            continue
        low, high = float(rest.min()), float(rest.max())
        if max(low - mark, mark - high) > high - low:
            said.append(
                f"column {name}: {counted(int(same.sum()), 'value')} of {mark:g}, all others from "
                f"{low:g} to {high:g}; missing=('{mark:g}',) would read them as missing"
            )
    return said
