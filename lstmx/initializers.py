"""Initial weights: matrices by gate, forget biases, peepholes.

Each gate samples with a key that its name is folded into, so that two variants initialized with one
key share the weights of the gates that they share. (Not with `orthogonal_fused`, which samples all
gates at once.)
"""

import math
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.types import Array, Key

BIBTEX = {
    "orthogonal, orthogonal_fused": """
@incollection{lecun1998backprop,
  author = {Yann LeCun and Léon Bottou and Genevieve B. Orr and Klaus-Robert Müller},
  title = {Efficient {BackProp}},
  booktitle = {Neural Networks: Tricks of the Trade},
  year = {1998},
}
@inproceedings{saxe2014exact,
  author = {Andrew M. Saxe and James L. McClelland and Surya Ganguli},
  title = {Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks},
  booktitle = {International Conference on Learning Representations},
  year = {2014},
}
""",
    "identity": """
@misc{le2015irnn,
  author = {Quoc V. Le and Navdeep Jaitly and Geoffrey E. Hinton},
  title = {A Simple Way to Initialize Recurrent Networks of Rectified Linear Units},
  eprint = {1504.00941},
  archiveprefix = {arXiv},
  year = {2015},
}
""",
    "chrono": """
@inproceedings{tallec2018warp,
  author = {Corentin Tallec and Yann Ollivier},
  title = {Can Recurrent Neural Networks Warp Time?},
  booktitle = {International Conference on Learning Representations},
  eprint = {1804.11188},
  archiveprefix = {arXiv},
  year = {2018},
}
""",
    "linear, power law": """
@misc{beck2024xlstm,
  author = {Maximilian Beck and Korbinian Pöppel and Markus Spanring and Andreas Auer and
    Oleksandra Prudnikova and Michael Kopp and Günter Klambauer and Johannes Brandstetter and Sepp
    Hochreiter},
  title = {{xLSTM}: Extended Long Short-Term Memory},
  eprint = {2405.04517},
  archiveprefix = {arXiv},
  year = {2024},
}
""",
}
"""Starts of weights or of biases, or options that make one, after commas -> their papers."""

Sampler = Callable[[Key, int, Mapping[str, int], int], Array]
"""(key, rows, width by gate, hidden_size) -> [rows, sum of the widths], in the order of gates."""


class Start(NamedTuple):
    """The initializers of the two kinds of matrices of a cell.

    Attributes:
        W: samples input weights [X, ...].
        R: samples recurrent weights [H, ...].
    """

    W: Sampler
    R: Sampler


def get(name: str) -> Start:
    """The entry of `STARTS` with this name.

    Raises:
        ValueError: unknown name.
    """
    checks.one_of("initializer", name, STARTS)
    return STARTS[name]


def by_gate(sample: Callable[[Key, tuple[int, int], int], Array]) -> Sampler:
    """A sampler of each gate's matrix by itself.

    Args:
        sample: (key, (rows, width), hidden_size) -> [rows, width].

    Raises:
        ValueError: from the sampler, no rows.
    """

    def sample_gates(key: Key, rows: int, widths: Mapping[str, int], hidden_size: int) -> Array:
        checks.size("in_features", rows)  # only of W: cells check their hidden_size, the rows of R
        blocks = [sample(_named(key, g), (rows, w), hidden_size) for g, w in widths.items()]
        return jnp.concatenate(blocks, axis=-1)

    return sample_gates


def orthogonal_fused(key: Key, rows: int, widths: Mapping[str, int], hidden_size: int) -> Array:
    """One orthogonal matrix over all gates side by side, [H, 4 H] in the LSTM.

    Keras and Flax's OptimizedLSTMCell do this. Its rows are orthonormal, not the columns of a gate:
    the singular values of one gate's block have a root mean square of 1/2 for four gates, where
    `orthogonal` has 1. Comparing the two compares recurrent gains.
    """
    return _orthogonal(key, (rows, sum(widths.values())), hidden_size)


def chrono(key: Key, width: int, longest: int) -> Array:
    """Forget biases [H] for dependencies up to `longest` steps: log U(1, longest - 1).

    The input biases are their negatives. A cell with b_f forgets in 1 / (1 - sigma(b_f)) =
    1 + e^b_f steps, between 2 and `longest`. Tallec & Ollivier 2018, eq. 16.
    """
    return jnp.log(jax.random.uniform(key, (width,), float, 1.0, longest - 1.0))


def linear(units: int) -> Array:
    """Forget biases [H] that rise from 3 to 6: memories of 21 to 404 steps. Beck et al. 2024."""
    return jnp.linspace(3.0, 6.0, units)


def power_law(units: int) -> Array:
    """Forget biases [H] that fall from 5 to -7 as 5 - 12 s^0.3, s from 0 to 1. Beck et al. 2024.

    One unit in twenty starts with its forget gate more open than closed.
    """
    return 5 - 12 * (jnp.arange(units) / max(units - 1, 1)) ** 0.3


FORGET_STARTS = {"linear": linear, "power law": power_law}
"""Name -> initializer of forget biases that are not a constant."""


def peephole(key: Key, shape: tuple[int, ...]) -> Array:
    """Peephole weights, diagonal [H] or full [H, H]: normal with a small standard deviation.

    A cell state of order one then shifts the pre-activations of its gates by 0.1, a tenth of what
    input and recurrent weights do: the units differ from the start, and no peephole closes a gate
    before training. (Standard deviation 1, as in some libraries, closes gates at random.)
    """
    std = 0.1 / math.sqrt(shape[0]) if len(shape) > 1 else 0.1
    return std * jax.random.normal(key, shape)


def _named(key: Key, name: str) -> Key:
    # `hash` would differ from process to process. 31 bits fit into an int32.
    return jax.random.fold_in(key, zlib.crc32(name.encode()) >> 1)


def _lecun(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    return jax.nn.initializers.lecun_normal()(key, shape, float)


def _orthogonal(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    # One after the other under vmap, with the same values. A batched QR of jaxlib 0.10.0 to 0.11.0
    # waits on a thread of XLA's CPU pool for work that it has queued in the same pool: as many of
    # them at once as the pool has threads (two gates on two cores) are a deadlock.
    one = jax.nn.initializers.orthogonal()
    return jax.custom_batching.sequential_vmap(lambda key: one(key, shape, float))(key)


def _uniform(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    bound = 1 / math.sqrt(hidden_size)
    return jax.random.uniform(key, shape, float, -bound, bound)


def _normal(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    return 0.1 * jax.random.normal(key, shape)


def _tiny(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    return 0.001 * jax.random.normal(key, shape)


def _eye(key: Key, shape: tuple[int, int], hidden_size: int) -> Array:
    return jnp.eye(*shape)


STARTS = {
    "orthogonal": Start(by_gate(_lecun), by_gate(_orthogonal)),
    "orthogonal_fused": Start(by_gate(_lecun), orthogonal_fused),
    "uniform": Start(by_gate(_uniform), by_gate(_uniform)),
    "normal": Start(by_gate(_normal), by_gate(_normal)),
    "identity": Start(by_gate(_tiny), by_gate(_eye)),
}
"""Name -> initializers.

orthogonal: every gate's R is orthogonal, W is normal with variance 1 / X. The default.
orthogonal_fused: the same with R orthogonal over all gates at once.
uniform: W and R from U(-1 / sqrt(H), 1 / sqrt(H)), as in torch. (Biases are constants here.)
normal: W and R from N(0, 0.1^2), whatever the width (Greff et al. 2017).
identity: R = I, W normal with standard deviation 0.001 (Le et al. 2015, for ReLU networks).
"""
