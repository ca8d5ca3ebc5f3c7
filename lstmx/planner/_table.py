"""The ways to compute a training step compared: records, table and advice."""

from collections.abc import Sequence
from typing import NamedTuple

from lstmx import tables
from lstmx.engines._blocks import Remat
from lstmx.tables import size

ROOM = 0.8
"""Share of the available memory to plan with; data, compiled programs and Python use the rest."""


class Way(NamedTuple):
    """One way to compute a step, with its memory and speed.

    Attributes:
        name: shown in the table.
        engine: value of `model.engine`.
        remat_every: value of `model.remat_every`, or None.
        length: number of steps that one program unrolls.
        horizon: number of steps that gradients go back; 0 for an evaluation, which has none.
        activations: bytes of the batch, of saved activations and of temporary arrays.
        weights: bytes of parameters, gradients and the state of the optimizer.
        flops: floating point operations in matrix products.
        steps_per_second: estimated time steps per second, each for all rows of the batch; or None.
    """

    name: str
    engine: str
    remat_every: Remat
    length: int
    horizon: int
    activations: int
    weights: int
    flops: int
    steps_per_second: float | None

    @property
    def bytes(self) -> int:
        """All bytes on one device."""
        return self.activations + self.weights


class MemoryPlan(NamedTuple):
    """All ways, and the one that the engine will use; prints as a table.

    Attributes:
        title: the sizes.
        ways: over all steps first, then in windows, then evaluations.
        chosen: the way that the configured engine uses.
        why: one sentence on the reason; where it does not fit into memory, with a remedy.
        memory: available bytes.
    """

    title: str
    ways: tuple[Way, ...]
    chosen: Way
    why: str
    memory: int

    def __str__(self) -> str:
        head = ["", "way", "memory", "activations", "weights", "GFLOP", "steps/s", "horizon"]
        rows = [head, *(self._row(way) for way in self.ways)]
        return "\n".join([self.title, tables.aligned(rows, left=2), self.why])

    def _row(self, way: Way) -> list[str]:
        mark = "*" if way == self.chosen else ""
        sizes = map(size, (way.bytes, way.activations, way.weights))
        speed = ""
        if way.steps_per_second is not None:
            speed = f"~{float(f'{way.steps_per_second:.2g}'):,.0f}"  # two digits, no exponent
        flops = f"{way.flops / 1e9:.3g}"
        return [mark, way.name, *sizes, flops, speed, f"{way.horizon:,}" if way.horizon else ""]


def explained(ways: Sequence[Way], chosen: Way, memory: int) -> str:
    """The reason for the chosen way, or an alternative where memory does not suffice."""
    room, has = ROOM * memory, f"{size(memory)} available"
    training = [way for way in ways if way.horizon == chosen.horizon]
    if chosen.bytes <= room:
        reason = {
            "associative": "the cell is linear in its state, and an accelerator has the processors",
            "as set": "model.engine and model.remat_every say so",
        }.get(chosen.name, "it keeps what a step has computed, and computes nothing twice")
        return f"* {chosen.name}: {reason}; {size(chosen.bytes)} of {has}"
    needs = f"* {chosen.name} would need {size(chosen.bytes)} of {has}"
    # Checkpoints in time come first: they cost time alone, while windows truncate gradients.
    less = [way for way in training if way.remat_every and way.bytes <= room]
    if less:
        best = min(less, key=lambda way: way.bytes)
        return f"{needs}: set model.remat_every={best.remat_every}, which needs {size(best.bytes)}"
    windows = [way for way in ways if 0 < way.horizon < chosen.horizon and way.bytes <= room]
    if windows:
        horizon = windows[0].horizon
        return f"{needs}, and no way over all steps fits: train in windows of {horizon} steps"
    return f"{needs}, and no way fits: make the batch, the layers or the windows smaller"
