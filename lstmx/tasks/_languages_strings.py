"""Permuted or copied strings: a queue, a stack, or counters. Deletang et al. 2023, table 1.

    reverse_string      01101 -> 10110
    repetition          01101 -> 01101      of Beck et al. 2024 (xLSTM)
    duplicate_string    011 -> 011011
    odds_first          00110101 -> 01000111    first, third, ... symbol, then second, fourth, ...
    missing_duplicate   01100_10 -> 1       a string twice, one symbol missing
    missing_duplicate   101_01. -> 1        a dot completes an odd length
    bucket_sort         30142 -> 01234
    set                 3011030 -> 301$     every symbol once, by first occurrence; xLSTM
    majority            01101 -> 1          whether more than half of them are ones; xLSTM

Chance: every answer of the first six is uniform, except for missing_duplicate of a single symbol,
which is 1, as is its answer, in the paper's code. In bucket_sort all five symbols are equally
frequent, so that a constant answer gets .2. In set they are too, and the end is one of D + 1
answers, where D of the five symbols occur. In majority the answer to a tie is 0.

Trap: in bucket_sort a predictor that knows only n and the number of the answer gets .78 at 40
symbols and .94 at 500 (the most frequent symbol of each place, 4000 simulated strings): long
strings have about n / 5 of each. High accuracy is no proof of counting; use "sequence_accuracy".

Deviations: the paper's text and this file begin odds_first with the first symbol, the paper's code
with the second. The paper of xLSTM names repetition, set and majority without giving their
alphabets and their answer to a tie; those are ours.
"""

import math

import jax
import jax.numpy as jnp

from lstmx.tasks._languages import END, Language, averaged, ended, symbols, take, uniform
from lstmx.types import Array, Key

LETTERS = 5  # alphabet of bucket_sort, as in the paper, and of set
GAP, FILL = 2, 3


def _reverse_string(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest)
    return tokens, take(tokens, lengths[:, None] - 1 - jnp.arange(longest))


def _repetition(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest)
    return tokens, tokens


def _duplicate_string(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest)
    return tokens, take(tokens, jnp.arange(2 * longest) % lengths[:, None])


def _odds_first(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest)
    place, odds = jnp.arange(longest), (lengths[:, None] + 1) // 2
    return tokens, take(tokens, jnp.where(place < odds, 2 * place, 2 * (place - odds) + 1))


def _missing_duplicate(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    key_string, key_gap = jax.random.split(key)
    half = jnp.maximum(lengths // 2, 1)[:, None]
    string = jnp.where(lengths[:, None] == 1, 1, symbols(key_string, lengths, longest))
    place = jnp.arange(longest)
    both = take(string, place % half)
    gap = jax.random.randint(key_gap, half.shape, 0, 2 * half)
    tokens = jnp.where(place < 2 * half, jnp.where(place == gap, GAP, both), FILL)
    return jnp.where(lengths[:, None] == 1, both, tokens), take(both, gap)


def _bucket_sort(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest, LETTERS)
    inside = jnp.arange(longest) < lengths[:, None]
    return tokens, jnp.sort(jnp.where(inside, tokens, LETTERS), axis=1)


def _set(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest, LETTERS)
    place = jnp.arange(longest)[:, None]
    here = tokens[..., None] == jnp.arange(LETTERS)
    places = jnp.where(here & (place < lengths[:, None, None]), place, longest)
    first = jnp.min(places, axis=1, initial=longest)
    order = jnp.argsort(first, axis=1).astype(tokens.dtype)
    return tokens, ended(order, jnp.sum(first < longest, axis=1), LETTERS)


def _majority(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest)
    ones = jnp.sum(jnp.where(jnp.arange(longest) < lengths[:, None], tokens, 0), axis=1)
    return tokens, jnp.asarray(2 * ones > lengths, tokens.dtype)[:, None]


def _set_shares(length: int) -> list[float]:
    # Of LETTERS^n strings, C(L, d) * (strings of n onto d letters) have d distinct ones.
    end = 0.0
    for distinct in range(1, min(length, LETTERS) + 1):
        onto = sum(
            (-1) ** k * math.comb(distinct, k) * (distinct - k) ** length for k in range(distinct)
        )
        end += math.comb(LETTERS, distinct) * onto / LETTERS**length / (distinct + 1)
    return [(1 - end) / LETTERS] * LETTERS + [end]


def _majority_shares(length: int) -> list[float]:
    tie = 0.0 if length % 2 else math.comb(length, length // 2) / 2**length
    return [(1 + tie) / 2, (1 - tie) / 2]


_HALVES = uniform(2)
_FIVE = "01234"

LANGUAGES = {
    "reverse_string": Language("01", "01", _reverse_string, _HALVES, lambda n: n),
    "repetition": Language("01", "01", _repetition, _HALVES, lambda n: n),
    "duplicate_string": Language("01", "01", _duplicate_string, _HALVES, lambda n: 2 * n),
    "odds_first": Language("01", "01", _odds_first, _HALVES, lambda n: n),
    "missing_duplicate": Language(
        "01_.", "01", _missing_duplicate, averaged(lambda n: [0, 1] if n == 1 else [0.5, 0.5])
    ),
    "bucket_sort": Language(_FIVE, _FIVE, _bucket_sort, uniform(LETTERS), lambda n: n),
    "set": Language(_FIVE, _FIVE + END, _set, averaged(_set_shares), lambda n: LETTERS + 1),
    "majority": Language("01", "01", _majority, averaged(_majority_shares)),
}
