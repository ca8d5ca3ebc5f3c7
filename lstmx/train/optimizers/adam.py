"""Adam. Kingma & Ba 2015, algorithm 1.

m' = b1 m + (1 - b1) g     v' = b2 v + (1 - b2) g^2     step: m^ / (sqrt v^ + 1e-8)
"""

import optax

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


def optimizer(
    b1: float, b2: float, weight_decay: float
) -> tuple[optax.GradientTransformation, ...]:
    """Adam; weight decay is an L2 penalty, whose gradient is scaled with the others."""
    return optax.add_decayed_weights(weight_decay), optax.scale_by_adam(b1, b2)
