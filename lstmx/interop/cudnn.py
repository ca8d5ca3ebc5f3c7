"""cuDNN's flat vector, as `jax.experimental.rnn` takes it: an LSTM of equal layers.

First W_ih (4 H, X) and W_hh (4 H, H) of every layer and direction, then b_ih and b_hh (4 H) of
each; forward before backward, gates i, f, g, o. On ROCm, JAX itself swaps gates of this vector, so
it is the same there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstmx.interop import torch
from lstmx.interop._arrays import array
from lstmx.interop._cells import kind_of
from lstmx.interop._tree import Layers
from lstmx.interop.torch import dump_state, load_state
from lstmx.sequence import Layer
from lstmx.types import Cell, Params

__all__ = ["dump", "dump_state", "load", "load_state"]


def load(
    weights: Any,
    *,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """(layers, params) of the vector [N].

    Args:
        weights: the vector.
        input_size, hidden_size, num_layers, bidirectional: as for `jax.experimental.rnn.lstm`.

    Raises:
        ValueError: a length that these sizes do not have.
    """
    shapes = _shapes(input_size, hidden_size, num_layers, bidirectional)
    ends = np.cumsum([np.prod(shape) for shape in shapes.values()])
    flat = array(weights)
    if flat.shape != (ends[-1],):
        raise ValueError(
            f"the weights are {flat.shape}; input_size={input_size}, hidden_size={hidden_size}, "
            f"num_layers={num_layers}, bidirectional={bidirectional}; expected ({ends[-1]},)"
        )
    parts = np.split(flat, ends[:-1])
    return torch.load({n: part.reshape(shapes[n]) for n, part in zip(shapes, parts)})


def dump(layers: Layers, params: Params) -> np.ndarray:
    """The flat vector [N] of an LSTM, or of a stack of equal ones.

    Raises:
        ValueError: layers that are not plain LSTMs, or not equal.
    """
    if isinstance(layers, Cell):
        return dump([layers], {"layer_0": params})
    stack: Sequence[Layer] = layers
    for layer in stack:
        for cell in (layer,) if isinstance(layer, Cell) else layer:
            kind_of(cell, "jax.experimental.rnn", ("lstm",))
    arrays = torch.dump(layers, params)
    hidden_size = arrays["weight_hh_l0"].shape[1]
    sizes = (arrays["weight_ih_l0"].shape[1], hidden_size, len(layers))
    shapes = _shapes(*sizes, "weight_ih_l0_reverse" in arrays)
    return np.concatenate([arrays[name].ravel() for name in shapes])


def _shapes(
    input_size: int, hidden_size: int, num_layers: int, bidirectional: bool
) -> dict[str, tuple[int, ...]]:
    """Torch's name of each part -> its shape, in the order of the vector."""
    ends = ("", "_reverse") if bidirectional else ("",)
    places = [(layer, f"_l{layer}{end}") for layer in range(num_layers) for end in ends]
    rows = 4 * hidden_size
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, place in places:
        width = hidden_size * len(ends) if layer else input_size
        shapes |= {f"weight_ih{place}": (rows, width), f"weight_hh{place}": (rows, hidden_size)}
    biases = [f"{bias}{place}" for _, place in places for bias in torch.BIASES]
    return shapes | dict.fromkeys(biases, (rows,))
