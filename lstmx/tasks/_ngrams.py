"""What counting alone predicts of a text: the bars that a language model has to clear.

Pure NumPy on whole parts of a text, tokens [N] of V symbols; nats a token, of all but the first.
"""

from typing import NamedTuple

import numpy as np

PRIOR = 0.1
"""Added to every count, so that what train never shows costs something finite (Lidstone 1920)."""
DENSE = 1 << 22  # up to this many kinds of pairs, an array of all of them is faster than sorting


class Pairs(NamedTuple):
    """How often which token follows which.

    Attributes:
        before, after: [P] the tokens of the P kinds of pairs that occur.
        counts: [P] how often each occurs.
    """

    before: np.ndarray
    after: np.ndarray
    counts: np.ndarray


def pairs(tokens: np.ndarray, size: int) -> Pairs:
    """All neighbours of a text of `size` symbols, in order of (before, after)."""
    if size**2 <= DENSE:
        counts = np.zeros(size**2, np.int64)
        for first in range(0, len(tokens) - 1, DENSE):  # 64 bits a pair, not of all at once
            part = tokens[first : first + DENSE + 1].astype(np.int64)
            counts += np.bincount(part[:-1] * size + part[1:], minlength=size**2)
        kinds = np.flatnonzero(counts)
        return Pairs(kinds // size, kinds % size, counts[kinds])
    wide = tokens.astype(np.int64)
    kinds, counts = np.unique(wide[:-1] * size + wide[1:], return_counts=True)
    return Pairs(kinds // size, kinds % size, counts)


def unigram(train: np.ndarray, held_out: Pairs, size: int) -> float:
    """Every token at its own rate in train, whatever came before."""
    return _mean(np.log(_rates(train, size)[held_out.after]), held_out)


def bigram(train: np.ndarray, held_out: Pairs, size: int, *, backoff: bool) -> float:
    """Every token at its rate in train after the one before it.

    Args:
        train: tokens of the training part.
        held_out: the pairs to predict.
        size: number of symbols V.
        backoff: False adds `PRIOR` to every count, for alphabets. True mixes in the rates of
            single tokens, after x as if they had occurred as often as different tokens follow x
            in train (Witten & Bell 1991, method C): for vocabularies, most of whose pairs never
            occur.
    """
    seen = pairs(train, size)
    x, y = held_out.before, held_out.after
    codes = seen.before * size + seen.after
    asked = x * size + y
    at = np.minimum(np.searchsorted(codes, asked), len(codes) - 1)
    counts = np.where(codes[at] == asked, seen.counts[at], 0)
    totals = np.bincount(seen.before, seen.counts, minlength=size)[x]
    if backoff:
        kinds = np.maximum(np.bincount(seen.before, minlength=size)[x], 1)
        rates = (counts + kinds * _rates(train, size)[y]) / (totals + kinds)
    else:
        rates = (counts + PRIOR) / (totals + PRIOR * size)
    return _mean(np.log(rates), held_out)


def _rates(train: np.ndarray, size: int) -> np.ndarray:
    counts = np.bincount(train, minlength=size)
    return (counts + PRIOR) / (len(train) + PRIOR * size)


def _mean(log_rates: np.ndarray, held_out: Pairs) -> float:
    return float(-np.sum(held_out.counts * log_rates) / np.sum(held_out.counts))
