"""ListOps: expressions such as `[MAX 2 9 [MIN 4 7 ] 0 ]` with their values, generated or read.

Nangia & Bowman 2018 (arXiv:1804.06028), in the form of the Long Range Arena (Tay et al. 2021): at
every depth but the last a node is an operator with probability 1/4, else a digit; an operator is
one of four and has 2 ... max_args arguments, uniformly. Expressions with a length out of range are
discarded, and so are duplicates.

All nodes of one depth of many expressions are sampled at once. Values are then computed from the
deepest level up, places of the symbols from the roots down.
"""

import functools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx.data import fetch, packed

OPERATORS = ("[MAX", "[MIN", "[MED", "[SM")
SYMBOLS = (*"0123456789", *OPERATORS, "]")
"""The symbols of the tokens; [SM is the sum modulo 10, [MED the median, rounded down."""

OPERATOR_SHARE = 0.25
CLOSE = SYMBOLS.index("]")
SHORTEST = 4
"""Number of symbols of the shortest expression with an operator: `[MAX 1 2 ]`."""
ROUND = 2_000_000
"""Upper bound of the number of symbols of all trees of one round."""
MOST_TREES = 20_000
"""Upper bound of the number of trees of one round."""
PATIENCE = 10_000
"""Duplicates in a row after which `generate` gives up; an empty round counts as ten."""
MOST_FILLED, MOST_TIMES = 1 << 28, 16
"""Upper bounds of the padded expressions of a file: bytes, or multiples of the unpadded ones,
whichever is larger."""
FILES = {"train": "basic_train.tsv", "valid": "basic_val.tsv", "test": "basic_test.tsv"}
_ABOUT = fetch.Known("", "", "folder listops-1000 of the Long Range Arena's lra_release.gz has it")


