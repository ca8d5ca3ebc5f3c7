"""A group of replicas as compiled programs: one compilation, one replica axis, one mesh."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from lstmx import planner, precision
from lstmx.config import ConfigDict
from lstmx.experiment import Experiment, initial_params, keys, sizes
from lstmx.parallel import mesh as meshes
from lstmx.types import (
    BATCH_AXIS,
    REPLICA_AXIS,
    Array,
    HParams,
    Metrics,
    Model,
    Params,
    TrainState,
)

Tree = TypeVar("Tree")

ONE = P(REPLICA_AXIS)
"""The PartitionSpec of arrays that have replicas on their leading axis."""
STATE: TrainState = TrainState._make((ONE, ONE, ONE, P(REPLICA_AXIS, BATCH_AXIS)))
"""The PartitionSpecs of a stacked train state: recurrent state is sharded by rows too."""


class Group(NamedTuple):
    """N replicas that share one compilation.

    Attributes:
        mesh: its axes are replicas and the rows of a batch.
        hparams: name -> [N] values on the mesh, padded.
        seeds: [N] integers on the mesh, padded.
        init: (hparams, seeds) -> TrainState of N replicas.
        start: (hparams, params) -> TrainState of N replicas with these initial parameters.
        chunks: for each phase of training, (state, hparams, seeds) -> (state, metrics
            [N, log_every]); the memory of the state is donated.
        evaluate: (params, seeds) -> {name of an evaluation: metrics [N]}.
    """

    mesh: Mesh
    hparams: HParams
    seeds: Array
    init: jax.stages.Wrapped
    start: jax.stages.Wrapped
    chunks: tuple[jax.stages.Wrapped, ...]
    evaluate: jax.stages.Wrapped

    @property
    def on_device(self) -> int:
        """The number of replicas that each device computes."""
        return int(self.seeds.shape[0]) // self.mesh.shape[REPLICA_AXIS]


def make(
    experiment: Experiment,
    configs: Sequence[ConfigDict],
    devices: Sequence[jax.Device] | None = None,
) -> Group:
    """The programs, not yet compiled, of replicas that differ in `hparams` and `seed` only.

    Args:
        experiment: of any of the configs.
        configs: one for each replica.
        devices: the devices of the mesh; None is all devices.

    Raises:
        ValueError: float64 outside of its `lstmx.precision.scope`.
    """
    # Every phase of the curriculum has the batch size of the task.
    tasks = [experiment.task, *experiment.evals.values()]
    mesh = meshes.make(len(configs), [task.spec.batch_size for task in tasks], devices)
    count = meshes.padded(len(configs), mesh)
    filled = [*configs, *[configs[-1]] * (count - len(configs))]
    hparams, seeds = _traced(filled)
    block = {"replicas_per_vmap": configs[0].replicas_per_vmap}
    trained = {"replicas_per_vmap": side_by_side(experiment, configs[0], mesh, count)}
    over = meshes.over_replicas

    def init(hparams: HParams, seed: Array) -> TrainState:
        return experiment.init(hparams, keys(seed)[0])

    def chunk(phase: int) -> jax.stages.Wrapped:
        def advance(state: TrainState, hparams: HParams, seed: Array) -> tuple[TrainState, Metrics]:
            return experiment.chunk(state, hparams, keys(seed)[1], phase)

        return over(advance, mesh, (STATE, ONE, ONE), (STATE, ONE), **trained, donate=(0,))

    def evaluate(params: Params, seed: Array) -> dict[str, Metrics]:
        return experiment.evaluate(params, keys(seed)[2])

    return Group(
        mesh,
        meshes.put(hparams, mesh, ONE),
        meshes.put(seeds, mesh, ONE),
        over(init, mesh, (ONE, ONE), STATE, **block),
        over(experiment.start, mesh, (ONE, ONE), STATE, **block),
        tuple(map(chunk, range(len(experiment.phases)))),
        over(evaluate, mesh, (ONE, ONE), ONE, **block),
    )


def side_by_side(experiment: Experiment, config: ConfigDict, mesh: Mesh, count: int) -> int:
    """The replicas that a device trains at once.

    The programs of initial values and evaluations keep the rule of `over_replicas`: they run once,
    and `initial` must be able to repeat the former.
    """
    if config.replicas_per_vmap:
        return int(config.replicas_per_vmap)
    floats = (
        experiment.task.spec.batch_size // mesh.shape[BATCH_AXIS] * sizes(experiment.model).state
    )
    cpu = mesh.devices.flat[0].platform == "cpu"
    return planner.side_by_side(floats, count // mesh.shape[REPLICA_AXIS], cpu=cpu)


def initial(model: Model, configs: Sequence[ConfigDict], on_device: int) -> list[Params]:
    """The parameters that runs of one model start from, on the host.

    Another program may round another way, so that they are computed like those of the run's group:
    in a loop where a device has several replicas, without one where it has a single one.

    Args:
        model: of the configs.
        configs: of the runs; they differ in `hparams` and `seed` only.
        on_device: number of replicas that a device computed.

    Raises:
        ValueError: float64 outside of its `lstmx.precision.scope`.
    """
    block = configs[0].replicas_per_vmap
    if block == 1 or (not block and jax.default_backend() == "cpu"):
        on_device = min(on_device, 2)  # a loop of two has the body of a longer one
    mesh = meshes.make(on_device, [1], jax.local_devices()[:1])

    def init(hparams: HParams, seed: Array) -> Params:
        return initial_params(model, hparams, keys(seed)[0])

    make = meshes.over_replicas(init, mesh, (ONE, ONE), ONE, replicas_per_vmap=block)
    return [replica(meshes.fetch(make(*_traced([one] * on_device))), 0) for one in configs]


def _traced(configs: Sequence[ConfigDict]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """(hparams, seeds) of N replicas: name -> [N] values in the precision of the model, and [N]."""
    dtype = precision.dtype(configs[0].model.precision)
    hparams = {
        name: np.array([c.hparams[name] for c in configs], dtype) for name in configs[0].hparams
    }
    return hparams, np.array([c.seed for c in configs], np.uint32)


def like(group: Group) -> TrainState:
    """Shapes and dtypes of one replica's train state, as a checkpoint holds it."""
    stacked = jax.eval_shape(group.init, group.hparams, group.seeds)
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), stacked)


def put(group: Group, states: Sequence[TrainState]) -> TrainState:
    """Train states of single replicas on the host, stacked, padded and put on the mesh."""
    count = group.seeds.shape[0]
    filled = [*states, *[states[-1]] * (count - len(states))]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *filled)
    return TrainState(*(meshes.put(a, group.mesh, spec) for a, spec in zip(stacked, STATE)))


def replica(tree: Tree, number: int) -> Tree:
    """The part of one replica in a stacked pytree of the host."""
    return jax.tree.map(lambda a: a[number], tree)
