"""Parquet files, whose columns have types."""

import io
from pathlib import Path

from lstmx.data import packed
from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import Table
from lstmx.data.timeseries._typed import table


def read(place: Path, content: bytes, spec: TableSpec) -> Table:
    """The table of a file with this content.

    Raises:
        ValueError: no Parquet file, or no library that reads it.
    """
    import pandas as pd

    try:
        rows = pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    except ImportError:
        raise ValueError(
            f"{place}: Parquet files need pyarrow: pip install 'lstmx[forecast]'"
        ) from None
    except Exception as error:  # of pyarrow, whose classes cannot be named without it
        raise ValueError(f"{place} is not a Parquet file: {packed.one_line(error)}") from None
    return table(place, rows)
