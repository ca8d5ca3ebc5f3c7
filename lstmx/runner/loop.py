"""The loop around the pure functions: chunk, log, evaluate, checkpoint, resume.

Running the same configs again resumes what was interrupted and skips what is finished. Metrics are
written before the checkpoint of their step, and those after the checkpoint are dropped on resuming,
so that a killed run ends with the same files as one that was never killed.
"""

import contextlib
import fcntl
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from lstmx import checkpoint, experiment, runs, sweep
from lstmx import config as cfg
from lstmx.runner import group as groups
from lstmx.runner import record
from lstmx.runner.follow import Followed
from lstmx.runner.progress import Progress
from lstmx.types import TrainState


class Planned(NamedTuple):
    """One run that is to be done: its config, its directory and the step from which it goes on."""

    config: Any
    path: Path
    start: int


def run(
    configs: Sequence[Any],
    workdir: Path | str,
    *,
    labels: Sequence[str] | None = None,
    force: bool = False,
    init_from: Path | str | None = None,
    profile: bool = False,
    command: str = "",
    quiet: bool = False,
) -> list[Path]:
    """Do all runs, group by group; returns their directories in the order of `configs`.

    Everything that can be wrong with a config is found before the first file is written.

    Args:
        labels: the readable part of each run's folder; "seed=<seed>" if None.
        force: start runs over, also finished ones.
        init_from: another run whose best parameters replace the initial ones.
        profile: write a profiler trace of one chunk into the first run's folder.
        command: the command line, for the record.
        quiet: tell the log file only.

    Raises:
        ValueError: a config that is refused; a directory that holds another run.
        OSError: `workdir` cannot be written.
    """
    workdir = Path(workdir).absolute()
    labels = labels or [f"seed={c.seed}" for c in configs]
    for config in configs:
        cfg.validate(config)
    built = [(experiment.build(configs[m[0]]), m) for m in sweep.groups(configs)]
    start_params = None if init_from is None else runs.load(init_from).params
    paths: dict[int, Path] = {}
    for exp, members in built:
        _check_start(exp, start_params, init_from)
        files = record.files(exp)
        for m in members:
            paths[m] = runs.directory(workdir, configs[m], labels[m], files)
            if not force:
                runs.check(paths[m], configs[m])
    todo: list[tuple[experiment.Experiment, list[Planned]]] = []
    for exp, members in built:
        meta = record.describe(exp, configs[members[0]], command, len(members))
        meta["init_from"] = None if init_from is None else str(init_from)
        planned = []
        for m in members:
            if force and paths[m].exists():
                shutil.rmtree(paths[m])
            runs.create(paths[m], configs[m], {**meta, "label": labels[m]})
            if not (paths[m] / "DONE").exists():
                saved = checkpoint.steps(paths[m] / "checkpoints")
                planned.append(Planned(configs[m], paths[m], saved[-1] if saved else 0))
        for start in sorted({p.start for p in planned}):
            todo.append((exp, [p for p in planned if p.start == start]))
    total = sum(p.config.steps - p.start for _, group in todo for p in group)
    log = workdir / f"{configs[0].name or 'run'}.log"
    with Progress(total, log, quiet) as progress:
        finished = len(configs) - sum(len(group) for _, group in todo)
        if finished:
            progress.say(f"{finished} of {len(configs)} runs are finished already: skipped")
        for number, (exp, group) in enumerate(todo):
            title = f"[{number + 1}/{len(todo)}] {_title(group)}"
            with contextlib.ExitStack() as locks:
                for member in group:
                    locks.enter_context(_locked(member.path))
                _run_group(exp, group, progress, title, start_params, profile and not number)
    return [paths[m] for m in range(len(configs))]


