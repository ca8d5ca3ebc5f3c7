"""The tables, a module each: what is measured, in which parts, and how it reads.

A module `TABLES` names has

    TITLE                                the heading
    parts(settings) -> list[Part]        what is measured and kept together, in order
    markdown(rows) -> str                the rows of all finished parts, with their caption
    figures(rows) -> {name: Figure}      and what they look like
"""

from collections.abc import Callable
from typing import Any, NamedTuple

NAMES = ("layers", "cells", "tasks", "sweep", "dispatch", "long", "start", "fusion")
DEVICES = ("cpu", "gpu")

Row = dict[str, Any]
"""One measurement as plain values; None where there is no number, and `note` says why."""


class Settings(NamedTuple):
    """How to measure.

    Attributes:
        device: "cpu" or "gpu".
        quick: tiny sizes, which show that everything works and nothing else.
        repeats: turns of every contestant.
    """

    device: str
    quick: bool
    repeats: int


class Part(NamedTuple):
    """What is measured at once, and written when it is done.

    Attributes:
        name: unique within its table.
        measure: () -> rows.
        seconds: what it should take on two cores, for the estimate.
    """

    name: str
    measure: Callable[[], list[Row]]
    seconds: float
