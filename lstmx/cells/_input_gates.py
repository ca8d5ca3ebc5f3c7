"""What cells share whose gates see the input alone: parameters without R, a `recur` without state.

Their state is an affine function of the state before, so that a whole sequence is one associative
scan. Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from lstmx import initializers
from lstmx.cells import _gates
from lstmx.types import Array, Key, Params, State


def positive(v: Array) -> Array:
    """g of Feng et al. 2024: v + 1/2 from 0 on and sigma(v) below, so always > 0."""
    return jnp.where(v >= 0, v + 0.5, _gates.sigmoid(v))


CANDIDATES = {"linear": lambda v: v, "positive": positive}
"""What becomes of a candidate before it enters the state."""


def init(
    key: Key,
    in_features: int,
    hidden_size: int,
    blocks: _gates.Blocks,
    *,
    initializer: str = "orthogonal",
    bias: Mapping[str, Array | float] | None = None,
) -> dict[str, Array]:
    """Parameters W and b of all gates, as `_gates.init` has them beside its R."""
    widths = blocks if isinstance(blocks, Mapping) else dict.fromkeys(blocks, hidden_size)
    W = initializers.get(initializer).W(key, in_features, widths, hidden_size)
    said = bias or {}
    b = jnp.concatenate([jnp.full(w, said.get(g, 0.0), W.dtype) for g, w in widths.items()])
    if isinstance(blocks, Mapping):
        return {"W": W, "b": b}
    shape = (len(blocks), hidden_size)
    return {"W": W.reshape(-1, *shape), "b": b.reshape(shape)}


def recur(params: Params, state: State, u: Any) -> Any:
    """The pre-activations of cells without recurrent weights: u itself."""
    del params, state
    return u
