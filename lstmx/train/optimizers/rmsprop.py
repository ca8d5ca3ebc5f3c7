"""RMSProp. Tieleman & Hinton 2012, lecture 6.5.

v' = decay v + (1 - decay) g^2        step: g / sqrt(v' + 1e-8)
"""

import optax


def optimizer(decay: float, weight_decay: float) -> tuple[optax.GradientTransformation, ...]:
    """RMSProp; weight decay is an L2 penalty."""
    return optax.add_decayed_weights(weight_decay), optax.scale_by_rms(decay)
