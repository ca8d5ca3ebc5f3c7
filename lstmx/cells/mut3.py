"""The third mutated unit, whose update gate reads tanh of the state. Jozefowicz et al. 2015, MUT3.

z = sigma(W_z x + R_z tanh(h) + b_z)
r = sigma(W_r x + R_r h + b_r)
n = tanh(R_n (r h) + W_n x + b_n)
h' = z n + (1 - z) h
"""

from lstmx.cells import _mut
from lstmx.types import Cell

LABEL = "MUT3"
BIBTEX = """
@inproceedings{jozefowicz2015exploration,
  author = {Rafal Jozefowicz and Wojciech Zaremba and Ilya Sutskever},
  title = {An Empirical Exploration of Recurrent Network Architectures},
  booktitle = {International Conference on Machine Learning},
  year = {2015},
}
"""


def cell(hidden_size: int = 64, *, initializer: str = "orthogonal") -> Cell:
    """A MUT3.

    Args:
        hidden_size: number of units H.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown initializer.
    """
    return _mut.make("mut3", hidden_size, initializer=initializer)
