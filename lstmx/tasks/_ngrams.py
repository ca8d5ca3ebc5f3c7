"""Unigram and bigram models of a text: references for language models.

Pure NumPy on complete parts of a text, tokens [N] of V symbols. Losses are in nats per token, over
all tokens but the first.
"""

from typing import NamedTuple

import numpy as np

PRIOR = 0.1
"""Added to every count, so that the loss of tokens absent from train is finite (Lidstone 1920)."""
DENSE = 1 << 22  # up to this many possible pairs, an array of their counts is faster than sorting


class Pairs(NamedTuple):
    """The counts of pairs of neighboring tokens.

    Attributes:
        before, after: [P] the tokens of the P distinct pairs that occur.
        counts: [P] number of occurrences of each.
    """

    before: np.ndarray
    after: np.ndarray
    counts: np.ndarray


def pairs(tokens: np.ndarray, size: int) -> Pairs:
    """All pairs of neighbors in a text of `size` symbols, sorted by (before, after)."""
    if size**2 <= DENSE:
        counts = np.zeros(size**2, np.int64)
        for first in range(0, len(tokens) - 1, DENSE):  # in parts: 64 bits per pair
            part = tokens[first : first + DENSE + 1].astype(np.int64)
            counts += np.bincount(part[:-1] * size + part[1:], minlength=size**2)
        kinds = np.flatnonzero(counts)
        return Pairs(kinds // size, kinds % size, counts[kinds])
    wide = tokens.astype(np.int64)
    kinds, counts = np.unique(wide[:-1] * size + wide[1:], return_counts=True)
    return Pairs(kinds // size, kinds % size, counts)


def unigram(train: np.ndarray, held_out: Pairs, size: int) -> float:
    """The loss when every token has its frequency in train, whatever precedes it."""
    return _mean(np.log(_rates(train, size)[held_out.after]), held_out)


def bigram(train: np.ndarray, held_out: Pairs, size: int, *, backoff: bool) -> float:
    """The loss when every token has its frequency in train after the preceding token.

    Args:
        train: tokens of the training part.
        held_out: the pairs to predict.
        size: number of symbols V.
        backoff: False adds `PRIOR` to every count; suits alphabets. True mixes in the unigram
            frequencies: after x they have the weight of as many occurrences as there are
            distinct successors of x in train (Witten & Bell 1991, method C); suits vocabularies,
            most of whose pairs never occur.
    """
    trained = pairs(train, size)
    x, y = held_out.before, held_out.after
    # `codes` is ascending, as pairs are sorted, so that a binary search finds a pair in it.
    codes = trained.before * size + trained.after
    wanted = x * size + y
    at = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    counts = np.where(codes[at] == wanted, trained.counts[at], 0)
    totals = np.bincount(trained.before, trained.counts, minlength=size)[x]
    if backoff:
        kinds = np.maximum(np.bincount(trained.before, minlength=size)[x], 1)
        rates = (counts + kinds * _rates(train, size)[y]) / (totals + kinds)
    else:
        rates = (counts + PRIOR) / (totals + PRIOR * size)
    return _mean(np.log(rates), held_out)


def _rates(train: np.ndarray, size: int) -> np.ndarray:
    counts = np.bincount(train, minlength=size)
    return (counts + PRIOR) / (len(train) + PRIOR * size)


def _mean(log_rates: np.ndarray, held_out: Pairs) -> float:
    return float(-np.sum(held_out.counts * log_rates) / np.sum(held_out.counts))
