"""Networks of memory blocks that learn from streams, which end at an error, and are then tested.

Two phases: training streams, in which weights change and which follow one another, and after those
of all networks the test streams, without learning, all side by side.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import experiment, precision
from lstmx.interrupt import Interrupt
from lstmx.types import Array, Params

from . import side_by_side, traces

if TYPE_CHECKING:
    from .protocols import Orders, Streams


class Kind(NamedTuple):
    """What the streams consist of.

    Attributes:
        fresh: (layer, params [N]) -> networks before their first stream: NamedTuples with the
            leaves params, done, and correct, what was right before the error of the last stream.
        compiled: (protocol, config, layer, learning) -> what goes on with them.
    """

    fresh: Callable[[traces.Blocks, Params], Any]
    compiled: Callable[[Any, Any, traces.Blocks, bool], side_by_side.Chunk]


def run(
    protocol: "Streams | Orders",
    kind: Kind,
    file: Path,
    *,
    train: bool,
    interrupt: Interrupt | None = None,
) -> tuple[list[float], float] | None:
    """100 for every network without an error in any test stream, else 0; and the seconds.

    Args:
        protocol: what to run.
        kind: of its streams.
        file: of the progress, .npz.
        train: whether to go on; else None where it is not finished.
        interrupt: once it is requested, the progress is saved and None is returned.

    Raises:
        ValueError: a cell whose traces are not computed here.
    """
    if not train and not file.exists():
        return None
    config = protocol.make()
    layer = traces.blocks(config)
    with precision.scope(config.model.precision):
        model = experiment.build(config).model
        keys = jax.vmap(jax.random.key)(jnp.arange(protocol.networks))
        progress = side_by_side.Progress(kind.fresh(layer, jax.vmap(model.init)(keys)))
        if file.exists():
            progress = side_by_side.load(file, progress.nets)
        while progress.phase < 2 and train and not (interrupt and interrupt.requested):
            chunk = kind.compiled(protocol, config, layer, progress.phase == 0)
            progress = side_by_side.until_done(progress, chunk, file, interrupt)
            if np.all(progress.nets.done):
                nets = progress.nets
                if progress.phase == 0:
                    repeat = lambda leaf: jnp.repeat(jnp.asarray(leaf), protocol.tests, axis=0)
                    nets = kind.fresh(layer, jax.tree.map(repeat, nets.params))
                progress = progress._replace(nets=nets, at=0, phase=progress.phase + 1)
                side_by_side.save(file, progress)
    if progress.phase < 2:
        return None
    correct = np.asarray(progress.nets.correct).reshape(protocol.networks, protocol.tests)
    perfect = correct.min(axis=1) >= protocol.longest
    return [100.0 * float(one) for one in perfect], progress.seconds


def where(condition: Array, one: Any, other: Any) -> Any:
    """One tree where the condition [] holds, else the other."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)
