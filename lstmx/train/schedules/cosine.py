"""Cosine decay to 0. Loshchilov & Hutter 2017, without restarts.

(1 + cos(pi t / decay_steps)) / 2
"""

import optax

BIBTEX = """
@inproceedings{loshchilov2017sgdr,
  author = {Ilya Loshchilov and Frank Hutter},
  title = {{SGDR}: Stochastic Gradient Descent with Warm Restarts},
  booktitle = {International Conference on Learning Representations},
  year = {2017},
}
"""


def schedule(decay_steps: int) -> optax.Schedule:
    """From 1 to 0 over `decay_steps` updates, then 0."""
    return optax.cosine_decay_schedule(1.0, decay_steps)
