"""The training loop around the pure functions: chunk, log, evaluate, checkpoint, resume.

Training the same configs again resumes interrupted runs and skips finished ones. Metrics are
written before the checkpoint of their step, and those after the checkpoint are dropped on resuming,
so that a killed run ends with the same files as one that was never killed.
"""

import contextlib
import math
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from lstmx import machine, precision, tables
from lstmx.config import ConfigDict
from lstmx.data import fetch
from lstmx.interrupt import Interrupt
from lstmx.parallel import mesh
from lstmx.runs import group as groups
from lstmx.runs import hosts, jobs, start, watchdog
from lstmx.runs.follow import Followed, Watch
from lstmx.runs.progress import Progress


def train(
    configs: Sequence[ConfigDict],
    workdir: Path | str,
    *,
    labels: Sequence[str] | None = None,
    force: bool = False,
    keep: bool = False,
    init_from: Path | str | None = None,
    profile: bool = False,
    command: str = "",
    quiet: bool = False,
    interrupt: Interrupt | None = None,
    watch: Watch | Sequence[Watch | None] | None = None,
    programs: Sequence[int | None] | None = None,
    about: Mapping[str, Any] = {},
) -> list[Path]:
    """Train all runs; returns their directories in the order of `configs`.

    Configs that differ in `hparams` and `seed` only are one group: one compilation, one axis of
    replicas. Where it takes no longer, groups run concurrently, each on one device.
    All configs are checked before the first file is written.

    Of several processes (`lstmx.parallel.mesh.connect`) each calls this with the same arguments;
    the first reads and writes all files, and only it needs `workdir`.

    Args:
        configs: one a run.
        workdir: the folder of all run directories.
        labels: the readable part of each run's folder; "seed=<seed>" if None.
        force: start runs over, also finished ones.
        keep: leave finished runs and resume others although modules of the user that they name
            have changed since they were started, which else is an error.
        init_from: another run whose best parameters replace the initial ones.
        profile: write a profiler trace of one chunk into the first run's folder.
        command: the command line, for meta.json.
        quiet: write progress to the log file only.
        interrupt: once it is requested, all groups save their state and end.
        watch: (log point) -> None, or a reason to end the run there; it then saves, and DONE has
            the reason. One for all runs, or one for each.
        programs: a hidden size for each run, at least its own, or None for its own: runs that
            differ in theirs train in one program of that size, in which the units that a run does
            not have are masked. Files of a run are those of its own size.
        about: further keys of meta.json.

    Raises:
        KeyboardInterrupt: the interrupt was requested; the same call resumes.
        ValueError: an invalid config; a directory that holds another run, or one of other code
            (see `keep`); a cell that mixes its
            units, so that they cannot be masked.
        OSError: `workdir` cannot be written.
        ConnectionError: another process ended.
    """
    workdir = machine.local_folder(workdir, "--workdir").absolute()
    labels = labels or [f"seed={c.seed}" for c in configs]
    interrupt = interrupt or Interrupt()
    watches = list(watch) if isinstance(watch, Sequence) else [watch] * len(configs)
    if len(watches) != len(configs):
        raise ValueError(f"got {len(watches)} watches for {len(configs)} configs; expected as many")
    own = dict.fromkeys(workdir / (config.name or "run") for config in configs)
    with contextlib.ExitStack() as held, fetch.beside(*own):
        todo = jobs.make(
            configs,
            workdir,
            labels,
            held,
            force=force,
            keep=keep,
            init_from=init_from,
            command=command,
            programs=programs,
            about=about,
        )
        watching = dict(zip(todo.paths, watches))
        main = mesh.is_main_process()
        log = workdir / f"{configs[0].name or 'run'}.log" if main else Path(os.devnull)
        total = sum((job.configs[0].steps - job.start) * len(job.active) for job in todo.jobs)
        with Progress(total, log, quiet or not main, todo.concurrent) as progress:
            finished = len(configs) - sum(len(job.active) for job in todo.jobs)
            for remark in todo.remarks:
                progress.say(remark)
            if finished:
                progress.say(f"{finished} of {len(configs)} runs are finished already: skipped")
            try:
                with watchdog.watched(progress, log.with_suffix(".stacks")):
                    _work_off(_Session(todo, progress, interrupt, watching, profile and main))
            except (ValueError, jax.errors.JaxRuntimeError) as error:
                if jax.process_count() == 1:
                    raise
                # A collective that another process left raises one of many errors here.
                reason = str(error).strip().splitlines()[0]
                raise ConnectionError(
                    f"stopped, as another process seems to have ended ({reason}); the same command "
                    "resumes once all of them run again"
                ) from error
    if interrupt.requested:
        raise KeyboardInterrupt
    return todo.paths


class _Session(NamedTuple):
    """What all groups of one call of `train` share.

    Attributes:
        todo: the plan with their jobs.
        progress: counts their steps and prints lines.
        interrupt: once requested, all groups save and end.
        watching: run directory -> its watch function, or None.
        profile: whether to trace the first job.
    """

    todo: jobs.Plan
    progress: Progress
    interrupt: Interrupt
    watching: Mapping[Path, Watch | None]
    profile: bool


