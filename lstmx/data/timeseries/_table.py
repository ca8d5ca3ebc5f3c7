"""A table as a format reads it, and how its names and texts are shown in messages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Table(NamedTuple):
    """What a format reads from a file.

    Attributes:
        place: its path, for messages.
        rows: [N, C], a DataFrame with the names of the columns, of texts or of typed values; NaN
            where one is missing.
        line: (row, from 0) -> the line of the file at which it begins, as an editor counts.
        report: what was decided to read it, a sentence each.
        separator: of the fields of a text.
        unit: what `line` counts: "line" or "row".
    """

    place: Path | str
    rows: Any
    line: Callable[[int], int]
    report: tuple[str, ...] = ()
    separator: str = ","
    unit: str = "line"

    def first(self, wrong: Any) -> int:
        """The line of the first row with True in `wrong` [N]."""
        return self.line(int(np.argmax(np.asarray(wrong))))

    def at(self, wrong: Any) -> str:
        """The same in words: "line 7"."""
        return f"{self.unit} {self.first(wrong)}"


def is_text(column: Any) -> bool:
    """Whether a column of a DataFrame holds texts, perhaps beside missing values."""
    from pandas.api import types

    return bool(types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype))


def quoted(text: Any) -> str:
    """A text of a file for a message: quoted, at most 60 characters."""
    text = str(text)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def listed(columns: Any, most: int = 200) -> str:
    """Names of columns for a message; unprintable characters are escaped."""
    text = repr(", ".join(map(str, columns)))[1:-1]
    return text if len(text) <= most else f"{text[: most - 3]}..."


def counted(count: int, noun: str) -> str:
    """A number and its noun: "1 row", "17 544 rows"."""
    plural = {"series": "series", "is": "are"}.get(noun, f"{noun}s")
    return f"{count:,} {noun if count == 1 else plural}".replace(",", " ")
