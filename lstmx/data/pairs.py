"""Pairs of sentences, such as translations, as tokens in three parts; vocabularies are of train.

A corpus is two text files with as many lines each, or one file of lines `source<TAB>target`. Words
are separated by white space: text that is not tokenised is tokenised before it comes here.

    <s> 0   </s> 1   <unk> 2   then the words of train, the most frequent first

Both languages have these three, each with a vocabulary of its own. A sentence ends with `</s>`.
With byte pairs (`lstmx/data/bytepairs.py`) bytes and pairs follow instead of words, none is
`<unk>`, and each language has pairs of its own.
"""

import itertools
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx import checks
from lstmx.data import bytepairs, corpora, fetch
from lstmx.data.bytepairs import BytePairs
from lstmx.data.corpora import FILE, SPLIT, SPLITS
from lstmx.data.fetch import Known

START, END, UNKNOWN = 0, 1, 2
SPECIAL = ("<s>", "</s>", "<unk>")
"""The symbols of the first three tokens."""
FRACTION = 0.05
"""Fractions of valid and of test of a corpus that has no parts."""

_ENJA = "https://raw.githubusercontent.com/odashi/small_parallel_enja/master/"
_SHA256 = {
    "train.en": "148b05dcd28638fe20ee84f2b1127001c80982be352007dda241fb759adadc76",
    "train.ja": "fc81a1434349ec98a449d7ae9cd2530057f689637684ecfed3501ea6a8a07ecc",
    "dev.en": "04a2673449770657fd5e3b963cb856be3130923212b6db8ac7eaeef18f06c041",
    "dev.ja": "cd534f56b8639dc130f86a365e5ec0aa70042000bdd740a622fbbf8b6be4acca",
    "test.en": "45edb380749ec2b49cca7618fc5a7595fc9f791180672ba466b90c873a4aa8bf",
    "test.ja": "d37dc460a81b064e4106c8913eb11fa300da05cf3f58a7a5bbfec7e20947ddef",
}
KNOWN = {f"small_parallel_enja/{n}": Known(f"{_ENJA}{n}", s) for n, s in _SHA256.items()}
"""The files of the source "enja": 50 000, 500 and 500 pairs of 4 to 16 words, an extract of the
Tanaka corpus (CC BY 2.0 FR) by Y. Oda."""
SOURCES = ("enja", FILE)
TOKENISERS = ("word", "bytepairs")
Symbols = tuple[str, ...] | BytePairs
"""What the tokens of a language are: a word each, or byte pairs."""


class Pairs(NamedTuple):
    """A parallel corpus.

    Attributes:
        lines: part -> (source, target), lists of sentences, words separated by single spaces.
        source: the symbol of every token of the source, or its byte pairs.
        target: likewise of the target.
        files: name -> sha256 of the files read.
    """

    lines: dict[str, tuple[list[str], list[str]]]
    source: Symbols
    target: Symbols
    files: dict[str, str]


def load(
    source: str,
    *,
    file: str = "",
    target_file: str = "",
    swapped: bool = False,
    vocabulary: int = 0,
    tokeniser: str = "word",
    data_dir: str | os.PathLike[str] | None = None,
) -> Pairs:
    """The pairs of a corpus.

    Args:
        source: "enja", or "file".
        file: for "file": the sentences of the source, or pairs `source<TAB>target` if there is no
            `target_file`. A path, or `<set>/<file>` of the data folder; `{split}` in it means three
            files, for train, valid and test. One file is cut into 90, 5 and 5 %, and equal source
            sentences are in the same part.
        target_file: the sentences of the target.
        swapped: whether source and target change places.
        vocabulary: most symbols of each language, the three special ones included; 0 for all, and
            for 4000 of byte pairs.
        tokeniser: "word" or "bytepairs".
        data_dir: the data folder; None for the default of `fetch.folder`.

    Raises:
        ValueError: an unknown source, files of different numbers of lines, a line without a tab, a
            part without pairs, a file that is missing, has a wrong checksum or is not UTF-8.
    """
    checks.one_of("source", source, SOURCES)
    checks.one_of("tokeniser", tokeniser, TOKENISERS)
    if (source == FILE) != bool(file) or (target_file and not file):
        raise ValueError(
            f"source={source!r} with file={file!r} and target_file={target_file!r}: expected files "
            "for source='file', none else"
        )
    if source == "enja":
        names = {"train": "train", "valid": "dev", "test": "test"}
        places = {
            split: [
                fetch.path("small_parallel_enja", f"{name}.{tongue}", data_dir, known=KNOWN)
                for tongue in ("en", "ja")
            ]
            for split, name in names.items()
        }
    else:
        splits = SPLITS if SPLIT in file else ("",)
        wanted = [name for name in (file, target_file) if name]
        places = {
            s: [fetch.find(name.replace(SPLIT, s), data_dir) for name in wanted] for s in splits
        }
    lines = {split: _read(paths) for split, paths in places.items()}
    if "" in lines:
        lines = _parts(*lines[""])
    if swapped:
        lines = {split: (target, source) for split, (source, target) in lines.items()}
    for split, (sentences, _) in lines.items():
        if not sentences:
            raise ValueError(f"{file}: no pairs in {split}; expected more lines")
    files = {path.name: fetch.sha256(path) for paths in places.values() for path in paths}
    kept = dict(zip(("source", "target"), lines["train"]))
    if tokeniser == "bytepairs":
        first = len(SPECIAL)
        learned = {n: bytepairs.learn(n, kept[n], vocabulary, first=first) for n in kept}
        return Pairs(lines, learned["source"], learned["target"], files)
    read, written = (_symbols(sentences, vocabulary) for sentences in kept.values())
    return Pairs(lines, read, written, files)


