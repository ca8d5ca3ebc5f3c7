"""Shared parts of cells whose gates read the input alone, without recurrent weights R.

Their state is an affine function of the previous state, so that a whole sequence is one associative
scan. Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201.
"""

from collections.abc import Mapping

import jax.numpy as jnp

from lstmx import initializers
from lstmx.cells import _gates
from lstmx.types import Array, Key


def positive(v: Array) -> Array:
    """g of Feng et al. 2024: v + 1/2 from 0 on and sigma(v) below, so always > 0."""
    return jnp.where(v >= 0, v + 0.5, _gates.sigmoid(v))


CANDIDATES = {"linear": lambda v: v, "positive": positive}
"""Name -> activation of the candidate."""


def init(
    key: Key,
    in_features: int,
    hidden_size: int,
    blocks: _gates.Blocks,
    *,
    initializer: str = "orthogonal",
    bias: Mapping[str, Array | float] | None = None,
) -> dict[str, Array]:
    """Initial parameters W and b of all gates; the arguments are those of `_gates.init`."""
    gate_sizes = blocks if isinstance(blocks, Mapping) else dict.fromkeys(blocks, hidden_size)
    W = initializers.get(initializer).W(key, in_features, gate_sizes, hidden_size)
    bias = bias or {}
    b = jnp.concatenate(
        [jnp.full(n, bias.get(gate, 0.0), W.dtype) for gate, n in gate_sizes.items()]
    )
    if isinstance(blocks, Mapping):
        return {"W": W, "b": b}
    shape = (len(blocks), hidden_size)
    return {"W": W.reshape(-1, *shape), "b": b.reshape(shape)}
