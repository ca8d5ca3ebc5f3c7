"""Regular languages, which need a finite memory. Deletang et al. 2023, table 1.

    even_pairs          001110 -> 0         whether 01 and 10 occur an odd number of times:
    even_pairs          0101001 -> 1        the first and the last symbol differ
    parity              101101 -> 0         whether the number of ones is odd
    cycle_navigation    +-0-- -> 3          where a walk over five places in a circle ends
    modular_arithmetic  1+2*3 -> 2          modulo 5, products first; lengths are odd
    modular_arithmetic  0*1+4*3-2 -> 0

Chance: parity is uniform; so is even_pairs, except for strings of one symbol, whose answer is 0.
The walk and the sum become uniform as strings get longer; their frequencies at every length follow
from the powers of a 5 x 5 and of a 25 x 25 matrix. The best constant answer to the lengths 1 ... 40
is 0 in all three: .5125 of even_pairs, .210 of cycle_navigation, .206 of modular_arithmetic.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.tasks._languages import Language, averaged, symbols, uniform
from lstmx.types import Array, Key

MODULUS = 5
PLUS, MINUS, TIMES = 5, 6, 7


def _even_pairs(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest)
    last = jnp.take_along_axis(tokens, lengths[:, None] - 1, axis=1)
    return tokens, tokens[:, :1] ^ last


def _parity(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest)
    ones = jnp.sum(jnp.where(_within(lengths, longest), tokens, 0), axis=1)
    return tokens, ones[:, None] % 2


def _cycle_navigation(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = symbols(key, lengths, longest, 3)
    place = jnp.sum(jnp.where(_within(lengths, longest), tokens - 1, 0), axis=1)
    return tokens, place[:, None] % MODULUS


def _modular_arithmetic(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    key_digit, key_operator = jax.random.split(key)
    digits = symbols(key_digit, lengths, longest, MODULUS)
    operators = PLUS + symbols(key_operator, lengths, longest, 3)
    tokens = jnp.where(jnp.arange(longest) % 2 == 0, digits, operators)
    inside = _within(lengths, longest)[:, 2::2]

    def add(carry: tuple[Array, Array], now: tuple[Array, Array, Array]) -> tuple:
        # `total` sums the complete terms; `term` is the open one, which a product still changes.
        total, term = carry
        operator, digit, real = now
        product = operator == TIMES
        new = jnp.where(product, term * digit, jnp.where(operator == PLUS, digit, -digit))
        total = jnp.where(real & ~product, total + term, total) % MODULUS
        return (total, jnp.where(real, new, term) % MODULUS), None

    start = (jnp.zeros_like(lengths), tokens[:, 0])
    pairs = (tokens[:, 1::2][:, : inside.shape[1]].T, tokens[:, 2::2].T, inside.T)
    (total, term), _ = jax.lax.scan(add, start, pairs)
    return tokens, ((total + term) % MODULUS)[:, None]


def _within(lengths: Array, longest: int) -> Array:
    return jnp.arange(longest) < lengths[:, None]


def _cycle_shares(length: int) -> np.ndarray:
    step = sum(np.roll(np.eye(MODULUS), k, axis=1) for k in (-1, 0, 1)) / 3
    return np.linalg.matrix_power(step, length)[0]


@functools.cache
def _arithmetic_step() -> np.ndarray:
    """Transition probabilities [25, 25] of (total, term) by a random operator and digit."""
    step = np.zeros((MODULUS,) * 4)
    for total, term, digit in np.ndindex(MODULUS, MODULUS, MODULUS):
        after = (total + term) % MODULUS
        step[total, term, after, digit] += 1
        step[total, term, after, -digit % MODULUS] += 1
        step[total, term, total, term * digit % MODULUS] += 1
    return step.reshape(MODULUS**2, -1) / (3 * MODULUS)


def _arithmetic_shares(length: int) -> np.ndarray:
    state = np.linalg.matrix_power(_arithmetic_step(), length // 2)[:MODULUS].mean(axis=0)
    table = state.reshape(MODULUS, MODULUS)
    return sum(np.roll(table[total], total) for total in range(MODULUS))


LANGUAGES = {
    "even_pairs": Language(
        "01", "01", _even_pairs, averaged(lambda n: [1, 0] if n == 1 else [0.5, 0.5])
    ),
    "parity": Language("01", "01", _parity, uniform(2)),
    "cycle_navigation": Language("-0+", "01234", _cycle_navigation, averaged(_cycle_shares)),
    "modular_arithmetic": Language(
        "01234+-*",
        "01234",
        _modular_arithmetic,
        averaged(_arithmetic_shares),
        natural=lambda length: length - 1 + length % 2,
    ),
}
