"""A stair: the learning rate times a factor after every so many updates."""

import optax


def schedule(decay_steps: int, decay_factor: float) -> optax.Schedule:
    """`decay_factor` to the power of the number of whole `decay_steps` that are over."""
    return optax.exponential_decay(1.0, decay_steps, decay_factor, staircase=True)
