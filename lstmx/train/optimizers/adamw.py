"""AdamW, Adam with decoupled weight decay. Loshchilov & Hutter 2019, algorithm 2.

step: m^ / (sqrt v^ + 1e-8) + weight_decay w        m^, v^ of Adam, Kingma & Ba 2015
"""

import optax

BIBTEX = """
@inproceedings{loshchilov2019adamw,
  author = {Ilya Loshchilov and Frank Hutter},
  title = {Decoupled Weight Decay Regularization},
  booktitle = {International Conference on Learning Representations},
  year = {2019},
}
@inproceedings{kingma2015adam,
  author = {Diederik P. Kingma and Jimmy Ba},
  title = {Adam: A Method for Stochastic Optimization},
  booktitle = {International Conference on Learning Representations},
  eprint = {1412.6980},
  archiveprefix = {arXiv},
  year = {2015},
}
"""


def optimizer(
    b1: float, b2: float, weight_decay: float
) -> tuple[optax.GradientTransformation, ...]:
    """Adam; weight decay is added to the scaled gradients, not to the gradients."""
    return optax.scale_by_adam(b1, b2), optax.add_decayed_weights(weight_decay)
