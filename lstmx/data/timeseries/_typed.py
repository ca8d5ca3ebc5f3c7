"""Tables whose columns have types: DataFrames and Parquet files."""

from pathlib import Path
from typing import Any

from lstmx.data.timeseries._table import Table, is_text


def table(place: Path | str, frame: Any) -> Table:
    """The table of a DataFrame; see `plain`.

    Raises:
        ValueError: no rows, or columns of several levels.
    """
    return Table(place, plain(place, frame), lambda row: row, unit="row")


def plain(place: Path | str, frame: Any) -> Any:
    """The DataFrame without an index, with columns that a file can hold.

    An index that is more than row numbers becomes columns.

    Raises:
        ValueError: no DataFrame or Series, no rows, or columns of several levels.
    """
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame("value" if frame.name is None else frame.name)
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"{place} is of type {type(frame).__name__}; expected a DataFrame")
    if isinstance(frame.columns, pd.MultiIndex):
        raise ValueError(f"{place} has columns of several levels; expected one name for each")
    if not isinstance(frame.index, pd.RangeIndex):
        names = [
            f"Unnamed: {at}" if name is None else name for at, name in enumerate(frame.index.names)
        ]
        times = isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex)
        names = ["time"] if times and frame.index.name is None else names
        if both := set(names) & set(frame.columns):
            raise ValueError(
                f"{place}: index and columns both have the name {sorted(map(str, both))[0]!r}"
            )
        frame = frame.reset_index(names=names)
    if not len(frame):
        raise ValueError(f"{place} has no rows")
    columns = {at: _plain(frame.iloc[:, at]) for at in range(frame.shape[1])}
    rows = pd.DataFrame(columns)
    rows.columns = [str(name) for name in frame.columns]
    return rows


def _plain(column: Any) -> Any:
    """A column of texts, numbers, booleans or times, whatever holds them."""
    import pandas as pd
    from pandas.api import types

    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(object).infer_objects()
    if not is_text(column):
        return column
    kind = types.infer_dtype(column, skipna=True)
    if kind in ("date", "datetime", "datetime64"):
        return pd.to_datetime(column, errors="coerce")
    if kind in ("decimal", "mixed-integer-float", "integer", "floating", "boolean"):
        return pd.to_numeric(column, errors="coerce")
    return column.where(column.isna(), column.astype(str))
