"""Other libraries, each in the fastest form that its users would write.

A peer is imported when it is first measured; one that is not installed has a row without a number
(`pip install -e .[peers]`).
"""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmarks import timing
from experiments.benchmarks.contestant import Layer, Size, Step

PACKAGES = {
    "flax": "flax",
    "haiku": "dm-haiku",
    "equinox": "equinox",
    "keras": "keras",
    "torch": "torch",
}
"""Name of the import -> name of the distribution."""

LAYERS = {
    "flax": ("flax", "optimized_lstm"),
    "flax LSTMCell": ("flax", "lstm"),
    "haiku": ("haiku", "lstm"),
    "equinox": ("equinox", "lstm"),
    "keras": ("keras", "lstm"),
    "torch": ("torch", "lstm"),
    "jax.experimental.rnn": ("cudnn", "lstm"),
}
"""Contestant -> (module here, function (size, xs, device) -> Layer)."""

STEPS = {
    "flax linen LSTMCell": ("flax", "linen_step", "LSTMCell"),
    "flax linen OptimizedLSTMCell": ("flax", "linen_step", "OptimizedLSTMCell"),
    "flax linen GRUCell": ("flax", "linen_step", "GRUCell"),
    "flax nnx LSTMCell": ("flax", "nnx_step", "LSTMCell"),
    "flax nnx GRUCell": ("flax", "nnx_step", "GRUCell"),
    "haiku LSTM": ("haiku", "step", "LSTM"),
    "haiku GRU": ("haiku", "step", "GRU"),
    "equinox LSTMCell": ("equinox", "step", "LSTMCell"),
    "equinox GRUCell": ("equinox", "step", "GRUCell"),
}
"""Cell -> (module here, function (name, size) -> Step, name)."""

MISSING = "not installed"


def layers(size: Size, xs: Any, device: str) -> dict[str, Layer | str]:
    """Contestant -> its `Layer`, or the reason why there is none.

    Args:
        xs: inputs [T, B, X].
        device: "cpu" or "gpu".
    """
    names = {k: v for k, v in LAYERS.items() if device == "gpu" or v[0] != "cudnn"}
    return make(names, size, xs, device)


def make(names: Mapping[str, tuple[str, str]], *arguments: Any) -> dict[str, Any]:
    """Contestant -> the result of its function for the arguments, or why there is none.

    Args:
        names: contestant -> (module here, function).
    """
    return {name: _result(*where, arguments) for name, where in names.items()}


def step(cell: str, size: Size) -> Step | str:
    """The `Step` of one of `STEPS` at a size, or the reason why there is none."""
    module, function, name = STEPS[cell]
    made: Step | str = _result(module, function, (name, size))
    return made


def missing(name: str) -> bool:
    """Whether this is a peer that is not installed."""
    return name in PACKAGES and importlib.util.find_spec(name) is None


def versions() -> dict[str, str]:
    """Peer -> its version, or `MISSING`."""

    def version(name: str) -> str:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return MISSING

    return {name: version(name) for name in PACKAGES.values() if name != "flax"}


def _result(module: str, function: str, arguments: Sequence[Any]) -> Any:
    if missing(module):
        return MISSING
    try:
        peer = importlib.import_module(f"experiments.benchmarks.peers.{module}")
        return getattr(peer, function)(*arguments)
    except Exception as error:  # a peer may raise anything; its row shows the message
        return timing.first_line(error)
