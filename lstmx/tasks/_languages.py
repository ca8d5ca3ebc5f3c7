"""A formal language as the task `formal_language` uses it, and functions that families share.

A language maps a string of n symbols to a string of answers. Each family has one file:
`_languages_regular`, `_languages_strings`, `_languages_stack`, `_languages_brackets` and
`_languages_numbers`. Their docstrings have one example per language, `name  string -> answers`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lstmx.types import Array, Key

END = "$"
"""The answer that marks the end of the answers."""


class Language(NamedTuple):
    """A language with its generator.

    Attributes:
        symbols: the alphabet of strings, one character per token.
        answers: the alphabet of answers, one character per class.
        sample: (key, lengths [B], longest) -> (tokens [B, longest], answers [B, any]). Entries
            beyond a row's length, and beyond its number of answers, are arbitrary.
        chance: (lengths) -> frequencies [classes] of the classes among the scored answers, all
            lengths weighted equally. The largest is the accuracy of the best constant answer.
        count: (length) -> number of answers.
        natural: (length) -> the nearest length that strings can have, preferably a shorter one.
        online: whether each symbol has its answer at the same step, rather than after the string.
    """

    symbols: str
    answers: str
    sample: Callable[[Key, Array, int], tuple[Array, Array]]
    chance: Callable[[Sequence[int]], np.ndarray]
    count: Callable[[int], int] = lambda length: 1
    natural: Callable[[int], int] = lambda length: length
    online: bool = False


def uniform(classes: int) -> Callable[[Sequence[int]], np.ndarray]:
    """The `chance` of a language whose answers are equally frequent at every length."""
    return lambda lengths: np.full(classes, 1 / classes)


def averaged(
    frequencies: Callable[[int], ArrayLike],
) -> Callable[[Sequence[int]], np.ndarray]:
    """The `chance` of a language from the frequencies of its answers at a single length."""
    return lambda lengths: np.mean([np.asarray(frequencies(n)) for n in lengths], axis=0)


def symbols(key: Key, lengths: Array, longest: int, count: int = 2) -> Array:
    """Uniform tokens [B, longest] below `count`."""
    return jax.random.randint(key, (lengths.shape[0], longest), 0, count)


def take(values: Array, places: Array) -> Array:
    """values[b, places[b, j]] of values [B, N] and places [B, M], clipped to 0 ... N - 1."""
    inside = jnp.clip(places, 0, values.shape[1] - 1)
    return jnp.take_along_axis(values, inside, axis=1)


def ended(values: Array, counts: Array, end: int) -> Array:
    """[B, N + 1]: the first counts [B] of values [B, N], then `end`, then zeros."""
    place = jnp.arange(values.shape[1] + 1)
    values = jnp.pad(values, ((0, 0), (0, 1)))
    answers = jnp.where(place < counts[:, None], values, 0)
    return jnp.where(place == counts[:, None], end, answers)
