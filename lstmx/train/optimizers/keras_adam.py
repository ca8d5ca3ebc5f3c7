"""Adam as Keras computes it: Kingma & Ba 2015, in the order of the last lines of their section 2.

m' = b1 m + (1 - b1) g     v' = b2 v + (1 - b2) g^2
step: sqrt(1 - b2^t) / (1 - b1^t)  m' / (sqrt v' + epsilon)

Epsilon is added before the correction of v, so that it counts up to 30 times as much in the first
updates as that of "adam", and Keras' is 1e-7 in place of 1e-8. Gradients below a millionth, which
are not rare in recurrent layers, then move a weight by another step. Use it to repeat a run of
Keras, "adam" otherwise.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lstmx.types import Array

BIBTEX = """
@inproceedings{kingma2015adam,
  author = {Diederik P. Kingma and Jimmy Ba},
  title = {Adam: A Method for Stochastic Optimization},
  booktitle = {International Conference on Learning Representations},
  eprint = {1412.6980},
  archiveprefix = {arXiv},
  year = {2015},
}
"""

EPSILON = 1e-7


class Moments(NamedTuple):
    """Means of the gradients and of their squares so far.

    Attributes:
        updates: number of them, [] int32.
        m, v: trees as the parameters.
    """

    updates: Array
    m: Any
    v: Any


def optimizer(
    b1: float, b2: float, weight_decay: float
) -> tuple[optax.GradientTransformation, ...]:
    """Keras' Adam; weight decay is an L2 penalty, whose gradient is scaled with the others."""

    def init(params: Any) -> Moments:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return Moments(jnp.zeros([], jnp.int32), zeros, zeros)

    def update(gradients: Any, state: Moments, params: Any = None) -> tuple[Any, Moments]:
        del params
        m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.m, gradients)
        v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.v, gradients)
        count = state.updates + 1
        rate = jnp.sqrt(1 - b2**count) / (1 - b1**count)
        steps = jax.tree.map(
            lambda m, v: (rate * m / (jnp.sqrt(v) + EPSILON)).astype(m.dtype), m, v
        )
        return steps, Moments(count, m, v)

    return optax.add_decayed_weights(weight_decay), optax.GradientTransformation(init, update)
