"""The first mutated unit, whose update gate reads the input alone. Jozefowicz et al. 2015, MUT1.

    z = sigma(W_z x + b_z)
    r = sigma(W_r x + R_r h + b_r)
    n = tanh(R_n (r h) + tanh(x') + b_n)
    h' = z n + (1 - z) h

x' is the input itself, as the paper prints it, which needs X = H; or learned, x' = W_n x. Without a
bias: one inside tanh(x') would be another parameter than b_n.
"""

from lstmx.cells import _mut
from lstmx.types import Cell

LABEL = "MUT1"
BIBTEX = """
@inproceedings{jozefowicz2015exploration,
  author = {Rafal Jozefowicz and Wojciech Zaremba and Ilya Sutskever},
  title = {An Empirical Exploration of Recurrent Network Architectures},
  booktitle = {International Conference on Machine Learning},
  year = {2015},
}
"""


def cell(hidden_size: int = 64, *, input: str = "auto", initializer: str = "orthogonal") -> Cell:
    """A MUT1.

    Args:
        hidden_size: number of units H.
        input: x' "raw", "learned", or "auto": raw where X = H. Whether `params["W"]` has a block
            for n, its third, shows which was used.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown input or initializer; from `init`, a raw input
            whose width is not H.
    """
    return _mut.make("mut1", hidden_size, input=input, initializer=initializer)
