"""Texts as tokens: characters, words or byte pairs, in three parts; vocabularies are of train.

A text in one file is split in order: train first, then valid, then test. Symbols of a held-out part
that do not occur in train are `<unk>`, which is in the vocabulary only if there are such symbols.

Words are separated by white space, and every line ends with the word `<eos>` (Mikolov 2010).
"""

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx.data import bytepairs, corpora, fetch, packed
from lstmx.data.bytepairs import BytePairs
from lstmx.data.corpora import SPLITS, Source

FRACTION = 0.05
"""Fractions of valid and of test of a text in one file: 90 / 5 / 5 % as for text8."""
UNKNOWN, END_OF_LINE = "<unk>", "<eos>"


class Corpus(NamedTuple):
    """A text as tokens.

    Attributes:
        tokens: split (train, valid, test) -> tokens [N], in the smallest of uint8, uint16 and int32
            that can represent them.
        symbols: the character or word of every token.
        files: name -> sha256 of the files read.
        pairs: where tokens are byte pairs, the tokeniser.
    """

    tokens: dict[str, np.ndarray]
    symbols: tuple[str, ...]
    files: dict[str, str]
    pairs: BytePairs | None = None


def characters(
    source: str,
    *,
    file: str = "",
    valid_fraction: float = FRACTION,
    test_fraction: float = FRACTION,
    data_dir: str | os.PathLike[str] | None = None,
) -> Corpus:
    """The characters of a text; tokens are in the order of Unicode.

    Args:
        source: a name of `corpora.CHARACTERS`, or "file".
        file: for "file": a path, or `<set>/<file>` of the data folder; UTF-8, with or without a
            byte order mark, or a zip of one such file. `{split}` in it means three files.
        valid_fraction: of a text in one file, the part before test, for model selection.
        test_fraction: of a text in one file, the part at its end.
        data_dir: the data folder; None for the default of `fetch.folder`.

    Raises:
        ValueError: an unknown source, fractions that leave nothing for train or do not apply, a
            file that is missing (`fetch.Missing`), has a wrong checksum or is not UTF-8.
    """
    chosen, places = corpora.places(corpora.CHARACTERS, source, file, data_dir)
    codes = {part: _codes(place, chosen) for part, place in places.items()}
    parts = _parts(codes, source, valid_fraction, test_fraction)
    # A lookup table: code of a character -> token, and the number after the last for the unknown.
    vocabulary = np.unique(parts["train"])
    size = len(vocabulary)
    table = np.full(max(int(part.max(initial=0)) for part in parts.values()) + 1, size)
    table[vocabulary] = np.arange(size)
    new = any(np.any(table[np.unique(parts[part])] == size) for part in SPLITS[1:])
    symbols = (*map(chr, vocabulary), *((UNKNOWN,) if new else ()))
    table = table.astype(_dtype(len(symbols)))
    return Corpus({p: table[part] for p, part in parts.items()}, symbols, _hashes(places))


def byte_pairs(
    source: str,
    *,
    file: str = "",
    vocabulary: int = 0,
    valid_fraction: float = FRACTION,
    test_fraction: float = FRACTION,
    data_dir: str | os.PathLike[str] | None = None,
) -> Corpus:
    """The byte pairs of a text, learned from train; its parts are those of `characters`.

    Args:
        source: as for `characters`.
        file: as for `characters`.
        vocabulary: most tokens, those of the 256 bytes included; 0 is 4000.
        valid_fraction, test_fraction, data_dir: as for `characters`.

    Raises:
        ValueError: as `characters` and `bytepairs.learn`.
    """
    chosen, places = corpora.places(corpora.CHARACTERS, source, file, data_dir)
    as_text = chosen._replace(bytewise=False)  # pairs are of UTF-8
    codes = {part: _codes(place, as_text) for part, place in places.items()}
    lines = {
        part: list(bytepairs.blocks(chars.astype("<u4").tobytes().decode("utf-32-le")))
        for part, chars in _parts(codes, source, valid_fraction, test_fraction).items()
    }
    learned = bytepairs.learn("text", lines["train"], vocabulary)
    tokens: dict[str, np.ndarray] = {
        part: np.array(list(itertools.chain(*learned.encode_all(text))), _dtype(learned.size))
        for part, text in lines.items()
    }
    symbols = tuple(piece.decode("utf-8", "replace") for piece in learned.pieces)
    return Corpus(tokens, symbols, _hashes(places), learned)


