"""Training in a test: Adam on fresh examples, until they are learned."""

import jax
import jax.numpy as jnp
import optax

BLOCK = 50  # updates of which the mean loss is judged
LEARNED = 0.1


def first_and_last(loss, params, most=1500):
    """Mean losses of the first block of updates and of the last.

    The last block is the first one below `LEARNED`, or the one that ends after `most` updates.

    Args:
        loss: (params, key) -> loss of a batch drawn by the key.
        params: where it starts.
    """
    optimizer = optax.adam(0.01)

    def update(carry, key):
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params, key)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    def block(now):
        carry, number, first, _ = now
        keys = jax.random.split(jax.random.fold_in(jax.random.key(1), number), BLOCK)
        carry, losses = jax.lax.scan(update, carry, keys)
        mean = losses.mean()
        return carry, number + 1, jnp.where(number == 0, mean, first), mean

    def unlearned(now):
        _, number, _, mean = now
        return (number < most // BLOCK) & ~(mean < LEARNED)

    @jax.jit
    def train(params):
        start = (params, optimizer.init(params)), 0, jnp.inf, jnp.inf
        return jax.lax.while_loop(unlearned, block, start)[2:]

    return tuple(map(float, train(params)))
