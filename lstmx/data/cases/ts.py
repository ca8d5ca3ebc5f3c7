"""Files `.ts` of the UCR and UEA archives, as sktime and aeon write them.

    @timeStamps false         header: keys in any case; lines with # or % are comments
    @classLabel true a b      or @targetLabel true, for numbers
    @data
    1.5,2,?:0,1,1:a           dimensions between colons, the label last; ? and NaN are missing

The format is that of Bagnall et al. 2018 (arXiv:1811.00075). With time stamps a value is
"(stamp,value)"; stamps are read over, and rows stay in their order.
Dimensions of one case that are shorter than others end with missing values.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lstmx.data.cases import DEFAULT, Cases, Columns
from lstmx.data.timeseries import MOST
from lstmx.data.timeseries._table import listed, quoted

MISSING = ("?", "", "nan")
PAIR = re.compile(r"\(([^()]*),([^(),]*)\)")


def read(place: Path, content: bytes, columns: Columns = DEFAULT) -> Cases:
    """The cases of a file with this content.

    Raises:
        ValueError: not UTF-8, no data, a case without label or of other dimensions than the first,
            a number that cannot be parsed, a label that the header does not name.
    """
    if columns != DEFAULT:
        raise ValueError(f"{place} is a .ts file and has no columns; leave their options empty")
    try:
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} is not a .ts file: {error}; expected a text in UTF-8") from None
    header, begin = _header(place, lines)
    classes, stamped = _labels(place, header), _true(header, "timestamps")
    values, labels = [], []
    for number, line in enumerate(lines[begin:], begin + 1):
        if not line.strip() or line.lstrip()[0] in "#%":
            continue
        where = f"{place}: line {number}"
        body, colon, label = line.strip().rpartition(":")
        label = label.strip()
        if not colon:
            raise ValueError(f"{where} has no label after a colon")
        values.append(_case(where, body, stamped))
        if values[-1].shape[1] != values[0].shape[1]:
            raise ValueError(
                f"{where} has {values[-1].shape[1]} dimensions, the first case {values[0].shape[1]}"
            )
        if classes and label not in classes:
            known = listed(classes)
            raise ValueError(f"{where}: label {quoted(label)} is not in the header: {known}")
        labels.append(label if classes is not None else _number(where, label, "target"))
    if not values:
        raise ValueError(f"{place} has no case after @data")
    names = tuple(f"dimension {n + 1}" for n in range(values[0].shape[1]))
    if classes is None:
        return Cases(values, np.asarray(labels, np.float64), names)
    return Cases(values, [np.full(len(v), t) for v, t in zip(values, labels)], names)


def _header(place: Path, lines: list[str]) -> tuple[dict[str, list[str]], int]:
    """Keys in lower case with their words, and the index of the first line after @data."""
    header: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        words = line.split()
        if not words or words[0][0] in "#%":
            continue
        if not words[0].startswith("@"):
            raise ValueError(
                f"{place}: line {number + 1} holds {quoted(line.strip())} before @data; expected "
                "a key such as @classLabel"
            )
        key = words[0][1:].lower()
        if key == "data":
            return header, number + 1
        header[key] = words[1:]
    raise ValueError(f"{place} is not a .ts file: it has no line @data")


def _labels(place: Path, header: Mapping[str, list[str]]) -> list[str] | None:
    """The class labels, [] if the header names none; None where targets are numbers."""
    if _true(header, "targetlabel"):
        return None
    if not _true(header, "classlabel"):
        raise ValueError(f"{place} has no labels; expected @classLabel true or @targetLabel true")
    return header["classlabel"][1:]


def _true(header: Mapping[str, list[str]], key: str) -> bool:
    return header.get(key, ["false"])[:1] in (["true"], ["True"], ["TRUE"])


def _case(where: str, body: str, stamped: bool) -> np.ndarray:
    """The values of a case, [T, X]."""
    if stamped:
        # Times contain colons: only those between dimensions have a parenthesis before them.
        texts = [PAIR.findall(part) for part in re.split(r"(?<=\)):", body)]
        rows = [[value for _, value in pairs] for pairs in texts]
    else:
        rows = [part.split(",") for part in body.split(":")]
    longest = max(map(len, rows))
    if not longest:
        raise ValueError(f"{where} has no value")
    case = np.full((longest, len(rows)), np.nan)
    for column, row in enumerate(rows):
        case[: len(row), column] = [
            math.nan if text.strip().lower() in MISSING else _number(where, text, "value")
            for text in row
        ]
    return case


def _number(where: str, text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= MOST:
        raise ValueError(
            f"{where}: {what} {quoted(text)}; expected a finite number of at most {MOST:g}"
        )
    return number