def _run_group(
    exp: experiment.Experiment,
    members: Sequence[Planned],
    progress: Progress,
    title: str,
    start_params: Any,
    profile: bool,
) -> None:
    """Do a group of runs that share one compilation and start at the same step."""
    config, step = members[0].config, members[0].start
    group = groups.make(exp, [m.config for m in members])
    state = _start_state(group, members, start_params)
    followed = [Followed(m.path, m.config, exp, m.start) for m in members]
    progress.say(f"{title}: {'resuming at step ' + str(step) if step else 'compiling'}")
    chunks = 0
    began = time.monotonic()
    while step < config.steps and any(f.reason is None for f in followed):
        tracing = profile and chunks == 1
        with _traced(members[0].path) if tracing else contextlib.nullcontext():
            state, stacked = group.chunk(state, group.hparams, group.seeds)
            stacked = jax.device_get(stacked)
        chunks += 1
        step += config.log_every
        last = step >= config.steps
        evaluated = {}
        if step % config.eval_every == 0 or last:
            evaluated = jax.device_get(group.evaluate(state.params, group.seeds))
        seconds = (time.monotonic() - began) / len(members)
        for number, run_followed in enumerate(followed):
            run_followed.note(
                step,
                seconds,
                groups.replica(stacked, number),
                groups.replica(evaluated, number),
            )
        every = config.checkpoint_every or config.eval_every
        if step % every == 0 or last or all(f.reason for f in followed):
            host = jax.device_get(state)
            for number, run_followed in enumerate(followed):
                run_followed.save(step, groups.replica(host, number))
        progress.advance(
            config.log_every * len(members), f"{title} {step}/{config.steps}", _headline(followed)
        )
    for run_followed in followed:
        run_followed.finish(step)
    progress.skip((config.steps - step) * len(members))
    headline = "  ".join(f"{k} {v:.4g}" for k, v in _headline(followed).items())
    progress.say(f"{title}: done in {time.monotonic() - began:.1f} s  {headline}")


def _start_state(group: groups.Group, members: Sequence[Planned], start_params: Any) -> TrainState:
    """Initial or restored train state of all replicas."""
    if members[0].start:
        like = groups.like(group)
        restored = [
            TrainState(**checkpoint.restore(m.path / "checkpoints", m.start, like._asdict()))
            for m in members
        ]
        return groups.put(group, restored)
    state = group.init(group.hparams, group.seeds)
    if start_params is None:
        return state
    hosts = jax.device_get(state)
    return groups.put(
        group,
        [groups.replica(hosts, n)._replace(params=start_params) for n in range(len(members))],
    )


def _check_start(exp: experiment.Experiment, start: Any, init_from: Any) -> None:
    """Parameters to start from must have the names and shapes of the model's own."""
    if start is None:
        return
    own = jax.eval_shape(exp.model.init, jax.random.key(0))
    shapes = [
        {jax.tree_util.keystr(k): v.shape for k, v in jax.tree_util.tree_leaves_with_path(t)}
        for t in (own, start)
    ]
    differing = cfg.difference(*shapes)
    if differing:
        key, (want, have) = next(iter(differing.items()))
        raise ValueError(
            f"--init_from={init_from}: its parameters do not fit this model: {key} is {have} "
            f"there and {want} here"
        )


def _headline(followed: Sequence[Followed]) -> dict[str, float]:
    """Mean loss and selection metric over the runs of a group."""
    numbers = {}
    for name, label in (("train/loss", "loss"), (followed[0].selection, followed[0].selection)):
        last = [
            next((p[name] for p in reversed(f.points) if name in p), math.nan) for f in followed
        ]
        numbers[label] = float(np.mean(last))
    return numbers


def _title(members: Sequence[Planned]) -> str:
    cell = members[0].config.model.cell
    name = f"{cell.name} {cell.get('variant') or ''}".strip()
    return f"{name} x {len(members)}" if len(members) > 1 else name


@contextlib.contextmanager
def _traced(path: Path) -> Iterator[None]:
    with jax.profiler.trace(str(path / "profile")):
        yield


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep a run for this process; the lock goes with the process, however that ends."""
    with (path / "LOCK").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{path} is being written by another process; wait for it or choose another "
                "--workdir"
            ) from None
        yield
