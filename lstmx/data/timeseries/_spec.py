"""The options of reading a table, for files and for DataFrames alike."""

import contextlib
import zoneinfo
from dataclasses import dataclass, fields

from lstmx import checks

CHOICES = {
    "layout": ("columns", "rows"),
    "decimal": ("", ".", ","),
    "thousands": ("", ".", ",", " ", "'"),
    "duplicates": ("refuse", "first", "last", "mean"),
    "gaps": ("missing", "refuse"),
    "odd_times": ("refuse", "drop", "round", "keep"),
    "irregular": ("keep", "refuse"),
}
SEPARATORS = {"tab": "\t", "space": r"\s+"}
"""Words for separators that are hard to write on a command line."""


@dataclass(frozen=True)
class TableSpec:
    """How a table becomes series. What is left empty is found by looking, where that is certain.

    Attributes:
        time_columns: columns that together give the time.
        time_format: of the time columns joined by spaces, as in `strptime`; or "epoch",
            "epoch_ms", "epoch_us", "epoch_ns" (since 1970), "excel" (days since 1899-12-30),
            "quarter" (2020Q1), "week" (2020-W05), "year" (1949.25) or "row" (plain numbers; without
            time columns the rows are numbered as they come).
        time_zone: of times without an offset, and whose calendar counts: "Europe/Berlin".
        target_columns: columns to predict; all columns of numbers that have no other role where
            empty.
        past_columns: columns known up to the present only.
        known_columns: columns known for the future too; rows after the last target may hold them.
        static_columns: columns that are the same in all rows of a series.
        category_columns: those among past, known and static columns that hold categories although
            they look like numbers; columns of text are categories anyway.
        id_columns: columns that together name the series of a row, where a table has many.
        layout: "columns", a row for each time; or "rows", a row for each series, its name first
            and then its values, as in the files of M4.
        separator: between fields; "tab" and "space" are such words.
        decimal: "." or ",".
        thousands: ".", ",", " " or "'" between groups of three digits.
        encoding: of the text: "utf-8", "cp1252", "utf-16".
        header: whether the first line names the columns; they are column_1, ... otherwise.
        skip_lines: lines above the header, of remarks for instance.
        missing: further marks of a missing value, text or number: "-9999", "no data".
        duplicates: rows of one time that differ: "refuse", or take the "first", "last" or "mean".
        gaps: times that a regular series lacks: "missing" inserts rows, "refuse" refuses.
        odd_times: rows beside the grid of an otherwise regular series: "refuse", "drop", "round"
            to the grid, or "keep" and take the series as irregular.
        irregular: a series without a grid: "keep" or "refuse".
    """

    time_columns: tuple[str, ...] = ()
    time_format: str = ""
    time_zone: str = ""
    target_columns: tuple[str, ...] = ()
    past_columns: tuple[str, ...] = ()
    known_columns: tuple[str, ...] = ()
    static_columns: tuple[str, ...] = ()
    category_columns: tuple[str, ...] = ()
    id_columns: tuple[str, ...] = ()
    layout: str = "columns"
    separator: str = ""
    decimal: str = ""
    thousands: str = ""
    encoding: str = ""
    header: bool = True
    skip_lines: int = 0
    missing: tuple[str, ...] = ()
    duplicates: str = "refuse"
    gaps: str = "missing"
    odd_times: str = "refuse"
    irregular: str = "keep"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: an unknown choice, encoding or time zone, an option of another type, or a
                column with two roles.
        """
        for field in fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if type(value) is not kind or (
                isinstance(value, tuple) and not all(isinstance(item, str) for item in value)
            ):
                expected = "a tuple of names" if kind is tuple else kind.__name__
                if kind is tuple and isinstance(value, str):
                    expected += f", such as ({checks.shown(value)},)"
                raise ValueError(
                    f"{field.name}={checks.shown(value)} has the wrong type; expected {expected}"
                )
        for name, known in CHOICES.items():
            checks.one_of(name, getattr(self, name), known)
        checks.sizes(0, skip_lines=self.skip_lines)
        if len(self.separator) > 1 and self.separator not in SEPARATORS:
            raise ValueError(
                f"separator={self.separator!r}; expected one character, 'tab' or 'space'"
            )
        if self.decimal and self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}")
        _known(self.encoding, self.time_zone)
        self._check_roles()

    def _check_roles(self) -> None:
        role_of: dict[str, str] = {}
        for role in ("time", "id", "target", "past", "known", "static"):
            for column in getattr(self, f"{role}_columns"):
                if (other := role_of.setdefault(column, role)) != role:
                    raise ValueError(
                        f"column {column!r} is in {other}_columns and in {role}_columns; "
                        "expected one role"
                    )
        allowed = {*self.past_columns, *self.known_columns, *self.static_columns}
        for column in self.category_columns:
            checks.one_of("category column among past, known and static ones:", column, allowed)


def _known(encoding: str, zone: str) -> None:
    try:
        with contextlib.suppress(UnicodeError):  # one letter is no text in UTF-16
            b"a".decode(encoding or "utf-8")  # refuses codecs such as "zip", too
    except (LookupError, ValueError):
        raise ValueError(
            f"unknown encoding {encoding!r}; expected one such as 'utf-8', 'cp1252' or 'utf-16'"
        ) from None
    try:
        if zone:
            zoneinfo.ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f"unknown time_zone {zone!r}; expected one such as 'UTC' or 'Europe/Berlin'"
        ) from None
