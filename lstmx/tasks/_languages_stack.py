"""Languages that need a stack: Deletang et al. 2023, table 1, and Suzgun et al. 2019.

    stack_manipulation  0110ipp -> 110$     a stack from its bottom, then actions: i pushes a one,
    stack_manipulation  110ppp -> $         o a zero, p pops; the answer is the stack from its top
    dyck_1              (())() -> )))-)-    the closing bracket that is legal next
    dyck_2              ([])[] -> )])-]-

stack_manipulation: the string has 1 ... n - 1 symbols of the stack, uniformly many, then actions,
each of the three equally likely; popping an empty stack does nothing.

dyck_k, with k types of brackets (Suzgun, Gehrmann, Belinkov & Shieber 2019, arXiv:1906.03648): the
target at every symbol is the set of symbols that are legal next. All k opening brackets always
are, so that the answer is the closing bracket in the set, or `-` if there is none. Suzgun et al.
have 2 k logistic outputs for the same set and count a string as correct if it is so at all its
symbols: the metric "sequence_accuracy", the main one of these languages. Lengths are even; 1
becomes 2. The strings are uniform among all balanced strings of their length (Arnold & Sleep
1980); those of Suzgun et al. come from a grammar, have 2 to 50 symbols in training and 52 to 100
in the test.

Chance: in stack_manipulation the end is one of h + 1 answers, where h is the final height, whose
distribution is computed action by action; zeros and ones are equally frequent. A balanced string
of 2 m symbols returns to height 0, the answer `-`, 3 m / (m + 2) times on average; the closing
brackets are equally frequent. So a constant answer gets .43 of stack_manipulation on the lengths
1 ... 40, and .82 of the symbols of dyck_1, .98 on 41 ... 500, but no complete string: the answer
to the last symbol is always `-`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.tasks._languages import END, Language, averaged, ended, symbols
from lstmx.types import Array, Key

POP, PUSH = 2, 3
HIGH = np.iinfo(np.int32).max


def _stack_manipulation(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
    key_size, key_symbol, key_action = jax.random.split(key, 3)
    rows, place = jnp.arange(lengths.shape[0])[:, None], jnp.arange(longest)
    initial = jax.random.randint(key_size, lengths.shape, 1, jnp.maximum(lengths, 2))[:, None]
    actions = POP + symbols(key_action, lengths, longest, 3)
    tokens = jnp.where(place < initial, symbols(key_symbol, lengths, longest), actions)

    inside = place < lengths[:, None]
    pops = inside & (tokens == POP)
    pushes = inside & (tokens != POP)
    moves = jnp.where(pops, -1, jnp.where(pushes, 1, 0))
    # A pop of the empty stack does nothing: the height is that of a walk that may go below 0, less
    # the lowest value that the walk has had.
    free = jnp.cumsum(moves, axis=1)
    height = free - jnp.minimum(jax.lax.cummin(free, axis=1), 0)

    # A pushed symbol is still there at the end if the height never falls below its own again.
    low = jax.lax.cummin(height, axis=1, reverse=True)
    later = jnp.pad(low[:, 1:], ((0, 0), (0, 1)), constant_values=HIGH)
    stays = pushes & (later >= height)
    count = height[:, -1]
    rank = count[:, None] - jnp.cumsum(jnp.asarray(stays, jnp.int32), axis=1)
    values = jnp.where(tokens < POP, tokens, tokens - PUSH)
    answers = jnp.zeros_like(tokens)
    answers = answers.at[rows, jnp.where(stays, rank, longest)].set(values, mode="drop")
    return tokens, ended(answers, count, POP)


def _stack_shares(lengths: Sequence[int]) -> np.ndarray:
    longest = max(lengths)
    ends = np.zeros(longest + 1)
    ends[1] = 1 / 2  # a stack of one symbol and no orders
    over = 1 / (np.arange(longest + 1) + 1.0)
    # heights[h]: sum over the sizes of the initial stack of the probability of height h. Every
    # further symbol adds one more size and moves the others by one random action.
    heights = np.zeros(longest + 1)
    for length in range(2, longest + 1):
        heights[length - 1] += 1.0
        popped = np.append(heights[1:], 0.0)
        popped[0] += heights[0]
        heights = popped / 3 + np.append(0.0, heights[:-1]) * 2 / 3
        ends[length] = heights @ over / (length - 1)
    end = np.mean(ends[list(lengths)])
    return np.array([(1 - end) / 2, (1 - end) / 2, end])


def _dyck(kinds: int) -> Language:
    def sample(key: Key, lengths: Array, longest: int) -> tuple[Array, Array]:
        key_open, key_kind = jax.random.split(key)
        rows = jnp.arange(lengths.shape[0])
        chances = jax.random.uniform(key_open, (longest, lengths.shape[0]))
        types = jax.random.randint(key_kind, chances.shape, 0, kinds)

        def step(carry: tuple[Array, Array], now: tuple[Array, Array, Array]) -> tuple:
            height, stack = carry
            chance, kind, at = now
            left = jnp.maximum(lengths - at, 1)
            # The fraction of the balanced strings with this beginning whose next bracket opens:
            # sampling by it makes all strings equally likely (Arnold & Sleep 1980).
            ways = (left - height) * (height + 2) / (2 * left * (height + 1))
            opens = chance < jnp.asarray(ways, chance.dtype)
            depth = jnp.where(opens, height, height - 1)
            kind = jnp.where(opens, kind, stack[rows, depth])
            stack = stack.at[rows, depth].set(kind, mode="drop")
            height = jnp.where(at < lengths, jnp.where(opens, height + 1, height - 1), height)
            closer = jnp.where(height > 0, 1 + stack[rows, height - 1], 0)
            return (height, stack), (2 * kind + jnp.asarray(~opens, kind.dtype), closer)

        start = (jnp.zeros_like(lengths), jnp.zeros((lengths.shape[0], longest + 1), types.dtype))
        steps = (chances, types, jnp.arange(longest))
        both: tuple[Array, Array] = jax.lax.scan(step, start, steps)[1]
        return both[0].T, both[1].T

    def shares(length: int) -> list[float]:
        none = 3 / (length + 4)  # 3 m / (m + 2) returns in 2 m symbols, length = 2 m
        return [none] + kinds * [(1 - none) / kinds]

    return Language(
        "()[]"[: 2 * kinds],
        "-)]"[: kinds + 1],
        sample,
        averaged(shares),
        count=lambda length: length,
        natural=lambda length: max(2, length - length % 2),
        online=True,
    )


LANGUAGES = {
    "stack_manipulation": Language(
        "01poi", "01" + END, _stack_manipulation, _stack_shares, lambda length: length + 1
    ),
    "dyck_1": _dyck(1),
    "dyck_2": _dyck(2),
}
