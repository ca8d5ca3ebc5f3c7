"""The second mutated unit, whose reset gate adds the input itself. Jozefowicz et al. 2015, MUT2.

    z = sigma(W_z x + R_z h + b_z)
    r = sigma(x' + R_r h + b_r)
    n = tanh(R_n (r h) + W_n x + b_n)
    h' = z n + (1 - z) h

x' is the input itself, as the paper prints it, which needs X = H; or learned, x' = W_r x.
"""

from lstmx.cells import _mut
from lstmx.types import Cell

LABEL = "MUT2"
BIBTEX = """
@inproceedings{jozefowicz2015exploration,
  author = {Rafal Jozefowicz and Wojciech Zaremba and Ilya Sutskever},
  title = {An Empirical Exploration of Recurrent Network Architectures},
  booktitle = {International Conference on Machine Learning},
  year = {2015},
}
"""


def cell(hidden_size: int = 64, *, input: str = "auto", initializer: str = "orthogonal") -> Cell:
    """A MUT2.

    Args:
        hidden_size: number of units H.
        input: x' "raw", "learned", or "auto": raw where X = H. Whether `params["W"]` has a block
            for r, its second of three, shows which was used.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; an unknown input or initializer; from `init`, a raw input
            whose width is not H.
    """
    return _mut.make("mut2", hidden_size, input=input, initializer=initializer)
