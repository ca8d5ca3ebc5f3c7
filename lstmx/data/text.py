"""Texts as numbered characters or words, in three parts; the vocabulary is that of train.

A text in one file is cut in its order: train first, then valid, then test. `<unk>` stands for
whatever a held-out part has and train has not; there is no such symbol where all is known.

Words are what white space separates, and every line ends with the word `<eos>` (Mikolov 2010).
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx.data import corpora, fetch, packed
from lstmx.data.corpora import SPLITS, Source

FRACTION = 0.05
"""Part of a text in one file that is valid, and that is test: text8's 90 / 5 / 5 %."""
UNKNOWN, END_OF_LINE = "<unk>", "<eos>"


class Corpus(NamedTuple):
    """A text as numbers.

    Attributes:
        tokens: split (train, valid, test) -> numbers of its symbols [N]; the smallest of uint8,
            uint16 and int32 that holds them all.
        symbols: the character or word of every number.
        files: name -> sha256 of the files read.
    """

    tokens: dict[str, np.ndarray]
    symbols: tuple[str, ...]
    files: dict[str, str]


def characters(
    source: str,
    *,
    file: str = "",
    valid_fraction: float = FRACTION,
    test_fraction: float = FRACTION,
    data_dir: str | os.PathLike[str] | None = None,
) -> Corpus:
    """The characters of a text, numbered in the order of Unicode.

    Args:
        source: a name of `corpora.CHARACTERS`, or "file".
        file: for "file": a path, or `<set>/<file>` of the data folder; UTF-8, with a byte order
            mark or without, or a zip of one such file. With `{split}` in it the text comes in three
            files.
        valid_fraction: of a text in one file, the part before test that chooses between models.
        test_fraction: of a text in one file, the part at its end that judges them.
        data_dir: the data folder, if another than usual.

    Raises:
        ValueError: an unknown source, fractions that leave nothing or mean nothing, a file that is
            missing (`fetch.Missing`), wrong or no UTF-8.
    """
    known, places = corpora.places(corpora.CHARACTERS, source, file, data_dir)
    codes = {part: _codes(place, known) for part, place in places.items()}
    parts = _parts(codes, source, valid_fraction, test_fraction)
    found = np.unique(parts["train"])
    table = np.full(max(int(part.max(initial=0)) for part in parts.values()) + 1, len(found))
    table[found] = np.arange(len(found))
    new = any(np.any(table[np.unique(parts[part])] == len(found)) for part in SPLITS[1:])
    symbols = (*map(chr, found), *((UNKNOWN,) if new else ()))
    table = table.astype(_dtype(len(symbols)))
    return Corpus({p: table[part] for p, part in parts.items()}, symbols, _hashes(places))


def words(
    source: str,
    *,
    file: str = "",
    vocabulary: int = 0,
    valid_fraction: float = FRACTION,
    test_fraction: float = FRACTION,
    data_dir: str | os.PathLike[str] | None = None,
) -> Corpus:
    """The words of a text and an `<eos>` a line, numbered from the most frequent in train on.

    Args:
        source: a name of `corpora.WORDS`, or "file".
        file: as for `characters`.
        vocabulary: how many symbols there are at most, one of them `<unk>`; 0 for all of train.
        valid_fraction, test_fraction, data_dir: as for `characters`.

    Raises:
        ValueError: as `characters`.
    """
    known, places = corpora.places(corpora.WORDS, source, file, data_dir)
    numbers: dict[str, int] = {}
    whole = {
        part: np.fromiter(
            (numbers.setdefault(word, len(numbers)) for word in _words(corpora.read(place, known))),
            np.int32,
        )
        for part, place in places.items()
    }
    parts = _parts(whole, source, valid_fraction, test_fraction)
    names = list(numbers)
    counts = Counter(dict(zip(names, np.bincount(parts["train"], minlength=len(names)).tolist())))
    symbols = sorted((w for w in names if counts[w]), key=lambda word: (-counts[word], word))
    if len(symbols) < len(names) and UNKNOWN not in symbols:
        symbols.append(UNKNOWN)
    if vocabulary and len(symbols) > vocabulary:
        kept = [word for word in symbols if word != UNKNOWN][: vocabulary - 1]
        symbols = [*kept, UNKNOWN]
    number = {word: i for i, word in enumerate(symbols)}
    unknown = number.get(UNKNOWN, 0)
    table: np.ndarray = np.array([number.get(w, unknown) for w in names], _dtype(len(symbols)))
    return Corpus({p: table[part] for p, part in parts.items()}, tuple(symbols), _hashes(places))


def _codes(place: Path, known: Source) -> np.ndarray:
    """The characters of a file as numbers [N]."""
    if known.bytewise:
        return np.frombuffer(packed.contents(place), np.uint8)
    return np.frombuffer(corpora.read(place, known).encode("utf-32-le"), "<u4")


def _words(text: str) -> Iterator[str]:
    for line in corpora.lines(text):
        yield from line.split()
        yield END_OF_LINE


def _parts(
    whole: dict[str, np.ndarray], source: str, valid: float, test: float
) -> dict[str, np.ndarray]:
    """The three parts of a text: as it comes, or cut."""
    if "" not in whole:
        if (valid, test) != (FRACTION, FRACTION):
            raise ValueError(
                f"valid_fraction={valid} and test_fraction={test} cut a text in one file, and "
                f"source={source!r} comes in three; leave both at {FRACTION}"
            )
        return whole
    if min(valid, test) <= 0 or valid + test >= 1:
        raise ValueError(
            f"valid_fraction={valid} and test_fraction={test}: expected both above 0 and their sum "
            "below 1"
        )
    tokens = whole[""]
    held_out = [round(valid * len(tokens)), round(test * len(tokens))]
    end = len(tokens) - sum(held_out)
    return dict(zip(SPLITS, np.split(tokens, [end, end + held_out[0]])))


def _hashes(places: dict[str, Path]) -> dict[str, str]:
    return {place.name: fetch.sha256(place) for place in places.values()}


def _dtype(size: int) -> type:
    """The smallest type for `size` numbers: a text on a device may be all that fits."""
    return np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.int32
