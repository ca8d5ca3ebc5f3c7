"""The tables of the benchmark, a module each.

Every module in `NAMES` defines

    TITLE                                the heading
    parts(settings) -> list[Part]        the parts that are measured and stored one by one
    markdown(rows) -> str                the rows of all finished parts, with their caption
    figures(rows) -> {name: Figure}      their figures
"""

from collections.abc import Callable
from typing import Any, NamedTuple

NAMES = (
    *("layers", "cells", "tasks", "sweep", "dispatch", "long", "start", "fusion", "scan"),
    *("analysis", "replicas", "search", "flags", "help"),
)
DEVICES = ("cpu", "gpu")

Row = dict[str, Any]
"""One measurement as plain values; None for a missing number, with the reason in `note`."""


class Settings(NamedTuple):
    """The settings of a measurement.

    Attributes:
        device: "cpu" or "gpu".
        quick: tiny sizes, a test of the benchmark and no measurement.
        repeats: turns of every contestant.
    """

    device: str
    quick: bool
    repeats: int


class Part(NamedTuple):
    """A part of a table that is measured in one go, then stored.

    Attributes:
        name: unique within its table.
        measure: () -> rows.
        seconds: its expected time on two cores, for the estimate.
    """

    name: str
    measure: Callable[[], list[Row]]
    seconds: float