def words(
    source: str,
    *,
    file: str = "",
    vocabulary: int = 0,
    valid_fraction: float = FRACTION,
    test_fraction: float = FRACTION,
    data_dir: str | os.PathLike[str] | None = None,
) -> Corpus:
    """The words of a text and `<eos>` after each line; tokens are in order of frequency in train.

    Args:
        source: a name of `corpora.WORDS`, or "file".
        file: as for `characters`.
        vocabulary: largest number of symbols, including `<unk>`; 0 for all words of train.
        valid_fraction, test_fraction, data_dir: as for `characters`.

    Raises:
        ValueError: as `characters`.
    """
    chosen, places = corpora.places(corpora.WORDS, source, file, data_dir)
    # Words are first numbered by first occurrence, in one pass over the text and without a list of
    # all words in memory; a table then maps these numbers to tokens.
    numbers: dict[str, int] = {}
    texts = {
        part: np.fromiter(
            (
                numbers.setdefault(word, len(numbers))
                for word in _words(corpora.read(place, chosen))
            ),
            np.int32,
        )
        for part, place in places.items()
    }
    parts = _parts(texts, source, valid_fraction, test_fraction)
    names = list(numbers)
    counts = Counter(dict(zip(names, np.bincount(parts["train"], minlength=len(names)).tolist())))
    symbols = sorted((w for w in names if counts[w]), key=lambda word: (-counts[word], word))
    if len(symbols) < len(names) and UNKNOWN not in symbols:
        symbols.append(UNKNOWN)
    if vocabulary and len(symbols) > vocabulary:
        frequent = [word for word in symbols if word != UNKNOWN][: vocabulary - 1]
        symbols = [*frequent, UNKNOWN]
    number = {word: i for i, word in enumerate(symbols)}
    unknown = number.get(UNKNOWN, 0)
    table: np.ndarray = np.array([number.get(w, unknown) for w in names], _dtype(len(symbols)))
    return Corpus({p: table[part] for p, part in parts.items()}, tuple(symbols), _hashes(places))


def _codes(place: Path, source: Source) -> np.ndarray:
    """The code points [N] of a file's characters, or its bytes."""
    if source.bytewise:
        return np.frombuffer(packed.contents(place), np.uint8)
    return np.frombuffer(corpora.read(place, source).encode("utf-32-le"), "<u4")


def _words(text: str) -> Iterator[str]:
    for line in corpora.lines(text):
        yield from line.split()
        yield END_OF_LINE


def _parts(
    texts: dict[str, np.ndarray], source: str, valid: float, test: float
) -> dict[str, np.ndarray]:
    """The three parts of a text: its three files, or those of its one file."""
    if "" not in texts:
        if (valid, test) != (FRACTION, FRACTION):
            raise ValueError(
                f"valid_fraction={valid} and test_fraction={test} cut a text in one file, and "
                f"source={source!r} comes in three; leave both at {FRACTION}"
            )
        return texts
    if min(valid, test) <= 0 or valid + test >= 1:
        raise ValueError(
            f"valid_fraction={valid} and test_fraction={test}: expected both above 0 and their sum "
            "below 1"
        )
    tokens = texts[""]
    held_out = [round(valid * len(tokens)), round(test * len(tokens))]
    end = len(tokens) - sum(held_out)
    return dict(zip(SPLITS, np.split(tokens, [end, end + held_out[0]])))


def _hashes(places: dict[str, Path]) -> dict[str, str]:
    return {place.name: fetch.sha256(place) for place in places.values()}


def _dtype(size: int) -> type:
    """The smallest type for `size` numbers, as a text may fill the memory of a device."""
    return np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.int32
