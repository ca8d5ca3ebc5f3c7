"""Arithmetic of binary numbers of any size, which needs a tape. Deletang et al. 2023, table 1.

    binary_addition         001+01101 -> 01011$     4 + 22 = 26, lowest digit first
    binary_multiplication   001*01101 -> 0001101$   4 * 22 = 88, lowest digit first
    compute_sqrt            100101 -> 110           37: the root is 6, highest digit first

The two terms or factors have n - 1 digits together, of which the first has uniformly 1 ... n - 2;
each number is uniform but not zero. Sums and products end at their highest one. A radicand is
uniform on 1 ... 2^n - 1, and its root, rounded down, has (n + 1) // 2 digits, leading zeros
included. Strings of one and two symbols are too short for two numbers: as in the paper's code they
are one number below 2^n - 1, which is also the sum, and every product is n - 1 zeros.

Chance: the digits of sums, products and roots are almost but not exactly uniform (a sum of n and n
digits is rarely close to its bounds), and the end occurs once per number. Their frequencies are
measured on 20 000 numbers computed with Python's integers, spread over the lengths: a standard
error below .002. On the lengths 1 ... 40 a constant answer gets .47 of binary_addition, .46 of
binary_multiplication and .55 of compute_sqrt.
"""

import functools
import math
import random
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.tasks._languages import END, Language, ended, symbols, take
from lstmx.types import Array, Key

OPERATOR = STOP = 2
SAMPLES = 20_000
LIMB = 28
"""Binary digits of a limb: shifted by two it still fits a 32-bit integer."""


def _nonzero(key: Key, widths: Array, longest: int) -> Array:
    """Uniform strings [B, longest] of widths [B] with at least one 1, then zeros."""
    key_first, key_rest = jax.random.split(key)
    wide = jnp.asarray(widths, jnp.float32)
    # The place of the first 1, by inversion of its distribution: it is j or later with
    # probability (2^-j - 2^-w) / (1 - 2^-w). All digits after it are fair.
    tail = 1 - jax.random.uniform(key_first, widths.shape) * (1 - jnp.exp2(-wide))
    first = jnp.minimum(jnp.asarray(-jnp.log2(tail), widths.dtype), widths - 1)[:, None]
    place = jnp.arange(longest)
    fair = jnp.where(place > first, symbols(key_rest, widths, longest), 0)
    return jnp.where(place < widths[:, None], jnp.where(place == first, 1, fair), 0)


def _pair(key: Key, lengths: Array, longest: int) -> tuple[Array, Array, Array]:
    """Two numbers [B, longest], lowest digit first, and the string [B, longest] with both."""
    key_cut, key_one, key_two, key_short = jax.random.split(key, 4)
    place = jnp.arange(longest)
    cut = jax.random.randint(key_cut, lengths.shape, 1, jnp.maximum(lengths - 1, 2))
    one = _nonzero(key_one, cut, longest)
    two = _nonzero(key_two, jnp.maximum(lengths - 1 - cut, 1), longest)
    tail = take(two, place - cut[:, None] - 1)
    string = jnp.where(place < cut[:, None], one, tail)
    string = jnp.where(place == cut[:, None], OPERATOR, string)

    short = lengths[:, None] < 3
    number = jax.random.randint(key_short, lengths.shape, 0, jnp.where(lengths == 2, 3, 1))
    single = jnp.where(place < 2, (number[:, None] >> jnp.minimum(place, 1)) & 1, 0)
    return (
        jnp.where(short, single, one),
        jnp.where(short, 0, two),
        jnp.where(short, single, string),
    )


def _carried(columns: Array) -> Array:
    """Binary digits [B, N], lowest first, of sum_i columns[b, i] 2^i; columns may exceed 1."""

    def add(carry: Array, column: Array) -> tuple[Array, Array]:
        total = carry + column
        return total >> 1, total & 1

    return jax.lax.scan(add, jnp.zeros_like(columns[:, 0]), columns.T)[1].T


def _digits(bits: Array) -> Array:
    """The number of digits [B] of numbers [B, N], lowest digit first; 0 for the number 0."""
    return jnp.max(jnp.where(bits > 0, jnp.arange(1, bits.shape[1] + 1), 0), axis=1)


