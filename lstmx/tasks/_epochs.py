"""Shuffled epochs without a stored permutation.

A permutation of 60 000 examples by sorting random numbers takes 13 ms and more, most of a training
step. Instead a permutation is computed at the places of one batch only: a Feistel network (Luby &
Rackoff 1988) over pairs of digits, whose random functions are tables of about sqrt(count) entries,
sampled for every epoch. The network permutes slightly more numbers than there are examples; a
result beyond the count, which is rarer than one in sqrt(count), goes through it again.
"""

import math

import jax
import jax.numpy as jnp

from lstmx.types import Array

SEED = 0  # of the orders; a split that is covered once must not depend on the batch's key
ROUNDS = 4  # of both halves each


def order(epoch: Array | int, places: Array, count: int) -> Array:
    """The examples at `places` of an epoch: each of `count` examples has exactly one place.

    Args:
        epoch: its number, the only thing that its order depends on.
        places: integers within [0, count), of any shape.
        count: number of examples.
    """
    # A number is (upper, lower): number = upper * low + lower with lower < low, upper < high.
    low = math.isqrt(count - 1) + 1
    high = -(-count // low)
    key = jax.random.fold_in(jax.random.key(SEED, impl="threefry2x32"), epoch)
    # Of 2 ** 32 numbers, the remainders of so small a divisor are uniform to one in 10 million.
    bits = jax.random.bits(key, (ROUNDS, low + high), jnp.uint32)
    of_low = jnp.asarray(bits[:, :low] % jnp.uint32(high), jnp.int32)
    of_high = jnp.asarray(bits[:, low:] % jnp.uint32(low), jnp.int32)

    def network(number: Array) -> Array:
        # Each assignment adds to one half a function of the other half, modulo its size. It can
        # be undone, so that the rounds together are a permutation of 0 ... low * high - 1.
        upper, lower = number // low, number % low
        for i in range(ROUNDS):
            upper = (upper + of_low[i][lower]) % high
            lower = (lower + of_high[i][upper]) % low
        return upper * low + lower

    def again(state: tuple[Array, Array]) -> tuple[Array, Array]:
        # A place follows its cycle of the permutation to the next number below the count. Cycles
        # are disjoint and every place starts below the count: no two places get one example.
        number, beyond = state
        number = jnp.where(beyond, network(number), number)
        return number, number >= count

    places = jnp.asarray(places, jnp.int32)
    every = jnp.ones(places.shape, bool)
    return jax.lax.while_loop(lambda state: jnp.any(state[1]), again, (places, every))[0]
