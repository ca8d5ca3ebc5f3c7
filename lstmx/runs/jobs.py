"""The plan for a list of configs: which runs are finished, and from which step the others go on.

All configs are checked before the first file is written.
"""

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import jax

from lstmx import config as cfg
from lstmx import experiment, machine, precision
from lstmx.runs import code, extend, folder, grouping, hosts, resume
from lstmx.runs import meta as described
from lstmx.runs.digests import Point
from lstmx.runs.files import locked
from lstmx.runs.grouping import Family
from lstmx.runs.origin import Start
from lstmx.runs.run import load
from lstmx.types import Params, TrainState


class Job(NamedTuple):
    """One group of replicas to train.

    Attributes:
        experiment: built from the static part that its configs share.
        configs: of all replicas. One that ended early keeps its place, so that the group that
            resumes is the group that was interrupted and computes the same numbers.
        paths: run directory of every replica.
        active: numbers of the replicas that are not finished.
        start: the step from which they go on; the newest that all of them have a checkpoint of.
        points: log points up to `start`, of each active replica.
        identities: id of every replica's run, which its checkpoints carry.
        narrow: the model of every replica as a part of the program; empty where it is all of it.
    """

    experiment: experiment.Experiment
    configs: list[cfg.ConfigDict]
    paths: list[Path]
    active: list[int]
    start: int
    points: list[list[Point]]
    identities: list[str]
    narrow: list[experiment.Narrow]

    def own(self, number: int, state: TrainState) -> TrainState:
        """The train state of a replica, on the host, in the size of its own model."""
        return self.narrow[number].cut(state) if self.narrow else state

    @property
    def title(self) -> str:
        """The cell and the number of replicas, for progress lines."""
        cell = self.configs[0].model.cell
        name = f"{cell.name} {cell.get('variant') or ''}".strip()
        return f"{name} x {len(self.configs)}" if len(self.configs) > 1 else name


class Plan(NamedTuple):
    """The jobs of one call of `train`.

    Attributes:
        jobs: the groups with unfinished runs.
        paths: run directory of every config, in their order.
        concurrent: number of groups that run at the same time, each on its share of the devices;
            1 for several processes, which must all run the same program.
        params: parameters to start from, in the first process; None without `init_from`.
        started: whether `init_from` is set, known in every process.
        remarks: lines for the user: what data were read as, what was damaged or is continued.
    """

    jobs: list[Job]
    paths: list[Path]
    concurrent: int
    params: Params | None
    started: bool
    remarks: list[str]


class Place(NamedTuple):
    """The directory and id of a run.

    Attributes:
        path: its directory.
        identity: its id, followed by the run that it starts from, if any.
    """

    path: Path
    identity: str


class Request(NamedTuple):
    """The arguments of `make`.

    Attributes:
        configs: one a run.
        labels: the readable part of each run's folder.
        workdir: the folder of all run directories.
        force: start runs over, also finished ones.
        command: the command line, for meta.json.
        about: further keys of meta.json.
    """

    configs: Sequence[cfg.ConfigDict]
    labels: Sequence[str]
    workdir: Path
    force: bool
    command: str
    about: Mapping[str, Any]


class _Settled(TypedDict):
    """What the first process decides, as plain JSON values."""

    places: list[tuple[str, str]]
    left: list[resume.Left]
    remarks: list[str]


