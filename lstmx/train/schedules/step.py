"""Step decay: the learning rate times a factor after every `decay_steps` updates."""

import optax


def schedule(decay_steps: int, decay_factor: float) -> optax.Schedule:
    """`decay_factor`^floor(t / decay_steps) after t updates."""
    return optax.exponential_decay(1.0, decay_steps, decay_factor, staircase=True)
