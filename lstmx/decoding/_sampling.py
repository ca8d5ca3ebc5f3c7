"""Sampling of the next token: temperature, and the nucleus of Holtzman et al. 2020."""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.types import Array, Key


def nucleus(logits: Array, top_p: float) -> Array:
    """Logits [..., V] with -inf at all tokens outside of the nucleus.

    The nucleus is the smallest set of the most probable tokens whose probability is at least
    `top_p` (Holtzman, Buys, Du, Forbes & Choi 2020, eq. 2); 1 keeps all.
    """
    if top_p >= 1:  # not by a sum, which rounds
        return logits
    order = jnp.argsort(-logits, axis=-1)
    p = jnp.take_along_axis(jax.nn.softmax(logits), order, axis=-1)
    # The probability of all more probable ones: the first token is always kept.
    outside = jnp.cumsum(p, axis=-1) - p >= top_p
    ranks = jnp.argsort(order, axis=-1)
    return jnp.where(jnp.take_along_axis(outside, ranks, axis=-1), -jnp.inf, logits)


def sample(logits: Array, key: Key, *, temperature: float = 1.0, top_p: float = 1.0) -> Array:
    """Tokens [...] sampled from the softmax of logits [..., V] / temperature, within its nucleus.

    Args:
        logits: of the next token.
        key: of this token.
        temperature: 0 takes the most probable token.
        top_p: probability of the nucleus, above 0 and at most 1.

    Raises:
        ValueError: a negative temperature, a `top_p` outside (0, 1].
    """
    checks.number("temperature", temperature, least=0)
    checks.number("top_p", top_p, above=0, most=1)
    if temperature == 0:
        return jnp.argmax(logits, axis=-1)
    return jax.random.categorical(key, nucleus(logits / temperature, top_p))
