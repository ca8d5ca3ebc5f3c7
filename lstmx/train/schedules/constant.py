"""A constant learning rate."""

import optax


def schedule() -> optax.Schedule:
    """1 at every update."""
    return optax.constant_schedule(1.0)
