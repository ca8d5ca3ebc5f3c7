"""How weights start: matrices by gate, forget biases, peepholes.

Each gate draws with a key of its own name, so that two variants that start from one key share the
weights of the gates that they share. (Not with `orthogonal_fused`, which draws all gates at once.)
"""

import math
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.types import Array, Key

Draw = Callable[[Key, int, Mapping[str, int], int], Array]
"""(key, rows, width by gate, hidden_size) -> [rows, sum of the widths], gate beside gate."""


class Start(NamedTuple):
    """How the two kinds of matrices of a cell start.

    Attributes:
        W: draws input weights [X, ...].
        R: draws recurrent weights [H, ...].
    """

    W: Draw
    R: Draw


def get(name: str) -> Start:
    """The start of that name: a key of `STARTS`.

    Raises:
        ValueError: unknown name.
    """
    checks.one_of("initializer", name, STARTS)
    return STARTS[name]


def by_gate(draw: Callable[[Key, tuple[int, int], int], Array]) -> Draw:
    """Draws the matrix of each gate for itself: `draw(key, (rows, width), hidden_size)`."""

    def draws(key: Key, rows: int, widths: Mapping[str, int], hidden_size: int) -> Array:
        checks.size("in_features", rows)  # of W: that there are units, the cells see to
        blocks = [draw(_named(key, g), (rows, w), hidden_size) for g, w in widths.items()]
        return jnp.concatenate(blocks, axis=-1)

    return draws


def orthogonal_fused(key: Key, rows: int, widths: Mapping[str, int], hidden_size: int) -> Array:
    """One orthogonal matrix over all gates side by side, [H, 4 H] in the LSTM.

    This is what Keras and Flax's OptimizedLSTMCell do. Orthonormal are its rows, not the columns of
    a gate: the singular values of one gate's block have a root mean square of 1/2 for four gates,
    where `orthogonal` has 1. Comparing the two compares recurrent gains.
    """
    return _orthogonal(key, (rows, sum(widths.values())), hidden_size)


def chrono(key: Key, width: int, longest: int) -> Array:
    """Forget biases [H] for dependencies up to `longest` steps: log U(1, longest - 1).

    The input bias is their negative. A cell with b_f forgets in 1 / (1 - sigma(b_f)) = 1 + e^b_f
    steps, between 2 and `longest`. Tallec & Ollivier 2018, eq. 16.
    """
    return jnp.log(jax.random.uniform(key, (width,), float, 1.0, longest - 1.0))


def linear(units: int) -> Array:
    """Biases [H] that rise from 3 to 6: memories of 21 to 404 steps. Beck et al. 2024."""
    return jnp.linspace(3.0, 6.0, units)


def power_law(units: int) -> Array:
    """Biases [H] that fall from 5 to -7 as 5 - 12 s^0.3, s from 0 to 1. Beck et al. 2024.

    One unit in twenty starts with its forget gate more open than closed.
    """
    return 5 - 12 * (jnp.arange(units) / max(units - 1, 1)) ** 0.3


FORGET_STARTS = {"linear": linear, "power law": power_law}
"""The ways for forget biases to start other than as a constant, by name."""


def peephole(key: Key, shape: tuple[int, ...]) -> Array:
    """Peephole weights, diagonal [H] or full [H, H]: normal, small.

    A cell of order one shifts its gates by 0.1, a tenth of what input and recurrent weights do: the
    units differ from the start and no gate is closed by its peephole before it has learned
    anything. (Standard deviation 1, as some libraries have it, closes gates at random.)
    """
    std = 0.1 / math.sqrt(shape[0]) if len(shape) > 1 else 0.1
    return std * jax.random.normal(key, shape)


def _named(key: Key, name: str) -> Key:
    return jax.random.fold_in(key, zlib.crc32(name.encode()) >> 1)


def _lecun(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    return jax.nn.initializers.lecun_normal()(key, shape, float)


def _orthogonal(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    # One after the other under vmap, with the same values. A batched QR of jaxlib 0.10.0 to 0.11.0
    # waits on a thread of XLA's CPU pool for work that it gave to the same pool: as many of them
    # at once as the pool has threads (two gates on two cores) wait for ever.
    one = jax.nn.initializers.orthogonal()
    return jax.custom_batching.sequential_vmap(lambda key: one(key, shape, float))(key)


def _uniform(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    bound = 1 / math.sqrt(hidden_size)
    return jax.random.uniform(key, shape, float, -bound, bound)


def _tiny(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    return 0.001 * jax.random.normal(key, shape)


def _eye(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    return jnp.eye(*shape)


STARTS = {
    "orthogonal": Start(by_gate(_lecun), by_gate(_orthogonal)),
    "orthogonal_fused": Start(by_gate(_lecun), orthogonal_fused),
    "uniform": Start(by_gate(_uniform), by_gate(_uniform)),
    "identity": Start(by_gate(_tiny), by_gate(_eye)),
}
"""The ways to start by name.

orthogonal: every gate's R is orthogonal, W is normal with variance 1 / X. The default.
orthogonal_fused: the same with R orthogonal over all gates at once.
uniform: W and R from U(-1 / sqrt(H), 1 / sqrt(H)), as torch. (Biases stay constants here.)
identity: R = I, W normal with standard deviation 0.001 (Le et al. 2015, for ReLU networks).
"""
