"""The train state with which a group begins: initial, restored, or with given parameters."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from lstmx import experiment, precision
from lstmx.parallel import mesh
from lstmx.runs import checkpoint, hosts, initial, jobs
from lstmx.runs import group as groups
from lstmx.types import Params, TrainState


def state(job: jobs.Job, group: groups.Group, todo: jobs.Plan) -> TrainState:
    """The initial or restored train state of all replicas, on the mesh."""
    count = len(job.configs)
    if job.start:
        like = groups.like(group)
        own = {n: job.narrow[n].like if job.narrow else like for n in job.active}
        restored = {n: hosts.same(_restored(job, n, own[n]), own[n]) for n in job.active}
        if job.narrow:
            restored = {n: job.narrow[n].widen(one, like) for n, one in restored.items()}
        # A replica that ended early fills its place in the program, and nothing reads its results:
        # it computes with the state of the first active one.
        filler = restored[job.active[0]]
        return groups.put(group, [restored.get(n, filler) for n in range(count)])
    paths = [job.paths[n] for n in job.active]
    if job.narrow:
        initial.note(paths, 1)
        return _narrow(job, group)
    initial.note(paths, group.on_device)
    begun = group.init(group.hparams, group.seeds)
    if not todo.started:
        return begun
    host = mesh.fetch(begun)
    mode = job.configs[0].model.precision
    params = hosts.same(precision.cast(mode, todo.params), groups.replica(host.params, 0))
    started = [groups.replica(host, n)._replace(params=params) for n in range(count)]
    return groups.put(group, started)


def _narrow(job: jobs.Job, group: groups.Group) -> TrainState:
    """The initial state of runs in a wider program, their parameters as in their own program.

    Initializers depend on shapes, such as an orthogonal matrix of the narrow size, so that every
    width has a program of its own for them.
    """
    like = groups.like(group).params
    wide: dict[int, Mapping[str, Any]] = {}
    members: dict[experiment.Narrow, list[int]] = {}
    for n, one in enumerate(job.narrow):
        members.setdefault(one, []).append(n)
    for one, numbers in members.items():
        found = groups.initial(one.model, [job.configs[n] for n in numbers], 1)
        wide |= {n: one.widen_params(p, like) for n, p in zip(numbers, found)}
    filled = [wide[min(n, len(wide) - 1)] for n in range(group.seeds.shape[0])]
    params: Params = jax.tree.map(lambda *leaves: np.stack(leaves), *filled)
    return group.start(group.hparams, mesh.put(params, group.mesh, groups.ONE))


def _restored(job: jobs.Job, number: int, like: TrainState) -> TrainState | None:
    """The train state in the checkpoint at `job.start`; None in a process that reads no files."""
    if not mesh.is_main_process():
        return None
    folder = job.paths[number] / "checkpoints"
    tree = checkpoint.restore(folder, job.start, like._asdict(), run=job.identities[number])
    return TrainState(**tree)
