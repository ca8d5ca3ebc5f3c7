"""The IRNN, a ReLU network that starts as the identity. Le, Jaitly & Hinton 2015, arXiv:1504.00941.

    h' = relu(W x + R h + b)        R = I and b = 0 at the start, W normal with deviation 0.001

It is the cell "rnn" with activation="relu" and start="identity".
"""

from lstmx import checks
from lstmx.cells import rnn
from lstmx.types import Cell, Key, Params

LABEL = "IRNN"
BIBTEX = """
@misc{le2015irnn,
  author = {Quoc V. Le and Navdeep Jaitly and Geoffrey E. Hinton},
  title = {A Simple Way to Initialize Recurrent Networks of Rectified Linear Units},
  eprint = {1504.00941},
  archiveprefix = {arXiv},
  year = {2015},
}
"""


def cell(hidden_size: int = 64, *, scale: float = 1.0) -> Cell:
    """An IRNN.

    Args:
        hidden_size: number of units H.
        scale: the initial R is this times I. Below 1 the state decays; the paper has 0.01 for
            speech.

    Raises:
        ValueError: a size below one; a scale that is not positive.
    """
    checks.number("scale", scale, above=0)
    identity = rnn.cell(hidden_size, activation="relu", start="identity")

    def init(key: Key, in_features: int) -> Params:
        params = identity.init(key, in_features)
        return {**params, "R": scale * params["R"]}

    return identity._replace(init=init)
