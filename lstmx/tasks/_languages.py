"""What a formal language is to the task `formal_language`, and what the families share.

A language turns a string of n symbols into a string of answers. Families live in one file each:
`_languages_regular`, `_languages_strings`, `_languages_stack`, `_languages_brackets` and
`_languages_numbers`. Their docstrings hold one line per language, `name  string -> answers`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lstmx.types import Array, Key

END = "$"
"""The answer that says that there are no more."""


class Language(NamedTuple):
    """A language with its generator.

    Attributes:
        symbols: what strings are made of, one character per token.
        answers: what answers are made of, one character per class.
        draw: (key, lengths [B], longest) -> (tokens [B, longest], answers [B, any]). What stands
            behind a row's own length or count means nothing.
        chance: (lengths) -> shares [classes] of the classes among the scored answers, every length
            counting the same. The largest is the accuracy of the best constant answer.
        count: (length) -> number of answers.
        natural: (length) -> the nearest length, not longer where there is one, that strings have.
        online: whether answers are due at the symbols themselves, not behind the string.
    """

    symbols: str
    answers: str
    draw: Callable[[Key, Array, int], tuple[Array, Array]]
    chance: Callable[[Sequence[int]], np.ndarray]
    count: Callable[[int], int] = lambda length: 1
    natural: Callable[[int], int] = lambda length: length
    online: bool = False


def uniform(classes: int) -> Callable[[Sequence[int]], np.ndarray]:
    """The `chance` of a language all of whose answers are equally frequent at every length."""
    return lambda lengths: np.full(classes, 1 / classes)


def averaged(
    shares: Callable[[int], ArrayLike],
) -> Callable[[Sequence[int]], np.ndarray]:
    """The `chance` of a language whose shares at one length are known."""
    return lambda lengths: np.mean([np.asarray(shares(n)) for n in lengths], axis=0)


def symbols(key: Key, lengths: Array, longest: int, count: int = 2) -> Array:
    """Fair tokens [B, longest] below `count`."""
    return jax.random.randint(key, (lengths.shape[0], longest), 0, count)


def take(values: Array, places: Array) -> Array:
    """values[b, places[b, j]] of values [B, N] and places [B, M]; places outside are moved in."""
    inside = jnp.clip(places, 0, values.shape[1] - 1)
    return jnp.take_along_axis(values, inside, axis=1)


def ended(values: Array, counts: Array, end: int) -> Array:
    """values [B, N] up to counts [B], then `end`, then zeros; one column wider."""
    place = jnp.arange(values.shape[1] + 1)
    values = jnp.pad(values, ((0, 0), (0, 1)))
    kept = jnp.where(place < counts[:, None], values, 0)
    return jnp.where(place == counts[:, None], end, kept)
