"""The series of a task from a table, with what was decided when it was read."""

from typing import NamedTuple

import numpy as np

from lstmx.data import fetch, timeseries
from lstmx.data.timeseries import Series, TableSpec
from lstmx.tasks import _windows


class Read(NamedTuple):
    """A series that was read.

    Attributes:
        series: complete on its regular axis, where it has one.
        files: name -> sha256 of the file.
        remarks: what was decided, a sentence each; empty for a generated series.
    """

    series: Series
    files: dict[str, str]
    remarks: tuple[str, ...]


def read(file: str, table: TableSpec, held_out: tuple[float, float]) -> Read:
    """The series of a file, or the generated one where `file` is empty.

    Args:
        file: a path, or `<set>/<file>` of the data folder.
        table: how it is read.
        held_out: parts of the rows in which nobody looks for outliers.

    Raises:
        ValueError: whatever the reader refuses.
        OSError: the file cannot be opened.
    """
    if not file:
        return Read(_windows.generated(), {}, ())
    place = fetch.find(file)
    frame = timeseries.read(place, table)
    names = tuple(column.name for column in timeseries.named(frame, "target"))
    series = Series(frame.times, timeseries.numbers(frame, "target"), names)
    training = len(_windows.training_rows(series.values, *held_out))
    far = timeseries.outliers(frame, np.arange(len(frame.times)) < training)
    return Read(series, {place.name: fetch.sha256(place)}, (*frame.report, *far))
