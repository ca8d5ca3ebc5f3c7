"""Exact conversion of parameters and states from and to the layouts of other frameworks.

Every module has the same four functions. `load` converts NumPy arrays (or what `numpy.asarray`
takes) in the framework's layout to `(cell, params)`, or `(layers, params)` for a stack; `dump` is
its inverse; `load_state` and `dump_state` do the same for states.

    >>> import lstmx, numpy as np
    >>> from lstmx.interop import torch
    >>> layers = [lstmx.cells.make("lstm", hidden_size=5)]
    >>> weights = {"W": np.ones((3, 4, 5)), "R": np.ones((5, 4, 5)), "b": np.ones((4, 5))}
    >>> sorted(torch.dump(layers, {"layer_0": weights}))
    ['bias_hh_l0', 'bias_ih_l0', 'weight_hh_l0', 'weight_ih_l0']

Only the order of gates and axes changes, and two biases become their sum. For what has no
counterpart, a ValueError gives the reason. What does not follow from the arrays is an argument: for
`load` and `dump` an activation that is not the framework's default (`activation="relu"`), for
`dump` that a module has no biases (`bias=False`).

Arrays become NumPy arrays of the same type; half precision (float16, bfloat16) becomes float32,
which is exact. Parameters are float32 here even where products are bfloat16, by `precision` of
`lstmx.unroll`; to store them in half precision again, cast the result of `dump`.

`read` and `write` are for files: `.safetensors` and `.npz`. They keep every type as it is, or
refuse it: `.npz` has no bfloat16.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lstmx.interop._files import read, write

if TYPE_CHECKING:
    from types import ModuleType

FRAMEWORKS = ("cudnn", "equinox", "haiku", "keras", "linen", "nnx", "onnx", "torch")
"""The modules of this package, one for each layout."""

__all__ = ["FRAMEWORKS", "read", "write"]


def __getattr__(name: str) -> "ModuleType | Any":
    """A framework's module, imported on first use."""
    if name in FRAMEWORKS:
        return importlib.import_module(f"lstmx.interop.{name}")
    raise AttributeError(f"module 'lstmx.interop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *FRAMEWORKS])
