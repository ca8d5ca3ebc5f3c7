"""A group of replicas as compiled programs: one compilation, one replica axis, one mesh."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import PartitionSpec as P

from lstmx import precision
from lstmx.experiment import Experiment, keys
from lstmx.parallel import mesh as meshes
from lstmx.types import BATCH_AXIS, REPLICA_AXIS, TrainState

ONE = P(REPLICA_AXIS)
STATE: Any = TrainState._make((ONE, ONE, ONE, P(REPLICA_AXIS, BATCH_AXIS)))
"""How a stacked train state lies on the mesh: recurrent state is cut by rows too."""


class Group(NamedTuple):
    """N replicas that share one compilation.

    Attributes:
        mesh: the devices.
        hparams: name -> [N] values, on the devices; padded.
        seeds: [N] integers, on the devices; padded.
        init: (hparams, seeds) -> TrainState of N replicas.
        chunks: for each stage of training, (state, hparams, seeds) -> (state, metrics
            [N, log_every]); takes the state's memory.
        evaluate: (params, seeds) -> {eval: metrics [N]}.
    """

    mesh: Any
    hparams: Any
    seeds: Any
    init: Any
    chunks: tuple[Any, ...]
    evaluate: Any


def make(
    experiment: Experiment, configs: Sequence[Any], devices: Sequence[Any] | None = None
) -> Group:
    """Compile-ready programs for replicas that differ in `hparams` and `seed` only.

    Args:
        devices: those of the mesh; all if None.

    Raises:
        ValueError: float64 outside of its `lstmx.precision.scope`.
    """
    tasks = [experiment.task, *experiment.evals.values()]  # stages have the task's batch size
    mesh = meshes.make(len(configs), [task.spec.batch_size for task in tasks], devices)
    count = meshes.padded(len(configs), mesh)
    filled = [*configs, *[configs[-1]] * (count - len(configs))]
    dtype = precision.dtype(configs[0].model.precision)
    hparams = {
        name: np.array([c.hparams[name] for c in filled], dtype) for name in configs[0].hparams
    }
    seeds = np.array([c.seed for c in filled], np.uint32)
    block = {"replicas_per_vmap": configs[0].replicas_per_vmap}
    over = meshes.over_replicas

    def init(hparams: Any, seed: Any) -> TrainState:
        return experiment.init(hparams, keys(seed)[0])

    def chunk(stage: int) -> Any:
        def advance(state: TrainState, hparams: Any, seed: Any) -> Any:
            return experiment.chunk(state, hparams, keys(seed)[1], stage)

        return over(advance, mesh, (STATE, ONE, ONE), (STATE, ONE), **block, donate=(0,))

    def evaluate(params: Any, seed: Any) -> Any:
        return experiment.evaluate(params, keys(seed)[2])

    return Group(
        mesh,
        meshes.put(hparams, mesh, ONE),
        meshes.put(seeds, mesh, ONE),
        over(init, mesh, (ONE, ONE), STATE, **block),
        tuple(map(chunk, range(len(experiment.stages)))),
        over(evaluate, mesh, (ONE, ONE), ONE, **block),
    )


def like(group: Group) -> TrainState:
    """Shapes and types of one replica's train state, as its checkpoint holds it."""
    stacked = jax.eval_shape(group.init, group.hparams, group.seeds)
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), stacked)


def put(group: Group, states: Sequence[TrainState]) -> TrainState:
    """Train states of single replicas (host trees), stacked, padded and laid on the mesh."""
    count = group.seeds.shape[0]
    filled = [*states, *[states[-1]] * (count - len(states))]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *filled)
    return TrainState(*(meshes.put(a, group.mesh, spec) for a, spec in zip(stacked, STATE)))


def replica(tree: Any, number: int) -> Any:
    """One replica's part of a stacked host tree."""
    return jax.tree.map(lambda a: a[number], tree)
