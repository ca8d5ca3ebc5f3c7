"""Columns of benchmarks as text for Markdown."""

from collections.abc import Callable, Sequence
from typing import Protocol

from experiments.benchmarks.timing import Measured, Rate, Ratio
from lstmx.tables import NONE, number


class Named(Protocol):
    """A row with the name of a contestant, and its times."""

    @property
    def name(self) -> str:
        """The contestant."""

    @property
    def times(self) -> Measured:
        """Its times, or why there are none."""


def times(measured: Measured | None, show: Callable[[float], str] = number) -> str:
    """Median (minimum); where nothing was measured, the first words of the reason.

    Args:
        show: milliseconds -> their text, in whatever unit.
    """
    if measured is None:
        return NONE
    if isinstance(measured, str):
        return measured.partition(":")[0]
    if measured.median == measured.minimum:
        return show(measured.median)
    return f"{show(measured.median)} ({show(measured.minimum)})"


def ratio(value: Ratio | None, show: Callable[[float], str] = "{:.2f}".format) -> str:
    """Ratio of medians (of minima); a dash where one of the two was not measured."""
    return NONE if value is None else f"{show(value.median)} ({show(value.minimum)})"


def rate(
    value: Rate | None, measured: Measured | None, show: Callable[[float], str] = "{:,.0f}".format
) -> str:
    """Median (best); where nothing was measured, what `times` says of `measured`."""
    return times(measured) if value is None else f"{show(value.median)} ({show(value.best)})"


def notes(rows: Sequence[Named]) -> str:
    """A line per reason of a row without a number; "" if all rows have one."""
    return "\n".join(
        dict.fromkeys(f"- {row.name}: {row.times}" for row in rows if isinstance(row.times, str))
    )
