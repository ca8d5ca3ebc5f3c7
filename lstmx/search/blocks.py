"""Blocks of trials: who takes which, and what becomes of those of a worker that was killed.

A block is trained in one call of `runs.train`: its trials are replicas where they share their
static part. Blocks are fixed when trials are added, so that a block that is taken over is the block
that was interrupted: its runs resume from their checkpoints, and compute the same numbers.

Waiting -> running is the one change that every storage does atomically. A killed worker's trial
goes back to waiting and is the same trial with the same number, so that every trial ends once.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from lstmx.search.alive import Worker
from lstmx.search.space import Choice
from lstmx.search.spec import Search, searched
from lstmx.search.storage import locked
from lstmx.search.study import Study


class Block(NamedTuple):
    """Trials that are trained together.

    Attributes:
        number: that of its first trial.
        trials: all of them, those that have ended too: the group that resumes is a whole one.
        own: numbers of those that this worker has to end.
        resumed: whether another worker began it.
    """

    number: int
    trials: list[FrozenTrial]
    own: list[int]
    resumed: bool


class Left(NamedTuple):
    """The trials of a study that have not ended.

    Attributes:
        waiting: number of trials that nobody has.
        running: number of trials that live workers have.
    """

    waiting: int
    running: int


def claim(study: Study, worker: Worker) -> tuple[Block | None, Left]:
    """The next block for a worker, and what is left; those that were interrupted come first."""
    with locked(study.folder):
        trials = study.optuna.get_trials(deepcopy=False)
        owners = {_owner(t) for t in trials if t.state == TrialState.RUNNING}
        living = {name for name in owners if worker.alive(name)}
        left = _left(trials, living)
        for block in sorted(_open(trials, living), key=lambda b: (not b.resumed, b.number)):
            own = [n for n in block.own if _take(study, n, worker)]
            if not own:
                continue
            taken = study.optuna.get_trials(deepcopy=False)
            numbers = [t.number for t in block.trials]
            return block._replace(trials=[taken[n] for n in numbers], own=own), left
    return None, left


def release(study: Study, block: Block) -> None:
    """Put the trials that a worker leaves unfinished back among the waiting ones."""
    with locked(study.folder):
        trials = study.optuna.get_trials(deepcopy=False)
        for number in block.own:
            if trials[number].state == TrialState.RUNNING:
                study.storage.set_trial_state_values(study.trial_id(number), TrialState.WAITING)


def _open(trials: list[FrozenTrial], living: set[str | None]) -> Iterator[Block]:
    """The blocks that have trials to do, and none of a live worker."""
    members: dict[int, list[FrozenTrial]] = {}
    for trial in trials:
        members.setdefault(trial.user_attrs["block"], []).append(trial)
    for number, block in members.items():
        todo = [t for t in block if not t.state.is_finished()]
        busy = any(_owner(t) in living for t in todo if t.state == TrialState.RUNNING)
        if todo and not busy:
            begun = any("worker" in t.user_attrs for t in block)
            yield Block(number, block, [t.number for t in todo], begun)


def _left(trials: list[FrozenTrial], living: set[str | None]) -> Left:
    todo = [t for t in trials if not t.state.is_finished()]
    running = sum(t.state == TrialState.RUNNING and _owner(t) in living for t in todo)
    return Left(len(todo) - running, running)


def _owner(trial: FrozenTrial) -> str | None:
    name: str | None = trial.user_attrs.get("worker")
    return name


def _take(study: Study, number: int, worker: Worker) -> bool:
    """Make a trial this worker's, with its point; False where another worker was faster."""
    trial_id, storage = study.trial_id(number), study.storage
    try:
        if storage.get_trial(trial_id).state == TrialState.RUNNING:
            storage.set_trial_state_values(trial_id, TrialState.WAITING)
        if not storage.set_trial_state_values(trial_id, TrialState.RUNNING):
            return False
    except optuna.exceptions.UpdateFinishedTrialError:
        return False
    storage.set_trial_user_attr(trial_id, "worker", worker.name)
    if study.search.sampler == "tpe":
        _suggest(study, number, trial_id)
    return True


def _suggest(study: Study, number: int, trial_id: int) -> None:
    """Let TPE choose the point of a trial, except for what it has chosen before a kill."""
    # Trials that run count as bad ones, so that those of a block differ.
    seed = int(np.random.default_rng([study.search.seed, number]).integers(2**31))
    study.optuna.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    trial = optuna.trial.Trial(study.optuna, trial_id)
    suggest(trial, study.search)


def suggest(trial: optuna.trial.Trial, search: Search) -> None:
    """Ask for the searched value of every axis."""
    for key, axis in searched(search).items():
        if isinstance(axis, Choice):
            trial.suggest_categorical(key, axis.names)
        elif axis.whole:
            trial.suggest_int(key, int(axis.low), int(axis.high), log=axis.log)
        else:
            trial.suggest_float(key, axis.low, axis.high, log=axis.log)