def make(
    configs: Sequence[cfg.ConfigDict],
    workdir: Path,
    labels: Sequence[str],
    held: contextlib.ExitStack,
    *,
    force: bool,
    keep: bool = False,
    init_from: Path | str | None,
    command: str,
    programs: Sequence[int | None] | None = None,
    about: Mapping[str, Any] = {},
) -> Plan:
    """Check all configs, make their run directories, and find the unfinished runs.

    The first of several processes reads and writes files, and broadcasts the result.

    Args:
        configs: one a run.
        workdir: the folder of all run directories.
        labels: the readable part of each run's folder.
        held: receives the locks of all unfinished runs, before their state is read.
        force: start runs over, also finished ones.
        keep: accept runs whose code has changed, see `lstmx.runs.code`.
        init_from: another run whose best parameters replace the initial ones.
        command: the command line, for meta.json.
        programs: the hidden size of the program of each run; see `grouping.families`.
        about: further keys of meta.json.

    Raises:
        ValueError: an invalid config, or one that cannot fit into memory; a directory that holds
            another run, or that another process writes to.
        OSError: `workdir` cannot be written.
    """
    for config in configs:
        cfg.validate(config)
    families = grouping.families(configs, programs)
    if init_from is not None and any(family.narrow for family in families):
        raise ValueError("--init_from has the parameters of one width; expected no wider programs")
    for exp, members, _ in families:
        experiment.check_memory(exp, configs[members[0]], len(members))
    loaded: list[Params] = []  # filled in the first process only

    def settle() -> _Settled:
        if init_from is not None:
            loaded.append(load(machine.local_folder(init_from, "--init_from")).params)
        start = Start(init_from, loaded[0] if loaded else None)
        request = Request(configs, labels, workdir, force, command, about)
        places = _places(request, families, start)
        paths, identities = [p.path for p in places], [p.identity for p in places]
        if force:
            _clear([path for path in paths if path.exists()])
        remarks = code.check(paths, configs, keep=keep)
        remarks += _create(request, families, places, start, held)
        left = [resume.left(paths, configs, identities, members) for _, members, _ in families]
        remarks += [line for rest in left for line in rest.remarks]
        return {"places": [(str(p), i) for p, i in places], "left": left, "remarks": remarks}

    settled = hosts.agreed(settle)
    # After a broadcast the tuples are lists: JSON knows no others.
    places = [Place(Path(path), identity) for path, identity in settled["places"]]
    left = [resume.Left(*values) for values in settled["left"]]
    jobs = [
        Job(
            exp,
            [configs[m] for m in rest.members],
            [places[m].path for m in rest.members],
            rest.active,
            rest.start,
            rest.points,
            [places[m].identity for m in rest.members],
            [narrow[m] for m in rest.members] if narrow else [],
        )
        for (exp, _, narrow), rest in zip(families, left)
        if rest.active
    ]
    # Groups of one sweep read the same file: each sentence once.
    told = dict.fromkeys(line for job in jobs for line in job.experiment.task.spec.remarks)
    sizes = [len(family.members) for family in families]
    concurrent = grouping.concurrent(sizes, jax.device_count()) if jax.process_count() == 1 else 1
    return Plan(
        jobs,
        [place.path for place in places],
        concurrent,
        loaded[0] if loaded else None,
        init_from is not None,
        [*told, *settled["remarks"]],
    )


def _places(request: Request, families: Sequence[Family], start: Start) -> list[Place]:
    """The checked run directory of every config; writes nothing."""
    configs, places = request.configs, dict[int, Place]()
    for exp, members, _ in families:
        with precision.scope(configs[members[0]].model.precision):
            start.check(exp)
        files = described.files(exp)
        for m in members:
            path = folder.directory(request.workdir, configs[m], request.labels[m], files)
            if not request.force:
                folder.check(path, configs[m], start.origin, start.digest)
                described.check_learned(path, exp)
            identity = cfg.identity(configs[m], files)
            places[m] = Place(path, f"{identity} from {start.origin}" if start.origin else identity)
    first: dict[Path, int] = {}
    for m in range(len(configs)):
        if (same := first.setdefault(places[m].path, m)) != m:
            raise ValueError(f"configs {same} and {m} are one run, {places[m].path.name}")
    return [places[m] for m in range(len(configs))]


def _create(
    request: Request,
    families: Sequence[Family],
    places: Sequence[Place],
    start: Start,
    held: contextlib.ExitStack,
) -> list[str]:
    """Make the run directories, and lock the unfinished ones; returns remarks for the user."""
    configs, remarks = request.configs, []
    shorter = extend.Shorter()
    for exp, members, narrow in families:
        about = described.describe(exp, configs[members[0]], request.command, len(members))
        about |= {"init_from": start.origin, "init_digest": start.digest, **request.about}
        for m in members:
            path, identity = places[m]
            size = described.size(narrow[m].model if m in narrow else exp.model, configs[m])
            meta = {**about, **size, "label": request.labels[m], "identity": identity, "number": m}
            if not request.force and not path.exists():
                remarks += shorter.extend(path, configs[m], meta, exp)
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
            # DONE first: after a kill in between, a half-removed run must not count as finished.
            (path / "DONE").unlink(missing_ok=True)
            shutil.rmtree(path)
