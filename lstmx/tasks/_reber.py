"""The embedded Reber grammar as tables: random strings, and the legal successors of a symbol.

A string of the Reber grammar (Reber 1967, as in Hochreiter & Schmidhuber 1997, figure 3) follows
edges from node 0 to node 7; of two edges each has probability 1/2:

    0 -B-> 1    2 -S-> 2    3 -T-> 3    4 -X-> 3    5 -P-> 4    6 -E-> 7
    1 -T-> 2    2 -X-> 4    3 -V-> 5    4 -S-> 6    5 -V-> 6
    1 -P-> 3

Its strings have 8 symbols on average. An embedded string is B T <Reber string> T E or
B P <Reber string> P E: at least 9 symbols, 12 on average with a standard deviation of 3.37; one in
400 000 has more than 50. Symbols B T P S X V E = 0 ... 6.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.types import Array, Key

SYMBOLS = "BTPSXVE"
T, P, END = SYMBOLS.index("T"), SYMBOLS.index("P"), SYMBOLS.index("E")
REBER = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)


def _embedded() -> list[dict[str, int]]:
    """The edges of every state; state 0 precedes the first B and, in a stream, follows the E."""
    upper, lower = 2, 2 + len(REBER) + 1  # the first states of the two copies of the grammar
    last = lower + len(REBER) + 1
    copies = [
        [{symbol: start + node for symbol, node in edges.items()} for edges in REBER]
        + [{outer: last}]
        for start, outer in ((upper, "T"), (lower, "P"))
    ]
    return [{"B": 1}, {"T": upper, "P": lower}, *copies[0], *copies[1], {"E": 0}]


EDGES = _embedded()
LEGAL = np.array([[symbol in edges for symbol in SYMBOLS] for edges in EDGES])
"""[states, 7]: whether a symbol is legal."""
NEXT = np.array([[edges.get(symbol, 0) for symbol in SYMBOLS] for edges in EDGES], np.int32)
"""[states, 7]: the state after a symbol; 0 where it is illegal."""
CHOICES = np.array([(np.flatnonzero(row)[[0, -1]]) for row in LEGAL], np.int32)
"""[states, 2]: the two legal symbols; twice the same one where there is no choice."""


def tokens(string: str) -> list[int]:
    """The tokens of a string of symbols."""
    return [SYMBOLS.index(symbol) for symbol in string]


def legal(symbols: Array) -> Array:
    """[B, T, 7]: whether each symbol is legal after each token [B, T]; rows begin with a string."""

    def walk(state: Array, symbol: Array) -> tuple[Array, Array]:
        state = jnp.asarray(NEXT)[state, symbol]
        return state, state

    start = jnp.zeros(symbols.shape[0], jnp.int32)
    _, states = jax.lax.scan(walk, start, symbols.T)
    return jnp.asarray(LEGAL)[states.T]


def strings(key: Key, shape: tuple[int, ...], longest: int) -> tuple[Array, Array]:
    """Random strings, tokens [*shape, longest], and their lengths; 0 where one is too long."""
    bits = jnp.asarray(jax.random.bernoulli(key, shape=(longest, *shape)), jnp.int32)

    def walk(state: Array, bit: Array) -> tuple[Array, tuple[Array, Array]]:
        symbol = jnp.asarray(CHOICES)[state, bit]
        state = jnp.asarray(NEXT)[state, symbol]
        return state, (symbol, state)

    _, (symbols, states) = jax.lax.scan(walk, jnp.zeros(shape, jnp.int32), bits)
    ended = states == 0
    lengths = jnp.where(jnp.any(ended, axis=0), jnp.argmax(ended, axis=0) + 1, 0)
    return jnp.moveaxis(symbols, 0, -1), jnp.asarray(lengths, jnp.int32)


def sets(seed: int, count: int, longest: int) -> dict[str, list[list[int]]]:
    """`count` random strings each for train, test and valid, in this order.

    As in the paper, train may contain a string twice, and test contains no string of train; valid
    contains none of either.

    Raises:
        ValueError: the grammar has too few strings that are not longer than `longest`.
    """
    generator = np.random.default_rng(seed)
    used: set[tuple[int, ...]] = set()
    splits: dict[str, list[list[int]]] = {}
    for split in ("train", "test", "valid"):
        splits[split] = []
        tries = 0
        while len(splits[split]) < count:
            tries += 1
            if tries > 100 * count:
                raise ValueError(
                    f"length={longest} leaves the grammar too few strings for three sets of "
                    f"strings={count}; expected longer strings, fewer of them, or strings=0"
                )
            string = _walk(generator)
            if len(string) <= longest and tuple(string) not in used:
                splits[split].append(string)
        used |= {tuple(string) for string in splits[split]}
    return splits


def _walk(generator: np.random.Generator) -> list[int]:
    """The tokens of one random string."""
    state = 0
    string: list[int] = []
    while not string or state != 0:
        symbol = int(CHOICES[state, int(generator.random() < 0.5)])
        string.append(symbol)
        state = int(NEXT[state, symbol])
    return string
