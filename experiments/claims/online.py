"""Protocols that update at every symbol and end a stream at its first error; imports no jax.

A run of `lstmx.runs` updates once per batch, whose inputs do not depend on the outputs. Here they
do: a stream of strings lasts until the network errs. `streams` computes such a protocol.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lstmx.interrupt import Interrupt


class Streams(NamedTuple):
    """Continual embedded Reber strings, as in Gers, Schmidhuber & Cummins 2000, section 4.1.

    Attributes:
        make: returns the config of the network, its initial weights and its learning rate; the
            cell is one of memory blocks with the truncated gradient.
        networks: their number; network n has seed n.
        external_reset: whether state and traces are zeroed where a string begins.
        decay: factor of the learning rate from symbol to symbol of a training stream.
        training: most training streams of a network.
        longest: symbols after which a stream without an error ends.
        tests: streams without learning, afterwards.
        tolerance: smallest error of an output that ends a stream.
    """

    make: Callable[[], Any]
    networks: int = 100
    external_reset: bool = False
    decay: float = 1.0
    training: int = 30_000
    longest: int = 1_000_000
    tests: int = 10
    tolerance: float = 0.49

    @property
    def digest(self) -> str:
        """Names the protocol and its network: 10 hex digits."""
        from lstmx import config as cfg

        text = f"{cfg.canonical(self.make())} {self[1:]}"
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    def measure(
        self, folder: Path, *, train: bool, interrupt: Interrupt | None = None
    ) -> tuple[list[float], float] | None:
        """100 for every network without an error in any test stream, else 0; and the seconds.

        Args:
            folder: of the progress, which a second call resumes.
            train: whether to go on; else only what is finished counts.
            interrupt: once it is requested, progress is saved.

        Returns:
            None where it is not finished.
        """
        from . import streams  # imports jax

        file = folder / f"{self.digest}.npz"
        found = streams.run(self, file, train=train, interrupt=interrupt)
        if found is None:
            return None
        correct, seconds = found
        return [100.0 if int(n) >= self.longest else 0.0 for n in correct.min(axis=1)], seconds
