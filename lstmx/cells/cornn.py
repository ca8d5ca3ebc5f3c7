"""The coupled oscillatory network. Rusch & Mishra 2021, arXiv:2010.00951.

    z = tanh(W x + R h + Q v + b)
    v' = v + dt (z - gamma h - epsilon v)
    h' = h + dt v'

H driven oscillators with positions h and velocities v. The damping is explicit, by the old v, as in
the authors' code; their eq. 3 also has an implicit form, by the new one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "coRNN"
BIBTEX = """
@inproceedings{rusch2021cornn,
  author = {T. Konstantin Rusch and Siddhartha Mishra},
  title = {Coupled Oscillatory Recurrent Neural Network ({coRNN}): An Accurate and (Gradient)
    Stable Architecture for Learning Long Time Dependencies},
  booktitle = {International Conference on Learning Representations},
  eprint = {2010.00951},
  archiveprefix = {arXiv},
  year = {2021},
}
"""

BLOCKS = ("z",)


class CoRNNState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        h: position and output, [..., H].
        v: velocity, [..., H].
    """

    h: Array
    v: Array


def cell(
    hidden_size: int = 64,
    *,
    dt: float = 0.042,
    gamma: float = 2.7,
    epsilon: float = 4.7,
    initializer: str = "orthogonal",
) -> Cell:
    """A coupled oscillatory network; dt, gamma and epsilon are the paper's for sequential MNIST.

    Args:
        hidden_size: number of oscillators H.
        dt: time step.
        gamma: stiffness, the restoring force towards 0.
        epsilon: damping of the velocities.
        initializer: initializer of W, R and Q, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size below one; dt, gamma or epsilon that are not positive; an unknown
            initializer.
    """
    checks.size("hidden_size", hidden_size)
    for name, value in {"dt": dt, "gamma": gamma, "epsilon": epsilon}.items():
        checks.number(name, value, above=0)
    start = initializers.get(initializer)

    def init(key: Key, in_features: int) -> Params:
        key_weights, key_velocity = jax.random.split(key)
        params = _gates.init(key_weights, in_features, hidden_size, BLOCKS, initializer=initializer)
        Q = start.R(key_velocity, hidden_size, {"z": hidden_size}, hidden_size)
        return {**params, "Q": Q[:, None]}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> CoRNNState:
        zeros = jnp.zeros((*batch_shape, hidden_size), params["R"].dtype)
        return CoRNNState(zeros, zeros)

    def step(
        params: Params, state: CoRNNState, x: Array, noise: Noise = ()
    ) -> tuple[CoRNNState, Array, Gates]:
        h, v = state
        a = _gates.pre_activations(params, x, h) + _gates.product(v, params["Q"])
        z = jnp.tanh(a[..., 0, :])
        v = v + dt * (z - gamma * h - epsilon * v)
        h = h + dt * v
        return CoRNNState(h, v), h, {"z": z}

    return Cell(init, initial_state, step, hidden_size, gates=BLOCKS, output="h")
