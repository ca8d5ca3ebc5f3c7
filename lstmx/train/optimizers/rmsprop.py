"""RMSProp. Tieleman & Hinton 2012, lecture 6.5.

v' = decay v + (1 - decay) g^2        step: g / sqrt(v' + 1e-8)
"""

import optax

BIBTEX = """
@misc{tieleman2012rmsprop,
  author = {Tijmen Tieleman and Geoffrey Hinton},
  title = {Lecture 6.5: {RMSProp}, Divide the Gradient by a Running Average of its Recent
    Magnitude},
  note = {COURSERA: Neural Networks for Machine Learning},
  year = {2012},
}
"""


def optimizer(decay: float, weight_decay: float) -> tuple[optax.GradientTransformation, ...]:
    """RMSProp; weight decay is an L2 penalty."""
    return optax.add_decayed_weights(weight_decay), optax.scale_by_rms(decay)
