"""Values far from all others: reported, never changed."""

import numpy as np

from lstmx.data.timeseries._frame import Frame, named
from lstmx.data.timeseries._rows import Rows, shown
from lstmx.data.timeseries._table import counted, quoted

FAR = 10.0
"""Robust deviations from the median. The usual 3.5 (Iglewicz and Hoaglin 1993) is for normal values
and flags one in ten hours of a skewed series such as PM2.5."""


def outliers(frame: Frame, training: np.ndarray) -> tuple[str, ...]:
    """A sentence for each target and past column with values far from the others of their series.

    The deviation is 1.4826 times the median absolute deviation, or 1.2533 times the mean absolute
    one where the former is 0, so that both agree for normal values.

    Args:
        frame: the frame.
        training: [N] True for the rows of the training part; no other is looked at.
    """
    said = []
    rows = Rows("", frame.times, frame.series, (), np.empty(0), _numbered(frame))
    for column in (*named(frame, "target"), *named(frame, "past")):
        values = np.where(training, column.values, np.nan)
        distance = np.concatenate(
            [_distance(values[begin:end]) for begin, end in zip(frame.bounds, frame.bounds[1:])]
        )
        if not (far := distance > FAR).any():
            continue
        worst = int(np.argmax(distance))
        said.append(
            f"column {quoted(column.name)}: {counted(int(far.sum()), 'value')} of "
            f"{int(np.isfinite(values).sum())} in training lie more than {FAR:g} robust deviations "
            f"from the median, the farthest {values[worst]:g} at {shown(rows, frame.times[worst])}"
        )
    return tuple(said)


def _numbered(frame: Frame) -> bool:
    return frame.frequency is not None and frame.frequency.unit == "step"


def _distance(values: np.ndarray) -> np.ndarray:
    """Robust deviations from the median [N]; 0 where missing or constant."""
    seen = np.isfinite(values)
    if not seen.any():
        return np.zeros(len(values))
    away = np.abs(values - np.median(values[seen]))
    scale = 1.4826 * np.median(away[seen]) or 1.2533 * np.mean(away[seen])
    return np.where(seen, away, 0.0) / (scale or 1.0)
