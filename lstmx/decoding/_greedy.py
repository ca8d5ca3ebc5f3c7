"""Greedy decoding: the most probable token at every step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx.types import Array, State

Step = Callable[[State, Array], tuple[State, Array]]
"""(state, tokens [N]) -> (state, logits [N, V] of the next tokens)."""


class Greedy(NamedTuple):
    """Sequences of most probable tokens.

    Attributes:
        tokens: [B, T], from the first `end` on `end`.
        lengths: [B] tokens, the `end` included.
        log_p: [B], the log-probability of each sequence.
    """

    tokens: Array
    lengths: Array
    log_p: Array


def greedy(step: Step, state: State, *, length: int, start: int, end: int) -> Greedy:
    """The sequence that takes the most probable token at every step, up to `length` tokens.

    Args:
        step: of the model.
        state: before the first token, a pytree of arrays [B, ...] with at least one leaf.
        length: the most tokens T; a sequence of that length may have no `end`.
        start: the token that is read first; it is not among those returned.
        end: the token after which nothing follows.
    """
    rows = jax.tree.leaves(state)[0].shape[0]

    def body(
        carry: tuple[State, Array, Array, Array, Array], _: None
    ) -> tuple[tuple[State, Array, Array, Array, Array], Array]:
        state, token, done, lengths, total = carry
        state, logits = step(state, token)
        log_p = jax.nn.log_softmax(logits)
        token = jnp.where(done, end, jnp.argmax(log_p, axis=-1)).astype(jnp.int32)
        total = total + jnp.where(done, 0, log_p.max(-1))
        lengths = lengths + jnp.asarray(~done, jnp.int32)
        return (state, token, done | (token == end), lengths, total), token

    token = jnp.full(rows, start, jnp.int32)
    carry = (state, token, jnp.zeros(rows, bool), jnp.zeros(rows, jnp.int32), jnp.zeros(rows))
    (_, _, _, lengths, total), tokens = jax.lax.scan(body, carry, None, length=length)
    return Greedy(tokens.T, lengths, total)