def _work_off(session: _Session) -> None:
    """Run all jobs, `todo.concurrent` of them at a time, each on an equal share of the devices."""
    todo, interrupt = session.todo, session.interrupt
    share = jax.device_count() // todo.concurrent
    free = [jax.devices()[n * share : (n + 1) * share] for n in range(todo.concurrent)]

    def work(number: int, job: jobs.Job) -> None:
        devices = free.pop()  # never empty: there are as many shares as threads
        title = f"[{number + 1}/{len(todo.jobs)}] {job.title}"
        try:
            if not interrupt.requested:
                with precision.scope(job.configs[0].model.precision):
                    _train(job, devices, title, session, session.profile and not number)
        finally:
            free.append(devices)

    if todo.concurrent == 1:
        for number, job in enumerate(todo.jobs):
            work(number, job)
        return
    with ThreadPoolExecutor(todo.concurrent) as pool:
        try:
            waiting = [pool.submit(work, number, job) for number, job in enumerate(todo.jobs)]
            for ended in as_completed(waiting):
                ended.result()
        except BaseException:
            interrupt.request()  # the others save and end too
            raise


def _train(
    job: jobs.Job, devices: Sequence[jax.Device], title: str, session: _Session, profile: bool
) -> None:
    """Train one group to its end, or until an interrupt is requested.

    Args:
        job: the group.
        devices: those of this group's mesh.
        title: of the group, for progress lines.
        session: what it shares with the other groups.
        profile: trace the second chunk, or the only one: the first compiles.
    """
    todo, progress, interrupt, watching, _ = session
    config, step = job.configs[0], job.start
    group = groups.make(job.experiment, job.configs, devices)
    state = start.state(job, group, todo)
    with contextlib.ExitStack() as opened:
        followed = _follow(job, opened, watching)
        progress.say(f"{title}: {'resuming at step ' + str(step) if step else 'compiling'}")
        began = time.monotonic()
        compiled: set[int | str] = set()  # phases, and "evaluate"
        chunks, num_chunks = 0, (config.steps - step) // config.log_every
        # Several processes compute in collectives, so that none may end at once on an interrupt:
        # the group always counts as unsaved there, until all agree on the step to stop at.
        together = jax.process_count() > 1
        interrupt.mark(title, together)
        stopping = False
        while step < config.steps and not stopping:
            if not any(member.reason is None for member in followed.values()):
                break
            needed: set[int | str] = {job.experiment.phase(step)}
            started = time.monotonic()
            tracing = profile and chunks == min(1, num_chunks - 1)
            place = str(job.paths[0] / "profile")
            with jax.profiler.trace(place) if tracing else contextlib.nullcontext():
                chunk = group.chunks[job.experiment.phase(step)]
                state, stacked = chunk(state, group.hparams, group.seeds)
                stacked = mesh.fetch(stacked)
            chunks += 1
            step += config.log_every
            last = step >= config.steps
            regular = step % config.eval_every == 0 or last
            # A run that stops is evaluated where it stops. The program evaluates all replicas, but
            # only those runs log the result: each must log the same as if it ran alone.
            due_eval = [
                n
                for n, member in followed.items()
                if regular or member.stops_after(groups.replica(stacked, n))
            ]
            evaluated = mesh.fetch(group.evaluate(state.params, group.seeds)) if due_eval else {}
            needed |= {"evaluate"} if due_eval else set()
            seconds = (time.monotonic() - began) / len(followed)
            interrupt.mark(title, True)
            for n, member in followed.items():
                metrics = groups.replica(evaluated, n) if n in due_eval else {}
                member.note(step, seconds, groups.replica(stacked, n), metrics)
            stopping = hosts.anywhere(interrupt.requested)
            due = last or step % (config.checkpoint_every or config.eval_every) == 0
            # A run that ends early saves its last state, except where that has diverged.
            to_save = [
                n
                for n, m in followed.items()
                if not m.closed and (m.reason != "diverged" if m.reason else due or stopping)
            ]
            if to_save:
                host = mesh.fetch(state)
            for n in to_save:
                interim = not due and (followed[n].reason is None or n not in due_eval)
                followed[n].save(step, job.own(n, groups.replica(host, n)), interim=interim)
            for member in followed.values():
                if member.reason:
                    member.finish()
            interrupt.mark(title, together or stopping or not due)
            done = config.log_every * len(followed)
            took = time.monotonic() - started if needed <= compiled and not tracing else None
            compiled |= needed
            place = f"{title} {step}/{config.steps}"
            progress.advance(done, place, _headline(followed), took)
        ended = step >= config.steps or all(m.reason for m in followed.values())
        if ended:
            for member in followed.values():
                member.finish()
            progress.skip((config.steps - step) * len(followed))
    interrupt.mark(title, False)  # all files are closed
    numbers = _headline(followed).items()
    headline = "  ".join(f"{k} {tables.brief(v, none='nan')}" for k, v in numbers)
    outcome = (
        f"done in {time.monotonic() - began:.1f} s" if ended else f"stopped and saved at {step}"
    )
    progress.say(f"{title}: {outcome}  {headline}")


def _follow(
    job: jobs.Job, opened: contextlib.ExitStack, watching: Mapping[Path, Watch | None]
) -> dict[int, Followed]:
    """Replica number -> active run of a group; `opened` closes their files."""
    followed = {}
    for n, points in zip(job.active, job.points):
        path, config, identity = job.paths[n], job.configs[n], job.identities[n]
        member = Followed(
            path, config, job.experiment, job.start, points, identity, watching.get(path)
        )
        followed[n] = opened.enter_context(contextlib.closing(member))
    return followed


def _headline(followed: dict[int, Followed]) -> dict[str, float]:
    """Mean loss and selection metric over the runs of a group that are finite.

    Without what none has logged yet: before the first evaluation nan would read as divergence.
    """
    members = list(followed.values())
    numbers = {}
    selected = members[0].by.metric
    for name, label in (("train/loss", "loss"), (selected, selected)):
        newest = (islice((p[name] for p in reversed(m.points) if name in p), 1) for m in members)
        logged = [math.nan if value is None else value for value in chain(*newest)]
        if logged:
            numbers[label] = float(np.mean(list(filter(math.isfinite, logged)) or logged))
    return numbers
