"""The options that all models share: layers, inputs, readout, and how they are computed.

Frozen dataclasses that are validated on construction, so that a model can rely on their values.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lstmx import checks, sequence
from lstmx.models._parts import ACTIVATIONS
from lstmx.sequence import Layer, Stack
from lstmx.types import Cell

INPUTS = ("vector", "token")
"""Kinds of inputs: vectors [B, T, X], or integer tokens [B, T]."""


@dataclass(frozen=True)
class Readout:
    """The linear layer y = h W + b + x V; see `lstmx.models._parts.read`.

    Attributes:
        bias: whether the readout has b.
        weight_range: r > 0 samples all parameters from U(-r, r), as Hochreiter & Schmidhuber 1997
            do; 0 is LeCun normal for W and V (variance 1 / fan in) and zeros for b.
        shortcut: whether the output units also read the inputs x, through V.
        activation: of h before the product, "identity" or "relu".

    Raises:
        ValueError: an unknown activation, or a negative range.
    """

    bias: bool = True
    weight_range: float = 0.0
    shortcut: bool = False
    activation: str = "identity"

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown activation or a negative range."""
        if self.activation not in ACTIVATIONS:
            names = ", ".join(ACTIVATIONS)
            raise ValueError(f"readout: activation={self.activation!r}; expected one of {names}")
        if not 0 <= self.weight_range < math.inf:
            raise ValueError(f"readout: weight_range={self.weight_range}; expected 0 or more")


@dataclass(frozen=True)
class Backbone:
    """The layers, inputs and readout of a model.

    Attributes:
        layers: a cell, or several: cells and (forward, backward) pairs of cells; stored as a tuple.
        in_features: size X of the input vectors, or the number V of tokens.
        out_features: size Y of the output.
        inputs: "vector" or "token".
        embed_features: for tokens, the size E of an embedding; 0 is one-hot.
        readout: the linear layer at the end.
        stack: skip connections, dropout between the layers, and how they are computed; its
            precision is also that of the readout.

    Raises:
        ValueError: no layers, a size below 1, an embedding for vectors, unknown `inputs`, skip
            connections between layers whose output sizes do not allow them.
    """

    layers: tuple[Layer, ...]
    in_features: int
    out_features: int
    inputs: str = "vector"
    embed_features: int = 0
    readout: Readout = Readout()
    stack: Stack = Stack()

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        if self.inputs not in INPUTS:
            raise ValueError(f"inputs={self.inputs!r}; expected one of {', '.join(INPUTS)}")
        if self.embed_features:
            if self.inputs != "token":
                raise ValueError(
                    f"embed_features={self.embed_features} embeds tokens, but "
                    f"inputs={self.inputs!r}; leave it at 0"
                )
            checks.size("embed_features", self.embed_features)
        checks.size("in_features", self.in_features)
        checks.size("out_features", self.out_features)
        object.__setattr__(self, "layers", as_layers(self.layers))
        sequence.check_widths(self.layers, self.stack.skip_connections)

    @property
    def features(self) -> int:
        """The input size of the first layer: E for embedded tokens, else X."""
        return self.embed_features or self.in_features

    @property
    def hidden_features(self) -> int:
        """The input size H of the readout."""
        return sequence.stack_features(self.layers, self.stack.skip_connections)


def as_layers(layers: Cell | Sequence[Layer], *, bidirectional: bool = False) -> tuple[Layer, ...]:
    """Returns layers as a tuple of cells and (forward, backward) pairs.

    Args:
        bidirectional: replace every single cell by a pair.

    Raises:
        ValueError: no layer, or a layer that is neither a cell nor a pair of cells.
    """
    items: tuple[Any, ...] = (layers,) if isinstance(layers, Cell) else tuple(layers)
    if not items:
        raise ValueError("no layers; expected a cell or a sequence of at least one")
    checked: list[Layer] = []
    for layer in items:
        if isinstance(layer, Cell):
            checked.append((layer, layer) if bidirectional else layer)
        elif isinstance(layer, tuple | list) and [type(cell) for cell in layer] == [Cell, Cell]:
            checked.append((layer[0], layer[1]))
        else:
            raise ValueError(
                f"got a layer of type {type(layer).__name__}; expected a Cell or a pair "
                "(forward, backward) of Cells"
            )
    return tuple(checked)
