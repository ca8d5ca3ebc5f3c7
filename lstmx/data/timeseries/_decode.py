"""The text of a file: its encoding, and what separates its fields."""

import codecs
import csv
import re
from pathlib import Path

from lstmx.data.timeseries._spec import SEPARATORS
from lstmx.data.timeseries._table import quoted

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""
BOOKS = {
    b"PK\x03\x04": "a zip archive, as an Excel workbook is",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
}
"""How files begin that are taken for tables, and are no text."""
SAME = frozenset("°±µ§".encode("latin-1"))
"""Bytes that mean the same in all code pages of Europe, 1250 to 1254 and ISO 8859-1, -2 and -15."""
CANDIDATES = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'", r"\s+": "spaces"}
LOOKED_AT = 100
"""Lines at the beginning of a file that show what separates its fields."""
DATUM = re.compile(
    r"[-+]?(\d+([ '.,]\d+)*[.,]?|[.,]\d+)(e[-+]?\d+)?"  # a number
    r"|\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([ T].*)?|\d{1,2}:\d\d.*"  # a date, a time
    r"|\d{1,2}[-/ ][a-z]{3,9}[-/ ]\d{2,4}( .*)?",  # 5-Mar-2020
    re.IGNORECASE,
)
"""A field of a data row, in contrast to the name of a column."""
ABSENT = ("", "na", "nan")


def decoded(place: Path, content: bytes, encoding: str) -> tuple[str, str]:
    """The text of a file, and a sentence about its encoding; empty for plain UTF-8.

    Raises:
        ValueError: the encoding is not certain, or not the one that was given.
    """
    for begin, kind in BOOKS.items():
        if content.startswith(begin):
            raise ValueError(
                f"{place} is {kind}, and no text; expected a CSV file: save the sheet as such"
            )
    found, said = encoding, ""
    if not found:
        found = next((name for mark, name in MARKS if content.startswith(mark)), "")
        if not found and content[:2] and content[1:400:2].count(0) == len(content[1:400:2]):
            found = "utf-16-le"
        elif not found and content[:2] and content[0:400:2].count(0) == len(content[0:400:2]):
            found = "utf-16-be"
    if not found and not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError as error:
            if {byte for byte in content if byte > 127} <= SAME:
                found = "cp1252"
            else:
                raise ValueError(_unreadable(place, content, error)) from None
    if found and found != "utf-8-sig":
        said = f"the text is in {found}"
    try:
        text = content.decode(found or "utf-8")
    except (UnicodeError, ValueError) as error:
        raise ValueError(
            f"{place} is not a CSV file: {error}; expected a text in {(found or 'UTF-8').upper()}"
        ) from None
    if "\0" in text:
        raise ValueError(f"{place} is not a CSV file: a text has no byte 0")
    return text.removeprefix("\ufeff"), said


def separator(place: Path, text: str, header: bool) -> str:
    """What separates the fields, as pandas takes it.

    Raises:
        ValueError: two separators fit equally well.
    """
    lines = _beginning(text)
    fields = {mark: _fields(lines, mark) for mark in CANDIDATES}
    even = [mark for mark, rows in fields.items() if rows and len(rows[0]) > 1 and _same(rows)]
    if len(even) > 1 and even[-1] == r"\s+":
        even.pop()  # a space may be within a time or a name
    if len(even) > 1:
        good = {mark: _share(fields[mark][header:]) for mark in even}
        even = [mark for mark in even if good[mark] == max(good.values())]
    if len(even) > 1 and len(lines) > header:
        known = " and ".join(CANDIDATES[mark] for mark in even)
        raise ValueError(f"{place}: {known} both divide all lines evenly; give separator")
    if even:
        return even[0]
    first = {mark: len(rows[0]) if rows else 0 for mark, rows in fields.items() if mark[0] != "\\"}
    return max(first, key=lambda mark: first[mark])


def _unreadable(place: Path, content: bytes, error: UnicodeDecodeError) -> str:
    line = content.count(b"\n", 0, error.start)
    shown = content.split(b"\n")[line].decode("cp1252", "replace").strip()
    return (
        f"{place} is not a CSV file: {error}; expected a text in UTF-8, or the option encoding: as "
        f"cp1252 line {1 + line} reads {quoted(shown)}"
    )


def _beginning(text: str) -> list[str]:
    """The first lines that are not empty; a last one that may be cut is left out."""
    size = 1 << 16
    start = text[:size].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = start[:-1] if len(text) > size and len(start) > 1 else start
    return [line for line in lines if line.strip()][:LOOKED_AT]


def _fields(lines: list[str], mark: str) -> list[list[str]]:
    if mark == SEPARATORS["space"]:
        return [line.split() for line in lines]
    try:
        return [row for row in csv.reader(lines, delimiter=mark, skipinitialspace=True) if row]
    except csv.Error:  # a field of over 128 KiB
        return []


def _same(rows: list[list[str]]) -> bool:
    return len({len(row) for row in rows}) == 1


def _share(rows: list[list[str]]) -> float:
    """The share of fields that look like data."""
    cells = [cell.strip() for row in rows for cell in row]
    good = sum(bool(DATUM.fullmatch(cell)) or cell.lower() in ABSENT for cell in cells)
    return good / max(1, len(cells))
