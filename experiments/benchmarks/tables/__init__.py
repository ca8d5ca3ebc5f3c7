"""The tables of the benchmark, a module each: a `Table`, named in `NAMES`.

The rows of a table are records: its module has a NamedTuple `Row`, whose fields are plain values or
the shared records of `experiments.benchmarks.timing` and `contestant`: `Measured` (times, or why
there are none), `Ratio | None` (None where one of the two has no times), `Rate | None`, `Size`.

`experiments.benchmarks.store` writes a row as a JSON object and reads it back. The key of a field
is its name, or what `KEYS` of the module says. A key that ends in `*` stands for several: those of
the record or dict in the field, each with what is before the `*` in front. So

    class Row(NamedTuple):                  KEYS = {
        name: str
        times: Measured                         "times": "*",
        plain: Measured
        over: dict[str, Ratio | None]           "over": "over *",
        of_floor: Ratio | None                  "of_floor": "of floor",
                                            }
becomes

    {"name": "lstmx", "ms": 2.0, "ms_min": 1.9, "calls": 20, "note": "", "plain": {"ms": 3.0, ...},
     "over flax": {"median": 1.5, "minimum": 1.4}, "over torch": {}, "of floor": {...}}

A field with a default may be missing in a file; where it is None, it is left out.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = (
    *("layers", "cells", "tasks", "sweep", "dispatch", "long", "start", "fusion", "scan"),
    *("analysis", "replicas", "search", "flags", "buckets", "help", "tutorial", "small"),
    "eager",
)
DEVICES = ("cpu", "gpu")


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
        measure: () -> rows, which are records of the table's `Row`.
        seconds: its expected time on two cores, for the estimate.
    """

    name: str
    measure: Callable[[], Sequence[NamedTuple]]
    seconds: float


class Table(Protocol):
    """What the module of a table defines.

    Attributes:
        TITLE: the heading.
        Row: the type of its rows.
        KEYS: field of a row -> its key in the file, where that is not its name.
    """

    TITLE: str
    Row: type[NamedTuple]
    KEYS: Mapping[str, str]

    def parts(self, settings: Settings) -> list[Part]:
        """The parts that are measured and stored one by one."""

    def markdown(self, rows: Sequence[Any]) -> str:
        """The rows of all finished parts, with their caption."""

    def figures(self, rows: Sequence[Any]) -> "dict[str, Figure]":
        """Their figures, by the names of the files."""


def load(name: str) -> Table:
    """The module of one of `NAMES`."""
    module: Any = importlib.import_module(f"{__name__}.{name}")
    return module
