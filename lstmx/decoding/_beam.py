"""Beam search with length normalisation. Graves 2012; Sutskever et al. 2014; Wu et al. 2016.

A hypothesis Y scores log P(Y) / lp(Y) with lp(Y) = (5 + |Y|)^a / (5 + 1)^a (Wu et al. 2016, eq. 14;
their coverage penalty is not here). With a = 0 it is the log-probability, which prefers short ones.
|Y| counts the tokens with `end`.

At every step each of the K hypotheses of a beam is continued by every token, and one that has ended
stays as it is; the K best scores are the next beam. So a beam of 1 is greedy decoding, and one as
wide as there are sequences finds the best of all.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.decoding._greedy import Step
from lstmx.types import Array, State


class Beams(NamedTuple):
    """The K best hypotheses of every row, the best first.

    Attributes:
        tokens: [B, K, T], from the first `end` on `end`.
        lengths: [B, K] tokens, the `end` included.
        scores: [B, K], log P / lp; -inf where there are less than K sequences.
    """

    tokens: Array
    lengths: Array
    scores: Array


def length_penalty(length: Any, alpha: float) -> Any:
    """lp of a hypothesis of this many tokens; 1 for alpha = 0, and for one token."""
    return ((5.0 + length) / 6.0) ** alpha


def beam_search(
    step: Step,
    state: State,
    *,
    width: int,
    length: int,
    start: int,
    end: int,
    alpha: float = 0.0,
) -> Beams:
    """The hypotheses that a beam of `width` K ends with.

    Args:
        step: of the model; it gets B K rows.
        state: before the first token, a pytree of arrays [B, ...] with at least one leaf.
        width: number K of hypotheses.
        length: the most tokens T; a hypothesis of that length counts without `end`, too.
        start: the token that is read first; it is not among those returned.
        end: the token after which nothing follows.
        alpha: of the length normalisation; Wu et al. use 0.6 to 0.7.

    Raises:
        ValueError: a width or length below 1, a negative alpha.
    """
    checks.sizes(1, width=width, length=length)
    checks.number("alpha", alpha, least=0)
    rows, K = jax.tree.leaves(state)[0].shape[0], width
    at = jnp.arange(rows)[:, None]

    def proceed(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        t, state, tokens, total, lengths, done = carry
        before = jnp.where(t > 0, tokens[:, :, t - 1], start)
        state, logits = step(state, before.reshape(-1))
        log_p = jax.nn.log_softmax(logits).reshape(rows, K, -1)
        V = log_p.shape[-1]
        # One that has ended has one continuation, by `end`, which changes nothing.
        stay = jnp.where(jnp.arange(V) == end, 0.0, -jnp.inf)[None, None]
        totals = total[..., None] + jnp.where(done[..., None], stay, log_p)
        after = lengths + jnp.asarray(~done, jnp.int32)
        ranks = totals / length_penalty(after.astype(totals.dtype), alpha)[..., None]
        _, best = jax.lax.top_k(ranks.reshape(rows, K * V), K)
        parent, token = best // V, (best % V).astype(jnp.int32)
        flat = (at * K + parent).reshape(-1)
        state = jax.tree.map(lambda leaf: leaf[flat], state)
        tokens = tokens[at, parent].at[:, :, t].set(token)
        total = totals.reshape(rows, K * V)[at, best]
        done = done[at, parent] | (token == end)
        return t + 1, state, tokens, total, after[at, parent], done

    def unfinished(carry: tuple[Any, ...]) -> Array:
        return (carry[0] < length) & ~carry[-1].all()

    wide = jax.tree.map(lambda leaf: jnp.repeat(leaf, K, axis=0), state)
    # All hypotheses of a row are the same at first: only one of them counts.
    total = jnp.tile(jnp.where(jnp.arange(K) == 0, 0.0, -jnp.inf), (rows, 1))
    carry = (
        jnp.int32(0),
        wide,
        jnp.full((rows, K, length), end, jnp.int32),
        total,
        jnp.zeros((rows, K), jnp.int32),
        jnp.zeros((rows, K), bool),
    )
    _, _, tokens, total, lengths, _ = jax.lax.while_loop(unfinished, proceed, carry)
    scores = total / length_penalty(lengths.astype(total.dtype), alpha)
    return Beams(tokens, lengths, scores)
