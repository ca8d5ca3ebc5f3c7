"""The contestants of a benchmark: sizes, layers and steps as records, no library imported."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Size(NamedTuple):
    """Batch B, steps T, input features X, hidden size H, and a title: the task of that size."""

    B: int
    T: int
    X: int
    H: int
    title: str = ""

    @property
    def label(self) -> str:
        """The size as text for a table."""
        return f"{self.B},{self.T},{self.X},{self.H} {self.title}".strip()

    @property
    def gflop(self) -> float:
        """Operations, in 1e9, of the matrix products of an LSTM's forward pass."""
        return 2e-9 * self.T * self.B * (self.X + self.H) * 4 * self.H


class Layer(NamedTuple):
    """A layer with its inputs, ready to be timed. Both calls wait for their result.

    Attributes:
        forward: () -> outputs.
        gradients: () -> gradients of mean(outputs^2) with respect to (parameters, inputs).
        devices: the number of devices that it runs on.
        temporary: () -> bytes that `gradients` takes beside its arguments and results, as the
            compiler counts them; None where nothing is compiled.
    """

    forward: Callable[[], Any]
    gradients: Callable[[], Any]
    devices: int = 1
    temporary: Callable[[], int] | None = None


class Step(NamedTuple):
    """A step function, such as the cell of a library, with what it needs.

    Attributes:
        step: (params, state, x) -> (state, y).
        params: a pytree of arrays.
        state: rows -> the state before the first step, zeros.
    """

    step: Callable[[Any, Any, Any], tuple[Any, Any]]
    params: Any
    state: Callable[[int], Any]
