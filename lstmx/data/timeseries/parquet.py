"""Parquet files, whose columns have types."""

import io
from pathlib import Path

from lstmx.data import packed
from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import Table
from lstmx.data.timeseries._typed import table

MOST_VALUES = 1 << 28
"""Values of a table: 2 GiB. A file of a kilobyte may say that it repeats one value 10**12 times."""


def read(place: Path, content: bytes, spec: TableSpec) -> Table:
    """The table of a file with this content.

    Raises:
        ValueError: no Parquet file, one of more than 2**28 values, or no library that reads it.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise ValueError(
            f"{place}: Parquet files need pyarrow: pip install 'lstmx[forecast]'"
        ) from None
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        count = file.metadata.num_rows * file.metadata.num_columns
        rows = file.read().to_pandas() if 0 <= count <= MOST_VALUES else None
    except Exception as error:  # whatever pyarrow makes of damaged bytes
        reason = repr(packed.one_line(error))[1:-1]
        raise ValueError(f"{place} is not a Parquet file: {reason}") from None
    if rows is None:
        raise ValueError(f"{place} has {count} values; expected at most {MOST_VALUES}")
    return table(place, rows)
