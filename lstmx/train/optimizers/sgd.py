"""Stochastic gradient descent with momentum. Polyak 1964; Nesterov's form, Sutskever et al. 2013.

m' = momentum m + g        step: m', or g + momentum m' with nesterov

With `damped`, steps are multiplied by 1 - momentum: under a constant gradient their size is then
that of plain gradient descent, whatever the momentum, and the two are searched independently (Greff
et al. 2017). Without it a momentum of .99 makes them a hundred times as large.
"""

import optax

BIBTEX = """
@article{polyak1964momentum,
  author = {Boris T. Polyak},
  title = {Some Methods of Speeding up the Convergence of Iteration Methods},
  journal = {USSR Computational Mathematics and Mathematical Physics},
  volume = {4},
  number = {5},
  year = {1964},
}
"""

BIBTEX_OPTIONS = {
    "nesterov": """
@inproceedings{sutskever2013momentum,
  author = {Ilya Sutskever and James Martens and George Dahl and Geoffrey Hinton},
  title = {On the Importance of Initialization and Momentum in Deep Learning},
  booktitle = {International Conference on Machine Learning},
  year = {2013},
}
""",
}
"""Option, or option=value -> what to cite besides where it is set."""


def optimizer(
    momentum: float, nesterov: bool, weight_decay: float, damped: bool = False
) -> tuple[optax.GradientTransformation, ...]:
    """Momentum; weight decay is an L2 penalty."""
    parts = optax.add_decayed_weights(weight_decay), optax.trace(momentum, nesterov=nesterov)
    return (*parts, optax.scale(1 - momentum)) if damped else parts
