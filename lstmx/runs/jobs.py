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

from lstmx import config as cfg
from lstmx import experiment, machine, precision, sweep
from lstmx.runs import extend, folder, hosts, resume
from lstmx.runs import meta as described
from lstmx.runs.files import locked
from lstmx.runs.run import load

Group = tuple[experiment.Experiment, Sequence[int]]
"""An experiment and the numbers of the configs that share it."""


class Job(NamedTuple):
    """One group of replicas that is to be trained.

    Attributes:
        experiment: what its configs have in common, made callable.
        configs: of all replicas. One that ended early keeps its place, so that the group that
            resumes is the group that was interrupted and computes the same numbers.
        paths: run directory of every replica.
        active: numbers of the replicas that are to go on.
        start: the step from which they go on; the newest that all of them have a checkpoint of.
        points: log points up to `start`, of each active replica.
        identities: id of every replica's run, which its checkpoints carry.
    """

    experiment: experiment.Experiment
    configs: list[Any]
    paths: list[Path]
    active: list[int]
    start: int
    points: list[list[dict[str, Any]]]
    identities: list[str]

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
        remarks: lines for the user: what was damaged or is continued.
    """

    jobs: list[Job]
    paths: list[Path]
    lanes: int
    params: Any
    started: bool
    remarks: list[str]


class Place(NamedTuple):
    """Where a run belongs.

    Attributes:
        path: its directory.
        identity: its id, and where it started from if not from its own initial values.
    """

    path: Path
    identity: str


class Request(NamedTuple):
    """What was asked for.

    Attributes:
        configs: one a run.
        labels: the readable part of each run's folder.
        workdir: where the run directories belong.
        force: start runs over, also finished ones.
        command: the command line, for the record.
    """

    configs: Sequence[Any]
    labels: Sequence[str]
    workdir: Path
    force: bool
    command: str


class Start(NamedTuple):
    """What runs start from.

    Attributes:
        argument: the directory of the other run as given; None for a run's own initial values.
        params: its parameters.
    """

    argument: Path | str | None
    params: Any

    @property
    def origin(self) -> str | None:
        """The other run by its own name: where it is kept may change, what it is does not."""
        if self.argument is None:
            return None
        return "/".join(Path(self.argument).absolute().parts[-2:])


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
        ValueError: a config that is refused, or cannot fit into memory; a directory that holds
            another run, or that another process writes to.
        OSError: `workdir` cannot be written.
    """
    for config in configs:
        cfg.validate(config)
    groups = [(experiment.build(configs[m[0]]), m) for m in sweep.groups(configs)]
    for exp, members in groups:
        experiment.check_memory(exp, configs[members[0]], len(members))
    params: list[Any] = []

    def settle() -> dict[str, Any]:
        if init_from is not None:
            params.append(load(machine.local_folder(init_from, "--init_from")).params)
        start = Start(init_from, params[0] if params else None)
        request = Request(configs, labels, workdir, force, command)
        places = _places(request, groups, start)
        if force:
            _clear([place.path for place in places if place.path.exists()])
        remarks = _create(request, groups, places, start, held)
        paths, identities = [p.path for p in places], [p.identity for p in places]
        left = [resume.left(paths, configs, identities, members) for _, members in groups]
        remarks += [line for rest in left for line in rest.remarks]
        plain = [(str(path), identity) for path, identity in places]
        return {"places": plain, "left": left, "remarks": remarks}

    agreed = hosts.agreed(settle)
    places = [Place(Path(path), identity) for path, identity in agreed["places"]]
    left = [resume.Left(*values) for values in agreed["left"]]
    jobs = [
        Job(
            exp,
            [configs[m] for m in rest.kept],
            [places[m].path for m in rest.kept],
            rest.active,
            rest.start,
            rest.points,
            [places[m].identity for m in rest.kept],
        )
        for (exp, _), rest in zip(groups, left)
        if rest.active
    ]
    sizes = [len(members) for _, members in groups]
    lanes = _lanes(sizes, jax.device_count()) if jax.process_count() == 1 else 1
    return Plan(
        jobs,
        [place.path for place in places],
        lanes,
        params[0] if params else None,
        init_from is not None,
        agreed["remarks"],
    )


def _places(request: Request, groups: Sequence[Group], start: Start) -> list[Place]:
    """The run directory of every config, checked; writes nothing."""
    configs = request.configs
    places: dict[int, Place] = {}
    for exp, members in groups:
        with precision.scope(configs[members[0]].model.precision):
            _check_start(exp, start.params, start.argument)
        files = described.files(exp)
        for m in members:
            path = folder.directory(request.workdir, configs[m], request.labels[m], files)
            if not request.force:
                folder.check(path, configs[m], start.origin)
            identity = cfg.identity(configs[m], files)
            places[m] = Place(path, f"{identity} from {start.origin}" if start.origin else identity)
    return [places[m] for m in range(len(configs))]


def _create(
    request: Request,
    groups: Sequence[Group],
    places: Sequence[Place],
    start: Start,
    held: contextlib.ExitStack,
) -> list[str]:
    """Make the run directories, and lock those that are not finished; returns remarks."""
    configs, remarks = request.configs, []
    shorter = extend.Shorter()
    for exp, members in groups:
        about = described.describe(exp, configs[members[0]], request.command, len(members))
        about["init_from"] = start.origin
        for m in members:
            path, identity = places[m]
            meta = {**about, "label": request.labels[m], "identity": identity}
            if not request.force and not path.exists():
                remarks += shorter.extend(path, configs[m], meta, exp.maximize)
            remarks += folder.create(path, configs[m], meta)
            if resume.finished(path, configs[m].steps) is None:
                held.enter_context(locked(path))
    return remarks


def _clear(paths: Sequence[Path]) -> None:
    """Remove run directories: all of them, or none where a process still writes to one."""
    with contextlib.ExitStack() as locks:
        for path in paths:
            locks.enter_context(locked(path))
        for path in paths:
            (path / "DONE").unlink(missing_ok=True)  # first: a kill in between leaves no such claim
            shutil.rmtree(path)


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
