"""Stochastic gradient descent with momentum. Polyak 1964; Nesterov's form, Sutskever et al. 2013.

m' = momentum m + g        step: m', or g + momentum m' with nesterov
"""

import optax


def optimizer(
    momentum: float, nesterov: bool, weight_decay: float
) -> tuple[optax.GradientTransformation, ...]:
    """Momentum; weight decay is an L2 penalty."""
    return optax.add_decayed_weights(weight_decay), optax.trace(momentum, nesterov=nesterov)
