"""What is to be done for a list of configs: which runs are finished, where the others go on.

Everything that can be wrong is found before the first file is written.
"""

import contextlib
import heapq
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from lstmx import checkpoint, experiment, precision, runs, sweep
from lstmx import config as cfg
from lstmx.runner import hosts, record


class Job(NamedTuple):
    """One group of replicas that is to be trained.

    Attributes:
        experiment: what its configs have in common, made callable.
        configs: of all replicas. One that ended early keeps its place, so that the group that
            resumes is the group that was interrupted and computes the same numbers.
        paths: run directory of every replica.
        active: numbers of the replicas that are to go on.
        start: the step from which they go on; the newest that all of them have a checkpoint of.
    """

    experiment: experiment.Experiment
    configs: list[Any]
    paths: list[Path]
    active: list[int]
    start: int

    @property
    def title(self) -> str:
        """The cell and the number of replicas, for people."""
        cell = self.configs[0].model.cell
        name = f"{cell.name} {cell.get('variant') or ''}".strip()
        return f"{name} x {len(self.configs)}" if len(self.configs) > 1 else name


class Plan(NamedTuple):
    """All that is to be done.

    Attributes:
        jobs: groups with something left to do.
        paths: run directory of every config, in their order.
        lanes: how many groups run at the same time, each on devices of its own; 1 for several
            processes, which must all run the same program.
        params: parameters to start from, in the first process; None where there are none.
        started: whether there are such parameters.
    """

    jobs: list[Job]
    paths: list[Path]
    lanes: int
    params: Any
    started: bool


def make(
    configs: Sequence[Any],
    workdir: Path,
    labels: Sequence[str],
    held: contextlib.ExitStack,
    *,
    force: bool,
    init_from: Path | str | None,
    command: str,
) -> Plan:
    """Check all configs, make their run directories, and see what is left to do.

    Of several processes the first does so, and tells the others.

    Args:
        held: takes the locks of all runs that are not finished, before their state is read.

    Raises:
        ValueError: a config that is refused; a directory that holds another run, or that another
            process writes to.
        OSError: `workdir` cannot be written.
    """
    for config in configs:
        cfg.validate(config)
    groups = [(experiment.build(configs[m[0]]), m) for m in sweep.groups(configs)]
    params: list[Any] = []

    def settle() -> dict[str, Any]:
        if init_from is not None:
            params.append(runs.load(init_from).params)
        paths = _directories(
            groups, configs, workdir, labels, held, force, init_from, command, *params
        )
        jobs = [_left(configs, paths, members) for _, members in groups]
        return {"paths": list(map(str, paths)), "jobs": jobs}

    told = hosts.agreed(settle)
    paths = list(map(Path, told["paths"]))
    jobs = [
        Job(exp, [configs[m] for m in kept], [paths[m] for m in kept], active, start)
        for (exp, _), (kept, active, start) in zip(groups, told["jobs"])
        if active
    ]
    sizes = [len(members) for _, members in groups]
    lanes = _lanes(sizes, jax.device_count()) if jax.process_count() == 1 else 1
    return Plan(jobs, paths, lanes, params[0] if params else None, init_from is not None)


def _directories(
    groups: Sequence[tuple[experiment.Experiment, Sequence[int]]],
    configs: Sequence[Any],
    workdir: Path,
    labels: Sequence[str],
    held: contextlib.ExitStack,
    force: bool,
    init_from: Path | str | None,
    command: str,
    params: Any = None,
) -> list[Path]:
    """Check and make the run directory of every config, and lock those that are not finished."""
    # By its own name: where the other run lies may change, what it is does not.
    origin = None if init_from is None else "/".join(Path(init_from).absolute().parts[-2:])
    paths = [Path()] * len(configs)
    for exp, members in groups:
        with precision.scope(configs[members[0]].model.precision):
            _check_start(exp, params, init_from)
        files = record.files(exp)
        for m in members:
            paths[m] = runs.directory(workdir, configs[m], labels[m], files)
            if not force:
                runs.check(paths[m], configs[m], origin)
    if force:
        _clear([path for path in paths if path.exists()])
    for exp, members in groups:
        meta = record.describe(exp, configs[members[0]], command, len(members))
        meta["init_from"] = origin
        for m in members:
            runs.create(paths[m], configs[m], {**meta, "label": labels[m]})
            if not (paths[m] / "DONE").exists():
                held.enter_context(runs.locked(paths[m]))
    return paths


def _clear(paths: Sequence[Path]) -> None:
    """Remove run directories: all of them, or none where a process still writes to one."""
    with contextlib.ExitStack() as locks:
        for path in paths:
            locks.enter_context(runs.locked(path))
        for path in paths:
            (path / "DONE").unlink(missing_ok=True)  # first: a kill in between leaves no such claim
            shutil.rmtree(path)


def _left(
    configs: Sequence[Any], paths: Sequence[Path], members: Sequence[int]
) -> tuple[list[int], list[int], int]:
    """What is left of a group: the replicas it has, which of these go on, and from which step."""
    done = {m: runs.load(paths[m]).done for m in members}
    kept = [m for m, d in done.items() if d is None or d["step"] < configs[m].steps]
    active = [n for n, m in enumerate(kept) if done[m] is None]
    newest = [max(checkpoint.steps(paths[kept[n]] / "checkpoints"), default=0) for n in active]
    return kept, active, min(newest, default=0)


def _lanes(replicas: Sequence[int], devices: int) -> int:
    """How many groups to run at once: as many as devices if that takes no more rounds of replicas.

    One group after the other over all devices pads 3 replicas to 4 on two of them, and compiles
    while the others wait. Side by side, a lane that gets the longest work ends last.
    """
    in_turn = sum(math.ceil(n / devices) for n in replicas)
    lanes = [0] * devices
    for n in replicas:
        heapq.heapreplace(lanes, lanes[0] + n)
    return devices if max(lanes) <= in_turn and len(replicas) > 1 else 1


def _check_start(exp: experiment.Experiment, start: Any, init_from: Any) -> None:
    """Parameters to start from must have the names and shapes of the model's own."""
    if start is None:
        return
    own = jax.eval_shape(exp.model.init, jax.random.key(0))
    want, have = (
        {jax.tree_util.keystr(k): v.shape for k, v in jax.tree_util.tree_leaves_with_path(t)}
        for t in (own, start)
    )
    for key in sorted({*want, *have}):
        if want.get(key) != have.get(key):
            raise ValueError(
                f"--init_from={init_from}: its parameters do not fit this model: {key} is "
                f"{have.get(key)} there and {want.get(key)} here"
            )