def size(symbols: Symbols) -> int:
    """The number of tokens of a language."""
    return symbols.size if isinstance(symbols, BytePairs) else len(symbols)


def encode(sentences: Sequence[str], symbols: Symbols) -> list[list[int]]:
    """The tokens of every sentence, with `</s>` at its end; unknown words are `<unk>`."""
    if isinstance(symbols, BytePairs):
        return [[*tokens, END] for tokens in symbols.encode_all(sentences)]
    number = {symbol: n for n, symbol in enumerate(symbols)}
    return [[*(number.get(w, UNKNOWN) for w in line.split()), END] for line in sentences]


def decode(tokens: Sequence[int], symbols: Symbols) -> str:
    """The sentence of tokens up to the first `</s>`, words separated by single spaces."""
    kept = list(itertools.takewhile(lambda token: token != END, map(int, tokens)))
    if isinstance(symbols, BytePairs):
        return " ".join(symbols.decode(kept).split())
    return " ".join(symbols[token] for token in kept)


def shown(line: str, symbols: Symbols) -> list[str]:
    """The tokens of a sentence as a figure shows them, `</s>` the last one."""
    if not isinstance(symbols, BytePairs):
        return [*line.split(), SPECIAL[END]]
    pieces = (symbols.pieces[token].decode("utf-8", "replace") for token in symbols.encode(line))
    return [*(piece.strip() or piece for piece in pieces), SPECIAL[END]]


def padded(tokens: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens [N, L] filled up with `</s>`, and their lengths [N]."""
    lengths = np.array([len(row) for row in tokens], np.int32)
    wide = np.full((len(tokens), lengths.max(initial=1)), END, np.int32)
    for place, row in zip(wide, tokens):
        place[: len(row)] = row
    return wide, lengths


def _symbols(sentences: Sequence[str], most: int) -> tuple[str, ...]:
    counts = Counter(word for line in sentences for word in line.split())
    words = sorted(counts, key=lambda word: (-counts[word], word))
    words = [word for word in words if word not in SPECIAL]
    if most:
        checks.size("vocabulary", most, len(SPECIAL) + 1)
        words = words[: most - len(SPECIAL)]
    return (*SPECIAL, *words)


def _read(paths: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Source and target of two files, or of one with two columns; pairs with an empty side go."""
    texts = [corpora.lines(corpora.read(path, corpora.Source("", ()))) for path in paths]
    if len(texts) == 1:
        rows = [line.rstrip("\r").split("\t") for line in texts[0]]
        for n, row in enumerate(rows, 1):
            if len(row) < 2:
                raise ValueError(f"{paths[0]}, line {n}: no tab; expected source<TAB>target")
        texts = [[row[0] for row in rows], [row[1] for row in rows]]
    if len(texts[0]) != len(texts[1]):
        counts = " and ".join(f"{path} has {len(t)}" for path, t in zip(paths, texts))
        raise ValueError(f"{counts} lines; expected as many in both")
    pairs = [tuple(" ".join(line.split()) for line in pair) for pair in zip(*texts)]
    kept = [pair for pair in pairs if all(pair)]
    return [pair[0] for pair in kept], [pair[1] for pair in kept]


def _parts(source: list[str], target: list[str]) -> dict[str, tuple[list[str], list[str]]]:
    """The three parts of one list; by the source sentence, so that none is in two parts."""
    lines: dict[str, tuple[list[str], list[str]]] = {split: ([], []) for split in SPLITS}
    for pair in zip(source, target):
        place = zlib.crc32(pair[0].encode()) / 2**32
        split = "test" if place < FRACTION else "valid" if place < 2 * FRACTION else "train"
        for sentences, sentence in zip(lines[split], pair):
            sentences.append(sentence)
    return lines