def _binary_addition(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    one, two, string = _pair(key, lengths, longest)
    total = _carried(jnp.pad(one + two, ((0, 0), (0, 1))))
    return string, ended(total, jnp.maximum(_digits(total), 1), STOP)


def _binary_multiplication(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    one, two, string = _pair(key, lengths, longest)
    # A product is a convolution of digits, computed by FFT. It has at most n - 2 columns, so that
    # the circular convolution of length n does not wrap; exact up to some 100 000 digits.
    spectra = (jnp.fft.rfft(jnp.asarray(factor, jnp.float32)) for factor in (one, two))
    columns = jnp.fft.irfft(next(spectra) * next(spectra), n=longest)
    product = _carried(jnp.asarray(jnp.rint(columns), one.dtype))
    short = lengths < 3
    product = jnp.where(short[:, None], 0, product)
    return string, ended(product, jnp.where(short, lengths - 1, _digits(product)), STOP)


def _compute_sqrt(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens = _nonzero(key, lengths, longest)
    half = (longest + 1) // 2
    place = jnp.arange(2 * half) - 2 * half + lengths[:, None]
    radicand = jnp.where(place >= 0, take(tokens, place), 0)
    root = _root(radicand.reshape(-1, half, 2))
    count = (lengths[:, None] + 1) // 2
    return tokens, take(root, half - count + jnp.arange(half))


def _root(pairs: Array) -> Array:
    """Digits [B, N] of the square roots of numbers [B, N, 2], highest digits first.

    Digit by digit: the remainder, followed by the next two digits of the number, is compared with
    4 root + 1. If it is not smaller, the next digit is 1 and the difference is the new remainder.
    Numbers are limbs of 28 bits, lowest first.
    """
    limbs = -(-(pairs.shape[1] + 3) // LIMB)

    def shifted(number: Array, by: int, low: Array | int) -> Array:
        over = jnp.pad((number >> (LIMB - by))[:, :-1], ((0, 0), (1, 0)))
        moved = ((number << by) & ((1 << LIMB) - 1)) | over
        return moved.at[:, 0].add(low)

    def borrow(debt: Array, column: Array) -> tuple[Array, Array]:
        left = column - debt
        short = jnp.asarray(left < 0, left.dtype)
        return short, left + (short << LIMB)

    def digit(carry: tuple[Array, Array], pair: Array) -> tuple[tuple[Array, Array], Array]:
        rest, root = carry
        rest = shifted(rest, 2, 2 * pair[:, 0] + pair[:, 1])
        columns = rest - shifted(root, 2, 1)
        debt, lower = jax.lax.scan(borrow, jnp.zeros_like(rest[:, 0]), columns.T)
        fits = debt == 0
        one = jnp.asarray(fits, root.dtype)
        return (jnp.where(fits[:, None], lower.T, rest), shifted(root, 1, one)), one

    zero = jnp.zeros((pairs.shape[0], limbs), pairs.dtype)
    return jax.lax.scan(digit, (zero, zero), jnp.swapaxes(pairs, 0, 1))[1].T


def _counted(
    answer: Callable[[random.Random, int], str], classes: str
) -> Callable[[Sequence[int]], np.ndarray]:
    """The `chance` of a language by a seeded simulation with Python's integers."""

    @functools.lru_cache(maxsize=64)
    def shares(lengths: tuple[int, ...]) -> np.ndarray:
        generator, total = random.Random(0), np.zeros(len(classes))
        for sample in range(SAMPLES):
            string = answer(generator, lengths[sample % len(lengths)])
            total += [string.count(symbol) / len(string) for symbol in classes]
        return total / SAMPLES

    return lambda lengths: shares(tuple(lengths))


def _numbers(generator: random.Random, length: int) -> tuple[int, int]:
    cut = generator.randint(1, length - 2)
    return generator.randint(1, 2**cut - 1), generator.randint(1, 2 ** (length - 1 - cut) - 1)


def _sum(generator: random.Random, length: int) -> str:
    total = generator.randint(0, 2**length - 2) if length < 3 else sum(_numbers(generator, length))
    return f"{total:b}"[::-1] + END


def _product(generator: random.Random, length: int) -> str:
    if length < 3:
        return "0" * (length - 1) + END
    return f"{math.prod(_numbers(generator, length)):b}"[::-1] + END


def _square_root(generator: random.Random, length: int) -> str:
    return f"{math.isqrt(generator.randint(1, 2**length - 1)):0{(length + 1) // 2}b}"


_ENDED = "01" + END

LANGUAGES = {
    "binary_addition": Language(
        "01+", _ENDED, _binary_addition, _counted(_sum, _ENDED), lambda length: length + 1
    ),
    "binary_multiplication": Language(
        "01*", _ENDED, _binary_multiplication, _counted(_product, _ENDED), lambda length: length
    ),
    "compute_sqrt": Language(
        "01", "01", _compute_sqrt, _counted(_square_root, "01"), lambda length: (length + 1) // 2
    ),
}
