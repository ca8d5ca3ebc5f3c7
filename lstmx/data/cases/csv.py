"""Tables in long format: a row for each step, with the id of its sequence, a time and a label.

    id,time,x,label
    a,0,1.5,walk
    a,1,,walk          an empty field is a missing value
    b,0,0.5,run

A label may change within a sequence, for tasks with a label at every step. Sequences are in the
order in which they occur first.
"""

from pathlib import Path

import numpy as np

from lstmx import checks
from lstmx.data.cases import DEFAULT, Cases, Columns
from lstmx.data.timeseries import MOST, csv
from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import Table, listed, quoted


def read(place: Path, content: bytes, columns: Columns = DEFAULT) -> Cases:
    """The sequences of a table with this content.

    Raises:
        ValueError: no such table; a column that does not exist, or twice; a row without id, time or
            label; two rows of a sequence with one time; a number that cannot be parsed.
    """
    import pandas as pd  # slow to import, and only reading needs it

    table = csv.read(place, content, TableSpec())
    names = tuple(str(name) for name in table.rows.columns)
    if len(names) < 4 - bool(columns.values):
        raise ValueError(
            f"{place} has the columns {listed(names)}; expected an id, a time, values and a label"
        )
    chosen = columns._replace(
        id=columns.id or names[0], time=columns.time or names[1], label=columns.label or names[-1]
    )
    marks = (chosen.id, chosen.time, chosen.label)
    values = columns.values or tuple(name for name in names if name not in marks)
    for column in (*marks, *values):
        checks.one_of(f"column of {place.name}:", column, names)
        if names.count(column) > 1 or (*marks, *values).count(column) > 1:
            raise ValueError(f"{place}: column {quoted(column)} occurs more than once")
    # A class may be called None, and a sequence NA: what is written is missing in values only.
    if table.rows[[*marks]].isna().any(axis=None):
        table = csv.read(place, content, TableSpec(id_columns=marks))
    for column in marks:
        if (absent := table.rows[column].isna()).any():
            raise ValueError(f"{place}: line {table.first(absent)} has no {quoted(column)}")
    times = _times(table, chosen.time)
    numbers = np.stack([_numbers(table, column) for column in values], axis=1)
    labels = table.rows[chosen.label].str.strip().to_numpy(str)
    ids, _ = pd.factorize(table.rows[chosen.id].str.strip())
    order = np.lexsort((times, ids))
    ids, times = ids[order], times[order]
    if (same := (np.diff(ids) == 0) & (np.diff(times) == 0)).any():
        row = int(order[int(np.argmax(same)) + 1])
        raise ValueError(f"{place}: line {table.line(row)} repeats the time of another row")
    cuts = np.flatnonzero(np.diff(ids)) + 1
    return Cases(np.split(numbers[order], cuts), np.split(labels[order], cuts), values)


def _times(table: Table, column: str) -> np.ndarray:
    """Numbers, or ISO dates in nanoseconds, which only order rows, [N] float64."""
    import pandas as pd

    texts = table.rows[column]
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    if np.isfinite(numbers).all():
        return numbers
    dates = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    if (wrong := dates.isna()).any():
        text = quoted(texts.iloc[int(np.argmax(wrong))])
        raise ValueError(
            f"{table.place}: column {quoted(column)}, line {table.first(wrong)}: got {text}; "
            "expected numbers or ISO dates as times, of one kind"
        )
    return dates.astype("int64").to_numpy(np.float64)


def _numbers(table: Table, column: str) -> np.ndarray:
    """The values of a column, [N] float64; NaN where missing."""
    import pandas as pd

    texts = table.rows[column]
    found = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    wrong = (np.isnan(found) & texts.notna().to_numpy()) | (np.abs(found) > MOST)
    if wrong.any():
        text = quoted(texts.iloc[int(np.argmax(wrong))])
        raise ValueError(
            f"{table.place}: column {quoted(column)}, line {table.first(wrong)}: got {text}; "
            f"expected a finite number of at most {MOST:g}, or nothing if missing"
        )
    return found
