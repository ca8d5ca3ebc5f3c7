"""Half a cosine down to 0. Loshchilov & Hutter 2017, without restarts.

(1 + cos(pi t / decay_steps)) / 2
"""

import optax


def schedule(decay_steps: int) -> optax.Schedule:
    """From 1 to 0 over `decay_steps` updates, then 0."""
    return optax.cosine_decay_schedule(1.0, decay_steps)
