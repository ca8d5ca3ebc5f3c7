"""AdamW, Adam with decoupled weight decay. Loshchilov & Hutter 2019, algorithm 2.

step: m^ / (sqrt v^ + 1e-8) + weight_decay w        m^, v^ of Adam
"""

import optax


def optimizer(
    b1: float, b2: float, weight_decay: float
) -> tuple[optax.GradientTransformation, ...]:
    """Adam; weights decay beside the scaled gradients."""
    return optax.scale_by_adam(b1, b2), optax.add_decayed_weights(weight_decay)
