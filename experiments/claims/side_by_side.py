"""Many small networks side by side: in compiled chunks, until each is done, saved and resumed.

A network is a NamedTuple of arrays with a leaf `done`; together their leaves have an axis of
networks in front.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.interrupt import Interrupt
from lstmx.types import Array, Batch, Model, Params, Task

SAVE = 60.0  # seconds between savings

Chunk = Callable[[Any, Any, Any], Any]
"""(networks, their numbers [N], number of the chunk) -> the networks after the chunk."""


class Progress(NamedTuple):
    """What a file keeps.

    Attributes:
        nets: the networks.
        at: number of chunks of this phase so far.
        phase: of the protocol, from 0.
        seconds: of it all.
    """

    nets: Any
    at: int = 0
    phase: int = 0
    seconds: float = 0.0


def until_done(
    progress: Progress, chunk: Chunk, file: Path, interrupt: Interrupt | None = None
) -> Progress:
    """The progress when all networks are done, or at a request to stop; saved in between."""
    stop = interrupt or Interrupt()
    while not np.all(progress.nets.done) and not stop.requested:
        start = time.monotonic()
        stop.mark(file, True)  # ends after it has saved
        nets, at = advance(chunk, progress.nets, progress.at, SAVE, interrupt)
        seconds = progress.seconds + time.monotonic() - start
        progress = Progress(nets, at, progress.phase, seconds)
        save(file, progress)
        stop.mark(file, False)
    return progress


def advance(
    chunk: Chunk, nets: Any, at: int, seconds: float, until: Interrupt | None = None
) -> tuple[Any, int]:
    """The nets some chunks later, and the number of chunks so far.

    Networks that are done cost nothing: the others are computed in groups of a power of two, or
    all together.

    Args:
        chunk: what advances a group of networks.
        nets: each leaf with an axis of networks in front.
        at: number of chunks before.
        seconds: about how long.
        until: a request to stop.
    """
    start = time.monotonic()
    nets = jax.tree.map(np.array, nets)  # a copy, since its rows are replaced
    while time.monotonic() - start < seconds and not (until is not None and until.requested):
        left = np.flatnonzero(~nets.done)
        if len(left) == 0:
            break
        size = min(1 << (len(left) - 1).bit_length(), len(nets.done))
        rows = np.resize(left, size)  # some of them twice
        some = jax.device_get(chunk(jax.tree.map(lambda leaf: leaf[rows], nets), rows, at))  # noqa: B023
        for leaf, new in zip(jax.tree.leaves(nets), jax.tree.leaves(some)):
            leaf[rows] = new
        at += 1
    return nets, at


def all_right(
    model: Model, task: Task, params: Params, batch: Callable[[Array], Batch], count: int
) -> Array:
    """Whether a network is right in every sequence of some batches; the first error ends it.

    Args:
        model: of the network.
        task: whose "sequence_accuracy" decides.
        params: of the network.
        batch: number of a batch -> the batch.
        count: number of batches.
    """

    def step(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        now = batch(carry[0])
        outputs = model.apply(params, now.inputs, mask=now.mask, resets=now.resets)[0]
        right = task.loss(outputs, now)["sequence_accuracy"]
        return carry[0] + 1, right.total >= right.count

    unfinished = lambda carry: carry[1] & (carry[0] < count)
    return jax.lax.while_loop(unfinished, step, (jnp.asarray(0), jnp.asarray(True)))[1]


def save(file: Path, progress: Progress) -> None:
    """Write the progress, whole or not at all."""
    nets, at, phase, seconds = progress
    leaves = {f"leaf{n}": np.asarray(leaf) for n, leaf in enumerate(jax.tree.leaves(nets))}
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part.npz")
    np.savez(part, at=at, phase=phase, seconds=seconds, **leaves)  # type: ignore[arg-type]
    part.replace(file)


def load(file: Path, like: Any) -> Progress:
    """What `save` wrote, in the structure of other nets."""
    leaves, structure = jax.tree.flatten(like)
    with np.load(file) as stored:
        nets = jax.tree.unflatten(structure, [stored[f"leaf{n}"] for n in range(len(leaves))])
        numbers = int(stored["at"]), int(stored["phase"]), float(stored["seconds"])
    return Progress(nets, *numbers)
