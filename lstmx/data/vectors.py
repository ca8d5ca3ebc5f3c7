"""Vectors of words from a text file, as GloVe and word2vec write them.

One word a line, then its numbers, with white space between:

    the 0.418 0.24968 -0.41242 ...

word2vec writes the number of words and of numbers in a line before them, which is recognised. A
word is looked up as it is written: lower case or not is decided where texts are read. Of a word
that occurs twice the first line counts. Words of several parts, of which GloVe has a few, are
passed over.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx.data import packed


class Vectors(NamedTuple):
    """What the embedding of a vocabulary starts from.

    Attributes:
        values: [V, E] float32, zeros for tokens without a vector.
        found: [V] bool, whether a token has one.
        scale: standard deviation of all numbers found.
        trained: whether training changes the embedding.
        about: a sentence with the numbers of words.
        record: the same as JSON's values.
    """

    values: np.ndarray
    found: np.ndarray
    scale: float
    trained: bool
    about: str
    record: dict[str, int | bool]


def load(place: Path, words: Sequence[str], *, trained: bool = True) -> Vectors:
    """The vectors of a vocabulary.

    Args:
        place: the file; unpacked if its suffix is .gz, .bz2 or .xz, or if it is a zip.
        words: of every token [V]; "" for a token that is none. Tokens may share a word.
        trained: see `Vectors`.

    Raises:
        ValueError: no vectors, a line of another width or with something else than finite numbers,
            or none of the words.
        OSError: the file cannot be opened.
    """
    tokens: dict[bytes, list[int]] = {}
    for token, name in enumerate(words):
        if name:
            tokens.setdefault(name.encode("utf-8", "replace"), []).append(token)
    values, width, again, seen = None, 0, 0, set[bytes]()
    with packed.opened(place) as stream:
        for number, line in enumerate(_lines(place, stream), 1):
            if number == 1 and (width := _header(line)):
                continue
            word, _, rest = line.partition(b" ") if b"\t" not in line else line.partition(b"\t")
            width = width or len(line.split()) - 1
            if values is None:
                _numbers(place, number, line, width)  # refuses what is no file of vectors
                values = np.zeros((len(words), width), np.float32)
            if word not in tokens:
                if rest.count(b" ") + rest.count(b"\t") + 1 < width:
                    _numbers(place, number, line, width)
                continue
            row = _numbers(place, number, line, width)
            if row is None:
                continue
            again += word in seen
            if word not in seen:
                values[tokens[word]] = row
            seen.add(word)
    if values is None or not seen:
        raise ValueError(
            f"{place} has no vector of any of the {len(tokens)} words of train; expected lines of "
            "a word and its numbers"
        )
    found = np.zeros(len(words), bool)
    for one in seen:
        found[tokens[one]] = True
    about = f"{place.name}: vectors of {width} numbers for {len(seen)} of {len(tokens)} words"
    about += f"; words that occur there again: {again}, the first line counts" if again else ""
    record = {"words": len(tokens), "found": len(seen), "width": width, "trained": trained}
    return Vectors(values, found, float(values[found].std()), trained, about, record)


def _header(line: bytes) -> int:
    """The number of numbers that a header of word2vec promises; 0 where the line is none."""
    fields = line.split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[1])
    return 0


def _numbers(place: Path, number: int, line: bytes, width: int) -> list[float] | None:
    """The numbers of a line; None of a word of several parts.

    Raises:
        ValueError: another number of numbers, or something else.
    """
    fields = line.split()
    have = len(fields) - 1
    if have > width > 0 and _number(fields[-width - 1]) is None:
        return None
    row = [_number(field) for field in fields[1:]]
    if have != width or width < 1:
        raise ValueError(
            f"{place}: line {number} has {max(have, 0)} numbers; expected a word and "
            f"{width or 'some'}"
        )
    for field, value in zip(fields[1:], row):
        if value is None or not math.isfinite(value):
            text = field.decode("utf-8", "replace")
            raise ValueError(f"{place}: line {number} has {text[:40]!r}; expected a finite number")
    return row  # type: ignore[return-value]


def _number(field: bytes) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None


def _lines(place: Path, stream: packed.Stream) -> Iterator[bytes]:
    """The lines that are not empty, without white space at their ends.

    Raises:
        ValueError: a line of more than a block, which a binary file would have.
    """
    rest = b""
    while block := stream.read(packed.BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        yield from (line for line in map(bytes.strip, whole) if line)
        if len(rest) > packed.BLOCK:
            raise ValueError(
                f"{place} has a line of more than {packed.BLOCK} bytes; expected a text of a word "
                "and its numbers a line, not word2vec's binary form"
            )
    if rest := rest.strip():
        yield rest
