"""Bracketed sums modulo 5, which need a stack. Deletang et al. 2023, table 1.

    modular_arithmetic_brackets     (1-(-2)) -> 3
    modular_arithmetic_brackets     ((3)-(2+4)) -> 2
    solve_equation                  (x-(-2))=3 -> 1     the digit that x stands for
    solve_equation                  x=4 -> 4

An expression of n symbols is a digit (n = 1), -d (2), (d) (3), (-d) (4), or (left+right) or
(left-right), where the length of the left side is uniform on 1 ... n - 4 and both sides are
expressions again. An equation of n symbols is an expression of n - 2 symbols with its value; x
replaces the first digit at or to the right of a random place, cyclically. There is no equation of
less than three symbols: as in the paper's code, the string is zeros and the answer 0.

Chance: digits are uniform and only added, subtracted and negated, so that values are uniform, .2,
and so is the digit that x replaces; with the strings of one and two zeros, a constant answer gets
.24 of solve_equation on the lengths 1 ... 40.

The expressions of all rows are generated at once, one round per level of nesting. A value is the
sum of the digits, each with the sign that its brackets give it: no step-by-step evaluation.
"""

import jax
import jax.numpy as jnp

from lstmx.tasks._languages import Language, averaged, take, uniform
from lstmx.types import Array, Key

MODULUS = 5
PLUS, MINUS, OPEN, CLOSE, UNKNOWN, EQUALS = range(MODULUS, MODULUS + 6)


def _expression(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    """Random expressions [B, longest] of lengths [B], and their values [B]."""
    key_digit, key_minus, key_split = jax.random.split(key, 3)
    shape = (lengths.shape[0], longest)
    digits = jax.random.randint(key_digit, shape, 0, MODULUS)
    minus = jax.random.bernoulli(key_minus, 0.5, shape)
    sizes, right = _grow(jax.random.uniform(key_split, shape), lengths)
    place = jnp.arange(longest)
    operator = jnp.pad(right[:, 1:], ((0, 0), (0, 1)))
    negated = _after(sizes == 2) | (right & minus)
    tokens = jnp.where(sizes == 0, CLOSE, jnp.where(sizes == 1, digits, OPEN))
    tokens = jnp.where(sizes == 2, MINUS, tokens)
    sign = jnp.where(jnp.pad(minus[:, 1:], ((0, 0), (0, 1))), MINUS, PLUS)
    tokens = jnp.where(operator, sign, tokens)

    # A negated expression changes the sign of all its places. `turns` has +1 where it starts and
    # -1 where it ends, so that the cumulative sum counts the negations around each place.
    rows = jnp.arange(shape[0])[:, None]
    begins = jnp.asarray(negated, jnp.int32)
    turns = begins.at[rows, jnp.where(negated, place + sizes, longest)].add(-1, mode="drop")
    signs = 1 - 2 * (jnp.cumsum(turns, axis=1) % 2)
    values = jnp.sum(jnp.where(sizes == 1, signs * digits, 0), axis=1) % MODULUS
    return jnp.where(place < lengths[:, None], tokens, 0), values


def _grow(split: Array, lengths: Array) -> tuple[Array, Array]:
    """The length [B, T] of the expression that starts at each place, and where right sides start.

    The length is 0 where no expression starts.

    Args:
        split: [B, T] uniform on [0, 1): how an expression that starts there is divided.
        lengths: [B] of the outermost expressions.
    """
    rows, place = jnp.arange(split.shape[0])[:, None], jnp.arange(split.shape[1])
    longest = split.shape[1]

    def unfinished(carry: tuple[Array, Array, Array]) -> Array:
        return jnp.any(carry[1] > 1)

    def divide(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        # One level of nesting. `new` has the lengths of the expressions of this level at their
        # first places: `two` are (left+right), others have one expression inside: -d, (d), (-d).
        # Their inner or left expression starts one place later, the right one after the operator.
        sizes, new, right = carry
        two = new >= 5
        choices = jnp.asarray(new - 4, split.dtype)
        left = 1 + jnp.minimum(jnp.asarray(split * choices, new.dtype), new - 5)
        inner = jnp.where(new == 2, 1, jnp.where(new > 2, new - 2, 0))
        start = jnp.where(two, place + 2 + left, longest)
        behind = jnp.zeros_like(sizes).at[rows, start].set(new - left - 3, mode="drop")
        new = _after(jnp.where(two, left, inner)) + behind
        return sizes + new, new, right | (behind > 0)

    outermost = jnp.where(place == 0, lengths[:, None], 0)
    start = (outermost, outermost, jnp.zeros(split.shape, bool))
    sizes, _, right = jax.lax.while_loop(unfinished, divide, start)
    return sizes, right


def _after(values: Array) -> Array:
    """values [B, T] shifted right by one place."""
    return jnp.pad(values[:, :-1], ((0, 0), (1, 0)))


def _modular_arithmetic(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    tokens, values = _expression(key, lengths, longest)
    return tokens, values[:, None]


def _solve_equation(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    key_expression, key_place = jax.random.split(key)
    inner = jnp.maximum(lengths - 2, 1)[:, None]
    tokens, values = _expression(key_expression, inner[:, 0], longest)
    place = jnp.arange(longest)
    ahead = (place - jax.random.randint(key_place, inner.shape, 0, inner)) % inner
    digit = (tokens < MODULUS) & (place < inner)
    chosen = jnp.argmin(jnp.where(digit, ahead, longest), axis=1)[:, None]
    answer = take(tokens, chosen)
    tokens = jnp.where(place == chosen, UNKNOWN, tokens)
    tokens = jnp.where(place == inner, EQUALS, tokens)
    tokens = jnp.where(place == inner + 1, values[:, None], tokens)
    exists = lengths[:, None] > 2
    return jnp.where(exists, tokens, 0), jnp.where(exists, answer, 0)


LANGUAGES = {
    "modular_arithmetic_brackets": Language(
        "01234+-()", "01234", _modular_arithmetic, uniform(MODULUS)
    ),
    "solve_equation": Language(
        "01234+-()x=",
        "01234",
        _solve_equation,
        averaged(lambda n: [1, 0, 0, 0, 0] if n < 3 else [0.2] * MODULUS),
    ),
}