class Expressions(NamedTuple):
    """Expressions with their values.

    Attributes:
        tokens: [N, T] uint8, indices into SYMBOLS; zeros after the end.
        lengths: [N] int32.
        values: [N] int32, 0 ... 9.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    values: np.ndarray


class _Level(NamedTuple):
    """The nodes of one depth of many trees, in order.

    Attributes:
        owner: [K] index of each node's tree.
        parent: [K] index of its parent in the level above.
        arity: [K] number of its arguments, 0 for a digit.
    """

    owner: np.ndarray
    parent: np.ndarray
    arity: np.ndarray


@functools.lru_cache(maxsize=4)
def generate(
    count: int, min_length: int, length: int, max_depth: int, max_args: int, seed: int
) -> Expressions:
    """`count` different expressions of min_length ... length symbols.

    A larger count returns the same expressions, followed by others.

    Raises:
        ValueError: there seem to be fewer different expressions.
    """
    random = np.random.default_rng(seed)
    seen: set[bytes] = set()
    parts: list[Expressions] = []
    duplicates = 0  # in a row
    while len(seen) < count:
        sampled = _sample(random, min_length, length, max_depth, max_args)
        new = []
        for row, (tokens, size) in enumerate(zip(sampled.tokens, sampled.lengths)):
            name = tokens[:size].tobytes()
            if name not in seen:
                seen.add(name)
                new.append(row)
        parts.append(Expressions(*(values[new] for values in sampled)))
        duplicates = 0 if new else duplicates + max(len(sampled.values), 10)
        if duplicates >= PATIENCE:
            raise ValueError(
                f"listops: {len(seen)} different expressions of {min_length} to {length} symbols "
                f"were found (max_depth={max_depth}, max_args={max_args}); expected {count}"
            )
    return Expressions(*(np.concatenate(values)[:count] for values in zip(*parts)))


def read(split: str, data_dir: str | os.PathLike[str] | None = None) -> tuple[Expressions, Path]:
    """The expressions of train, valid or test of the Long Range Arena, and their file.

    Raises:
        ValueError: the file is missing (`Missing`), or `parse` refuses it.
    """
    name = FILES[split]
    place = fetch.path("listops", name, data_dir, known={f"listops/{name}": _ABOUT})
    return parse(place), place


def parse(place: Path) -> Expressions:
    """The expressions of a file of the Long Range Arena: tab-separated columns Source and Target.

    The round brackets, which pair every operator with its arguments one by one, are skipped, as in
    every tokenizer in use.

    Raises:
        ValueError: another header, an unknown symbol, a value that is not a digit, expressions
            without closing brackets (an early release), or one so much longer than the others that
            padding takes more than 256 MiB and more than 16 times the unpadded expressions.
        OSError: the file cannot be opened.
    """
    try:
        text = packed.contents(place).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} is not UTF-8: {error}") from None
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    rows = [line.split("\t") for line in lines]  # no field of such a file has quotes
    if rows[0] != ["Source", "Target"]:
        raise ValueError(f"{place}: the first line is not Source, Target")
    vocabulary = {symbol: token for token, symbol in enumerate(SYMBOLS)}
    expressions = []
    for number, row in enumerate(rows[1:], 2):
        words = [word for word in row[0].split() if word not in "()"] if len(row) == 2 else []
        if wrong := [word for word in words if word not in vocabulary]:
            lost = f"[{wrong[0]}" in OPERATORS
            hint = "its brackets are lost" if lost else f"expected one of {' '.join(SYMBOLS)}"
            symbol = wrong[0] if len(wrong[0]) <= 20 else f"{wrong[0][:20]}..."
            raise ValueError(f"{place}, line {number}: unknown symbol {symbol!r}; {hint}")
        if not words or row[1] not in SYMBOLS[:10]:
            raise ValueError(f"{place}, line {number}: expected an expression, a tab and a digit")
        if words.count("]") != sum(word in OPERATORS for word in words):
            raise ValueError(f"{place}, line {number}: not every operator has its bracket ]")
        expressions.append(np.array([vocabulary[word] for word in words], np.uint8))
    lengths = np.array([len(tokens) for tokens in expressions], np.int32)
    longest = int(lengths.max(initial=1))
    if len(expressions) * longest > max(MOST_FILLED, MOST_TIMES * int(lengths.sum())):
        number = 2 + int(np.argmax(lengths))
        raise ValueError(
            f"{place}, line {number}: {longest} symbols, to which {len(expressions)} expressions "
            "would be filled up; leave it out"
        )
    padded = np.zeros((len(expressions), longest), np.uint8)
    # In row-major order, the places of all real symbols are those of the concatenated expressions.
    exists = np.arange(padded.shape[1]) < lengths[:, None]
    padded[exists] = np.concatenate(expressions or [padded[:, 0]])
    return Expressions(padded, lengths, np.array([int(row[1]) for row in rows[1:]], np.int32))


def _sample(
    random: np.random.Generator, min_length: int, length: int, max_depth: int, max_args: int
) -> Expressions:
    """One round: the expressions among a few thousand random trees whose length is in range."""
    levels, totals = _grow(random, min_length, length, max_depth, max_args)
    fits = (totals >= min_length) & (totals <= length)
    levels = _pruned(levels, fits)
    symbols, values, spans = _evaluate(random, levels)
    # `place` is the index of each node's first symbol in `flat`, all expressions in one array. A
    # node starts one symbol after its parent, plus the symbols of its earlier siblings: the
    # cumulative sum over the level, less its value at the first sibling.
    flat = np.zeros(fits.sum() * length, np.uint8)
    place = np.arange(fits.sum()) * length
    for depth, level in enumerate(levels):
        if depth:
            before = np.cumsum(spans[depth]) - spans[depth]
            first = np.searchsorted(level.parent, level.parent)
            place = place[level.parent] + 1 + before - before[first]
        flat[place] = symbols[depth]
        inner = level.arity > 0
        flat[(place + spans[depth] - 1)[inner]] = CLOSE
    sizes = np.asarray(totals[fits], np.int32)
    return Expressions(flat.reshape(-1, length), sizes, np.asarray(values, np.int32))


def _grow(
    random: np.random.Generator, min_length: int, length: int, max_depth: int, max_args: int
) -> tuple[list[_Level], np.ndarray]:
    """Random trees by level, and the number of symbols of each; too long ones are not completed."""
    roots = max(1, min(MOST_TREES, ROUND // length))
    owner, parent = np.arange(roots), np.zeros(roots, int)
    totals, levels = np.zeros(roots, int), []
    for depth in range(1, max_depth + 1):
        share = OPERATOR_SHARE if depth < max_depth else 0.0
        if depth == 1 and min_length > 1:
            share = 1.0  # an expression of one digit would be discarded
        inner = random.random(len(owner)) < share
        arity = np.where(inner, random.integers(2, max_args + 1, len(owner)), 0)
        np.add.at(totals, owner, 1 + inner)
        levels.append(_Level(owner, parent, arity))
        parent = np.repeat(np.arange(len(owner)), np.where(totals[owner] <= length, arity, 0))
        owner = owner[parent]
    return levels, totals


def _pruned(levels: list[_Level], fits: np.ndarray) -> list[_Level]:
    """The levels with only those trees that have True in `fits`, renumbered."""
    pruned, above, trees = [], np.cumsum(fits) - 1, np.cumsum(fits) - 1
    for level in levels:
        mask = fits[level.owner]
        pruned.append(
            _Level(trees[level.owner[mask]], above[level.parent[mask]], level.arity[mask])
        )
        above = np.cumsum(mask) - 1
    return pruned


def _evaluate(
    random: np.random.Generator, levels: list[_Level]
) -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """The symbols of all nodes by level, values of the roots, numbers of symbols by level."""
    symbols, spans = [], []
    values = span = np.zeros(0, int)  # of the level below
    for level in reversed(levels):
        inner = level.arity > 0
        arity = level.arity[inner]
        here = random.integers(0, 10, len(inner))
        operator = random.integers(0, len(OPERATORS), len(arity))
        size = np.ones(len(inner), int)
        symbol = here.copy()
        if len(arity):
            # The arguments of an operator are consecutive in the level below, from `first` on.
            # Sorted within each operator, they have its minimum, medians and maximum at known
            # places.
            first = np.cumsum(arity) - arity
            size[inner] = 2 + np.add.reduceat(span, first)
            order = np.lexsort((values, np.repeat(np.arange(len(arity)), arity)))
            ranked = values[order]
            medians = (ranked[first + (arity - 1) // 2] + ranked[first + arity // 2]) // 2
            results = (ranked[first + arity - 1], ranked[first], medians)
            here[inner] = np.choose(operator, (*results, np.add.reduceat(values, first) % 10))
            symbol[inner] = SYMBOLS.index(OPERATORS[0]) + operator
        values, span = here, size
        symbols.append(symbol)
        spans.append(size)
    return symbols[::-1], values, spans[::-1]
