"""Labelled sequences from files: `.ts` of the UCR and UEA archives, and tables in long format.

A format is a module of this package, named as the suffix of its files, with a function
`read(place, content, columns) -> Cases`; no list names it. A file with another suffix is a CSV.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx.data import packed

PACKED = (*packed.KINDS, ".zip")
"""Suffixes after that of the format."""
MOST_VALUES, MOST_TIMES = 1 << 26, 50
"""Sequences padded to the longest have at most 64 million values, or 50 times those in the file."""


class Columns(NamedTuple):
    """The columns of a table in long format; a `.ts` file has none.

    Attributes:
        id: names the sequence that a row belongs to; "" is the first column.
        time: orders the rows of a sequence, as numbers or ISO dates; "" is the second column.
        label: the class; "" is the last column.
        values: the features; () are all other columns.
    """

    id: str = ""
    time: str = ""
    label: str = ""
    values: tuple[str, ...] = ()


DEFAULT = Columns()


class Cases(NamedTuple):
    """Labelled sequences of any lengths.

    Attributes:
        values: N arrays [T_n, X] float64; NaN where missing.
        labels: N arrays [T_n] of texts, the label of every step, equal in a sequence that has one;
            or N numbers float64 [N], one a sequence.
        features: names of the X features.
    """

    values: list[np.ndarray]
    labels: list[np.ndarray] | np.ndarray
    features: tuple[str, ...]


def format_of(place: Path) -> str:
    """The format of a file by its suffix: a module of this package, "csv" for other suffixes."""
    inner = place.with_suffix("") if place.suffix.lower() in PACKED else place
    name = inner.suffix.lower().removeprefix(".")
    formats = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    return name if name in formats else "csv"


def load(place: Path, columns: Columns = DEFAULT) -> Cases:
    """The sequences of a file, unpacked in memory if its suffix is .gz, .bz2, .xz or .zip.

    Raises:
        ValueError: what the format refuses, or sequences that would be too large when padded.
        OSError: the file cannot be opened.
    """
    form = importlib.import_module(f"{__name__}.{format_of(place)}")
    cases: Cases = form.read(place, packed.contents(place), columns)
    longest, total = max(map(len, cases.values)), sum(map(len, cases.values))
    padded = longest * len(cases.values)
    if padded * cases.values[0].shape[1] > MOST_VALUES and padded > MOST_TIMES * total:
        raise ValueError(
            f"{place}: the longest of {len(cases.values)} sequences has {longest} steps, a typical "
            f"one {total // len(cases.values)}; cut it, as all are padded to its length"
        )
    return cases
