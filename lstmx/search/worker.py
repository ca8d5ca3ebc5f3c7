"""A worker: takes blocks of trials, trains them as replicas, and tells the study how they ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.trial import TrialState

from lstmx import config as cfg
from lstmx import experiment, runs
from lstmx.config import ConfigDict
from lstmx.interrupt import Interrupt
from lstmx.runs import selection
from lstmx.runs.follow import Watch
from lstmx.runs.run import Run
from lstmx.search import blocks, results, widths
from lstmx.search.alive import Worker
from lstmx.search.blocks import Block
from lstmx.search.space import at
from lstmx.search.spec import Search, check, point, repeats, searched
from lstmx.search.spec import widths as chosen_by
from lstmx.search.storage import Place, storage_errors
from lstmx.search.study import Study, join

POLL = 2.0
"""Seconds between two looks at what other workers do."""
PRUNED = "pruned"
"""The reason in DONE of a run that the pruner ended."""
LARGEST = {"cpu": 16}
"""The largest block that is chosen where nobody names one, by platform; a CPU computes replicas one
after the other, so that more of them save compilations only."""
LARGEST_ELSEWHERE = 64


def work(
    search: Search,
    config: ConfigDict,
    place: Place,
    label: Callable[[ConfigDict], str],
    *,
    trials: int | None = None,
    block: int | None = None,
    wait: bool = True,
    mask: bool = True,
    keep: bool = False,
    command: str = "",
    quiet: bool = False,
    interrupt: Interrupt | None = None,
    say: Callable[[str], None] = print,
) -> Study:
    """Work on a study until all its trials have ended; any number of processes may do so.

    Args:
        search: what is searched.
        config: what the points override; it has a name.
        place: where study and runs are.
        label: the readable part of a run's folder.
        trials: their number, instead of that of the search.
        block: the most trials to train together, of those that are added.
        wait: for the trials of other workers, to take over those of one that is killed.
        mask: let trials whose hidden sizes differ share programs, where their cells can; of the
            trials that this worker adds, or that TPE chooses.
        keep: go on although modules of the user have changed, see `lstmx.runs.code`.
        command: the command line, for meta.json.
        quiet: let `runs.train` print nothing.
        interrupt: once it is requested, the block is saved and left to be continued.
        say: prints a line.

    Raises:
        KeyboardInterrupt: the interrupt was requested.
        ValueError: a space or config that could not run; see `study.join` and `runs.train`.
        OSError: the storage or the folder cannot be reached or written.
    """
    import jax

    check(search, config)
    first = {key: at(axis, 0.0) for key, axis in searched(search).items()}
    alike = repeats(search)
    begin = cfg.resolve(config, {**point(search, first, 0), **alike[0]})
    if search.budget is not None:
        (begin,) = experiment.fit([begin], search.budget)
    built = experiment.build(begin)
    for other in alike[1:]:  # what only the data refuse, such as a fold before the first row
        experiment.make_task(cfg.resolve(begin, other).task)
    most = LARGEST.get(jax.default_backend(), LARGEST_ELSEWHERE)
    metric = (built.selection, built.maximize)
    study = join(
        place,
        search,
        config,
        trials=trials,
        block=block,
        most=most,
        metric=metric,
        mask=mask,
        say=say,
    )
    study.optuna.pruner = _pruner(search, config)
    interrupt = interrupt or Interrupt()
    with storage_errors(place), Worker(study) as worker:
        told = ""
        while True:
            if interrupt.requested:
                raise KeyboardInterrupt
            taken, left = blocks.claim(study, worker)
            if taken is not None:
                _run(study, taken, label, command, quiet, mask, keep, interrupt, say)
                told = ""
            elif left.running and wait:
                line = f"{left.running} trials run in other workers: waiting for their end"
                if told != line:
                    say(line)
                told = line
                time.sleep(POLL)
            else:
                return study


def _run(
    study: Study,
    block: Block,
    label: Callable[[ConfigDict], str],
    command: str,
    quiet: bool,
    mask: bool,
    keep: bool,
    interrupt: Interrupt,
    say: Callable[[str], None],
) -> None:
    """Train the runs of a block, and end its trials."""
    names = ", ".join(map(str, block.own))
    say(f"trials {names}: {'taken over' if block.resumed else 'begin'}")
    configs: list[ConfigDict] = []
    programs: list[int | None] = []
    members: dict[str, list[int]] = {}  # text of a config -> its trials
    alike = repeats(study.search)
    for trial in block.trials:
        overrides = point(study.search, trial.params, trial.number)
        resolved = cfg.checked(study.config, overrides)
        if study.search.budget is not None:
            (resolved,) = experiment.fit([resolved], study.search.budget)
        for one in [cfg.resolve(resolved, other) for other in alike]:
            # TPE may choose the end of a range twice: both trials have the same run.
            members.setdefault(cfg.canonical(one), []).append(trial.number)
            if len(members) > len(configs):
                configs.append(one)
                programs.append(trial.user_attrs.get(widths.PROGRAM))
    if mask and study.search.sampler == "tpe":
        programs, _ = experiment.programs(configs)
    own, by = set(block.own), chosen_by(study.search)
    watches = [
        _watch(study, [n for n in numbers if n in own], one.steps, interrupt)
        for one, numbers in zip(configs, members.values())
    ]
    try:
        paths = runs.train(
            configs,
            study.workdir,
            labels=[label(one) for one in configs],
            command=command,
            quiet=quiet,
            interrupt=interrupt,
            watch=watches,
            programs=programs,
            keep=keep,
            about={} if by is None else {"width": by},
        )
        made: dict[int, list[Run]] = {}
        for path, numbers in zip(paths, members.values()):
            run = runs.load(path)
            for number in numbers:
                made.setdefault(number, []).append(run)
        for number in block.own:
            _end(study, number, made[number])
    except BaseException:
        blocks.release(study, block)
        raise
    finally:
        interrupt.mark("search", False)
    say(results.progress(study))


def _watch(study: Study, numbers: list[int], steps: int, interrupt: Interrupt) -> Watch:
    """Reports the evaluations of a run to its trials; returns the reason to end it, or None.

    Args:
        study: of the trials.
        numbers: of the trials of this run.
        steps: after which the run ends anyway.
        interrupt: is told that there is something to leave in order.
    """
    metric: str = study.attrs["metric"][0]
    alone = not study.search.mean_over
    ids = [study.trial_id(number) for number in numbers]

    def watch(log_point: Mapping[str, Any]) -> str | None:
        # After a signal, the process then ends after `release`.
        interrupt.mark("search", True)
        if metric not in log_point or not alone:
            return None
        step, value = int(log_point["step"]), float(log_point[metric])
        stop = False
        for trial_id in ids:
            known = study.storage.get_trial(trial_id).intermediate_values
            if step not in known:  # a run that resumes repeats what followed its checkpoint
                study.storage.set_trial_intermediate_value(trial_id, step, value)
            if step < steps and not isinstance(study.optuna.pruner, NopPruner):
                stop |= study.optuna.pruner.prune(study.optuna, study.storage.get_trial(trial_id))
        return PRUNED if stop else None

    return watch


def _end(study: Study, number: int, ended: Sequence[Run]) -> None:
    """End a trial as its runs have ended; a trial that has ended already stays as it is."""
    expected = tuple(study.attrs["metric"])
    steps, values = [], []
    for run in ended:
        by = selection.of(run)
        if (by.metric, by.maximize) != expected:
            raise ValueError(
                f"{run.path} selects by {by.metric}, other trials by {expected[0]}; set selection "
                "in the config"
            )
        best = by.best(run.metrics)
        steps += [] if best is None else [int(best["step"])]
        values += [] if best is None else [float(best[by.metric])]
    value = fmean(values) if len(values) == len(ended) else None
    first, reasons = ended[0], [run.reason for run in ended]
    outcome = next((r for r in (PRUNED, "diverged") if r in reasons), first.reason)
    if value is None and outcome != "diverged":
        outcome = "no value"
    state = TrialState.PRUNED if outcome == PRUNED or value is None else TrialState.COMPLETE
    places = [str(Path(*run.path.parts[-2:])) for run in ended]
    result = {
        "outcome": outcome,
        "step": max(run.step for run in ended),
        "best_step": round(fmean(steps)) if value is not None else 0,
        "seconds": sum(run.seconds for run in ended),
        "parameters": int(first.meta["parameters"]),
        "state_size": first.meta.get("state_size"),
        "hidden_size": experiment.hidden_size(first.config),
        "run": places[0],
        **({"runs": places, "parts": values} if len(ended) > 1 else {}),
    }
    try:
        study.storage.set_trial_user_attr(study.trial_id(number), results.RESULT, result)
    except optuna.exceptions.UpdateFinishedTrialError:
        return
    told = value if state == TrialState.COMPLETE else None
    study.optuna.tell(number, told, state=state, skip_if_finished=True)


def _pruner(search: Search, config: ConfigDict) -> BasePruner:
    if search.pruning == "median":
        return MedianPruner()
    if search.pruning == "halving":
        # Steps are updates; the first decision is at the first evaluation.
        return SuccessiveHalvingPruner(min_resource=config.eval_every)
    return NopPruner()
