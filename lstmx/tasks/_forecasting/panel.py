"""One or many series as arrays: targets, covariates and what the calendar says, row by row."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lstmx.embeddings import Table


class Codes(NamedTuple):
    """Rows of learned tables, of categories of many levels, see `codes`.

    Attributes:
        tables: of the categories, those in `always` first.
        always: [N, A] int32, known for all rows.
        now: [N, G] int32, known up to now.
    """

    tables: tuple[Table, ...]
    always: np.ndarray
    now: np.ndarray


class Panel(NamedTuple):
    """S series, the rows of each together and in order of time.

    Attributes:
        times: [N] datetime64[s].
        values: [N, C] targets; NaN where missing.
        columns: names of the targets.
        bounds: [S + 1] series s has the rows bounds[s] to bounds[s + 1].
        ids: [S] names of the series; ("",) for one without a name.
        known: [N, K] numbers known in advance; NaN where missing.
        past: [N, P] numbers known up to now.
        always: [N, A] features of the calendar, of categories known in advance, of static columns,
            and of irregular rows the elapsed time: they are never missing.
        now: [N, G] indicators of categories known up to now, flags and ages of coarse columns.
        elapsed: [N] time since the row before, in typical steps of the training part.
        last: [S] the last row of each series that observes anything; later rows have known columns
            only.
        codes: of categories that are no indicators above; None without any.
    """

    times: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...]
    bounds: np.ndarray
    ids: tuple[str, ...]
    known: np.ndarray
    past: np.ndarray
    always: np.ndarray
    now: np.ndarray
    elapsed: np.ndarray
    last: np.ndarray
    codes: Codes | None = None

    @property
    def series(self) -> np.ndarray:
        """The series of each row, [N]."""
        return np.repeat(np.arange(len(self.ids)), np.diff(self.bounds))

    @property
    def begin(self) -> np.ndarray:
        """The first row of each row's series, [N]."""
        return np.repeat(self.bounds[:-1], np.diff(self.bounds))


def by_series(panel: Panel, values: np.ndarray) -> list[np.ndarray]:
    """Values [N, ...] cut into those of each series."""
    return np.split(values, panel.bounds[1:-1])


def joined(
    panel: Panel, function: Callable[[np.ndarray], np.ndarray], values: np.ndarray
) -> np.ndarray:
    """`function` of the values [n, ...] of each series, one after the other, [N, ...]."""
    return np.concatenate([function(part) for part in by_series(panel, values)])


def typical_step(times: np.ndarray, bounds: np.ndarray, rows: np.ndarray) -> float:
    """The median step between two of the chosen `rows` [N] of one series, in seconds; 1 of none."""
    steps, first = _steps(times, bounds)
    own = steps[~first & rows]
    return (float(np.median(own)) if len(own) else 0.0) or 1.0


def elapsed(times: np.ndarray, bounds: np.ndarray, step: float) -> np.ndarray:
    """Time since the row before, [N], in steps of so many seconds; 1 where a series begins."""
    steps, first = _steps(times, bounds)
    return np.where(first, 1.0, steps / step)


def _steps(times: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since the row before, and whether a row is the first of its series."""
    seconds = times.astype("datetime64[s]").astype(np.int64)
    steps = np.diff(seconds, prepend=seconds[:1]).astype(float)
    first = np.zeros(len(steps), bool)
    first[bounds[:-1]] = True
    return steps, first
