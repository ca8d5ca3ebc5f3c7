"""Long expressive memory: two states, each with learned time steps. Rusch et al. 2022.

    dt1 = dt sigma(W_1 x + R_1 y + b_1)
    dt2 = dt sigma(W_2 x + R_2 y + b_2)
    z' = (1 - dt2) z + dt2 tanh(W_z x + R_z y + b_z)
    y' = (1 - dt1) y + dt1 tanh(W_y x + R_y z' + b_y)

arXiv:2110.04744, eq. 3. y' reads the new z and has the other time step; a form with one time step
for both is another model.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "LEM"
BIBTEX = """
@inproceedings{rusch2022lem,
  author = {T. Konstantin Rusch and Siddhartha Mishra and N. Benjamin Erichson and Michael W.
    Mahoney},
  title = {Long Expressive Memory for Sequence Modeling},
  booktitle = {International Conference on Learning Representations},
  eprint = {2110.04744},
  archiveprefix = {arXiv},
  year = {2022},
}
"""

BLOCKS = ("dt1", "dt2", "z", "y")


class LEMState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        y: output, [..., H].
        z: memory, [..., H].
    """

    y: Array
    z: Array


def cell(hidden_size: int = 64, *, dt: float = 1.0, initializer: str = "orthogonal") -> Cell:
    """A long expressive memory.

    The gates returned are the time steps dt1 and dt2, in (0, dt), and the candidates nz and ny.

    Args:
        hidden_size: number of units H, of y and of z.
        dt: largest time step, up to 1. Smaller values retain the states for longer at
            initialization.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; dt outside of (0, 1]; an unknown initializer.
    """
    checks.size("hidden_size", hidden_size)
    checks.number("dt", dt, above=0, most=1)
    initializers.get(initializer)

    def init(key: Key, in_features: int) -> Params:
        return _gates.init(key, in_features, hidden_size, BLOCKS, initializer=initializer)

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> LEMState:
        zeros = jnp.zeros((*batch_shape, hidden_size), params["R"].dtype)
        return LEMState(zeros, zeros)

    def step(
        params: Params, state: LEMState, x: Array, noise: Noise = ()
    ) -> tuple[LEMState, Array, Gates]:
        y, z = state
        Wx = _gates.split(_gates.project(params, x), BLOCKS)  # with the biases b
        Ry = _gates.split(_gates.product(y, params["R"][:, :3]), BLOCKS[:3])
        dt1, dt2 = dt * sigmoid(Wx["dt1"] + Ry["dt1"]), dt * sigmoid(Wx["dt2"] + Ry["dt2"])
        nz = jnp.tanh(Wx["z"] + Ry["z"])
        z = (1 - dt2) * z + dt2 * nz
        ny = jnp.tanh(Wx["y"] + _gates.product(z, params["R"][:, 3]))
        y = (1 - dt1) * y + dt1 * ny
        return LEMState(y, z), y, {"dt1": dt1, "dt2": dt2, "nz": nz, "ny": ny}

    gates = ("dt1", "dt2", "nz", "ny")
    return Cell(init, initial_state, step, hidden_size, gates=gates, output="y")
