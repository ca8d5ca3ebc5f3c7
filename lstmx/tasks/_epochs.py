"""Epochs without a stored permutation: which example comes at which place of which epoch.

Sorting 60 000 random numbers takes 13 ms and more, which would be most of a training step. So an
order is computed at the places asked for only: a Feistel network (Luby & Rackoff 1988) over pairs
of digits, whose random functions are tables of sqrt(count) entries, drawn anew for every epoch.
Numbers beyond the count, fewer than one in sqrt(count), go through the network again.
"""

import math

import jax
import jax.numpy as jnp

from lstmx.types import Array

SEED = 0  # of the orders; a split that is covered once must not depend on the batch's key
ROUNDS = 4  # of both halves each


def order(epoch: Array | int, places: Array, count: int) -> Array:
    """The examples at `places` of an epoch: every one of `count` at exactly one place.

    Args:
        epoch: its number; every epoch has another order, which depends on nothing else.
        places: integers within [0, count), of any shape.
        count: number of examples.
    """
    low = math.isqrt(count - 1) + 1
    high = -(-count // low)
    key = jax.random.fold_in(jax.random.key(SEED, impl="threefry2x32"), epoch)
    # Of 2 ** 32 numbers, the remainders of so small a divisor are uniform to one in 10 million.
    drawn = jax.random.bits(key, (ROUNDS, low + high), jnp.uint32)
    of_low = jnp.asarray(drawn[:, :low] % jnp.uint32(high), jnp.int32)
    of_high = jnp.asarray(drawn[:, low:] % jnp.uint32(low), jnp.int32)

    def network(number: Array) -> Array:
        upper, lower = number // low, number % low
        for i in range(ROUNDS):
            upper = (upper + of_low[i][lower]) % high
            lower = (lower + of_high[i][upper]) % low
        return upper * low + lower

    def again(found: tuple[Array, Array]) -> tuple[Array, Array]:
        number, beyond = found
        number = jnp.where(beyond, network(number), number)
        return number, number >= count

    places = jnp.asarray(places, jnp.int32)
    every = jnp.ones(places.shape, bool)
    return jax.lax.while_loop(lambda found: jnp.any(found[1]), again, (places, every))[0]
