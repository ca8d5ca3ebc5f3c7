"""Tables with a series in each row, its name first: the files of the M competitions."""

import numpy as np

from lstmx.data.timeseries import _find, _numbers, _read
from lstmx.data.timeseries._frame import Column, Frame
from lstmx.data.timeseries._frequency import Frequency
from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import Table, counted, listed

NAME = "value"
"""Of the target."""


def frame(table: Table, spec: TableSpec) -> Frame:
    """The frame of such a table: values numbered from 0, without those missing at the end of rows.

    Raises:
        ValueError: a name that is missing or occurs twice, a value that is no number, or options
            for columns, which such a table does not have.
    """
    for role in ("time", "target", "past", "known"):
        if getattr(spec, f"{role}_columns"):
            raise ValueError(
                f"{table.place}: {role}_columns has no meaning with layout='rows', where a row is "
                "the name of a series, its static columns and its values"
            )
    _find.check_names(table, spec)
    named = spec.id_columns or (table.rows.columns[0],)
    ids = _read.names_in(table, named)
    if (again := ids.duplicated()).any():
        raise ValueError(
            f"{table.place}: {table.at(again)} has a name that occurs before in column "
            f"{listed(named)}"
        )
    values, said = _values(table, (*named, *spec.static_columns), spec)
    seen = np.isfinite(values)
    lengths = np.where(seen, 1 + np.arange(values.shape[1]), 0).max(axis=1)
    if (lengths == 0).any():
        raise ValueError(f"{table.place}: {table.at(lengths == 0)} has no values")
    kept = np.arange(values.shape[1]) < lengths[:, None]
    flat = values[kept]
    static, more = _read.columns_of(table, (), spec)
    said += more
    absent = int(np.isnan(flat).sum())
    about = f"read {counted(len(lengths), 'series')} of {lengths.min()} to {lengths.max()} values"
    said += [f"{counted(absent, 'value')} missing within the series"] if absent else []
    return Frame(
        times=np.nonzero(kept)[1].astype("datetime64[s]"),
        bounds=np.concatenate([[0], np.cumsum(lengths)]),
        ids=tuple(ids),
        columns=(Column(NAME, "target", flat), *static),
        frequency=Frequency("step", 1),
        zone="",
        history=lengths,
        report=(
            about,
            *table.report,
            "values are numbered from 0: such a table has no times",
            *said,
        ),
    )


def _values(table: Table, others: tuple[str, ...], spec: TableSpec) -> tuple[np.ndarray, list[str]]:
    """The numbers [S, N] of all other columns."""
    import pandas as pd

    cells = table.rows.loc[:, [name not in others for name in table.rows.columns]]
    if not cells.shape[1]:
        raise ValueError(f"{table.place} has no value beside the names of its series")
    # One long column: texts of a column are too few to show how numbers are written.
    width = cells.shape[1]
    long = pd.DataFrame({"values": pd.concat([cells.iloc[:, at] for at in range(width)])})
    long = long.reset_index(drop=True)
    rows = len(cells)
    whole = Table(table.place, long, lambda row: table.line(row % rows), (), table.separator)
    written = _numbers.form(whole, ("values",), spec)
    values, said = _numbers.numbers(whole, "values", written, spec)
    return values.reshape(width, rows).T, said
