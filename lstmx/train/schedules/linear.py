"""Linear decay to 0."""

import optax


def schedule(decay_steps: int) -> optax.Schedule:
    """From 1 to 0 over `decay_steps` updates, then 0."""
    return optax.linear_schedule(1.0, 0.0, decay_steps)
