"""Protocols of papers that no run of `lstmx.runs` can have; imports no jax.

A run trains one network from its beginning, and updates once per batch, whose inputs do not depend
on the outputs. Here weights change at every symbol, a stream lasts until the network errs, or a
cell is added when the error has stopped falling. `streams` (of two kinds, `streams_reber` and
`streams_order`), `strings` and `added` compute these protocols.
"""

import hashlib
import math
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
        return _digest(f"{_network(self)} {self[1:]}")

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
        from . import streams, streams_reber  # import jax

        file = folder / f"{self.digest}.npz"
        return streams.run(self, streams_reber.KIND, file, train=train, interrupt=interrupt)


class Orders(NamedTuple):
    """Continual temporal order, as in Gers, Schmidhuber & Cummins 2000, experiment 3.

    State and traces are zero where a stream begins, and nowhere else.

    Attributes:
        make: as for `Streams`; the task gives the number of symbols and the length.
        networks: their number; network n has seed n.
        training: most training streams of a network.
        row: number of training streams without an error, one after the other, that end training.
        longest: sequences after which a stream without an error ends.
        tests: streams without learning, afterwards.
        tolerance: smallest error of an output, at the end of a sequence, that ends a stream.
    """

    make: Callable[[], Any]
    networks: int = 100
    training: int = 100_000
    row: int = 10
    longest: int = 100
    tests: int = 10
    tolerance: float = 0.3

    @property
    def digest(self) -> str:
        """Names the protocol and its network: 10 hex digits."""
        return _digest(f"orders {_network(self)} {self[1:]}")

    def measure(
        self, folder: Path, *, train: bool, interrupt: Interrupt | None = None
    ) -> tuple[list[float], float] | None:
        """100 for every network without an error in any test stream, else 0; and the seconds.

        The arguments, and None, are as for `Streams`.
        """
        from . import streams, streams_order  # import jax

        file = folder / f"{self.digest}.npz"
        return streams.run(self, streams_order.KIND, file, train=train, interrupt=interrupt)


class Strings(NamedTuple):
    """Embedded Reber strings, always new ones, as in Hochreiter & Schmidhuber 1997, section 5.1.

    State and traces are zero where a string begins. Targets are the next symbols, one-hot. A
    network has succeeded when, at an evaluation, it predicts all strings of a pair of stored sets
    for train and test, as the task "reber" defines them.

    Attributes:
        make: returns the config of the network, its initial weights and its learning rate; "steps"
            is the number of strings after which a network has failed, "eval_every" that between
            evaluations, and the task gives the number and the length of the stored strings.
        networks: their number; network n has seed n.
        sets: number of pairs of stored sets; as many networks have each.
    """

    make: Callable[[], Any]
    networks: int = 30
    sets: int = 3

    @property
    def digest(self) -> str:
        """Names the protocol and its network: 10 hex digits."""
        return _digest(f"strings {_network(self)} {self[1:]}")

    def measure(
        self, folder: Path, *, train: bool, interrupt: Interrupt | None = None
    ) -> tuple[list[float], float] | None:
        """The number of strings before a network succeeds, NaN where it fails; and the seconds.

        The arguments, and None, are as for `Streams`.
        """
        from . import strings  # imports jax

        file = folder / f"{self.digest}.npz"
        found = strings.run(self, file, train=train, interrupt=interrupt)
        if found is None:
            return None
        read, solved, seconds = found
        return [float(n) if good else math.nan for n, good in zip(read, solved)], seconds


class Added(NamedTuple):
    """A memory cell that is added later, as in Hochreiter & Schmidhuber 1997, section 5.2.

    The output units read the inputs alone until the mean loss of the sequences between two
    evaluations is not smaller than that before; from then on the cell, too. A network has succeeded
    when all sequences of an evaluation are correct.

    Attributes:
        make: returns the config of the network with its cell; "steps" is the number of sequences
            after which a network has failed, "eval_every" that between evaluations, which are those
            named "test".
        networks: their number; network n has seed n.
    """

    make: Callable[[], Any]
    networks: int = 20

    @property
    def digest(self) -> str:
        """Names the protocol and its network: 10 hex digits."""
        return _digest(f"added {_network(self)} {self[1:]}")

    def measure(
        self, folder: Path, *, train: bool, interrupt: Interrupt | None = None
    ) -> tuple[list[float], float] | None:
        """The number of sequences before a network succeeds, NaN where it fails; and the seconds.

        The arguments, and None, are as for `Streams`.
        """
        from . import added  # imports jax

        file = folder / f"{self.digest}.npz"
        found = added.run(self, file, train=train, interrupt=interrupt)
        if found is None:
            return None
        nets, seconds = found
        ends = zip(nets.sequences, nets.solved)
        return [float(n) if solved else math.nan for n, solved in ends], seconds


Protocol = Streams | Orders | Strings | Added


def _network(protocol: Protocol) -> str:
    from lstmx import config as cfg

    return cfg.canonical(protocol.make())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
