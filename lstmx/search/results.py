"""The trials of a study as plain records, as a table, and how far it is."""

import csv
import io
import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from lstmx import tables
from lstmx.config import ConfigDict
from lstmx.search.alive import interrupted
from lstmx.search.space import Searched
from lstmx.search.spec import Search, point, repeats, searched
from lstmx.search.spec import widths as chosen_by
from lstmx.search.study import Study
from lstmx.sweep import show

RESULT = "result"
"""The attribute of a trial that has ended, a dict with the fields of `Trial` from `outcome` on."""


UNENDED = ("running", "interrupted", "waiting")
"""Outcomes of trials that have not ended."""


class Trial(NamedTuple):
    """One trial.

    Attributes:
        number: from 0.
        outcome: "waiting", "running", "interrupted" (its worker is dead; the next one takes it
            over), "pruned", "diverged", "no value", or else why its run ended: "steps", "patience",
            "solved".
        value: the selection metric at its best step, of a pruned trial at its last evaluation; NaN
            without one. The mean of its runs where `Search.mean_over` makes several.
        values: key -> searched value; empty where TPE has not chosen it yet.
        settings: key -> what the config has.
        step: the last step of the run; 0 before its end, as are the following.
        best_step: the step of `value`; of several runs the mean, rounded.
        seconds: time of training.
        parameters: number of trained parameters.
        run: run directory below the folder of all runs; "" before its end.
        hidden_size: width of its layers; None before its end, and where there is no single one.
        state_size: floats that a step hands on, of one sequence; None before its end.
        runs: all run directories of a trial of several runs; else ().
        parts: their values, of which `value` is the mean.
    """

    number: int
    outcome: str
    value: float
    values: dict[str, Searched]
    settings: dict[str, Any]
    step: int
    best_step: int
    seconds: float
    parameters: int
    run: str
    hidden_size: int | None = None
    state_size: int | None = None
    runs: tuple[str, ...] = ()
    parts: tuple[float, ...] = ()


def trials(study: Study) -> list[Trial]:
    """All trials, by number."""
    known = study.optuna.get_trials(deepcopy=False)
    dead = interrupted(study, known)
    return [_trial(study.search, one, one.number in dead) for one in known]


def ranked(study: Study) -> list[Trial]:
    """The trials that ended with a value and were not pruned, the best first."""
    ended = [
        t
        for t in trials(study)
        if t.run and t.outcome not in ("pruned", "no value") and not math.isnan(t.value)
    ]
    sign = -1 if study.attrs["metric"][1] else 1
    return sorted(ended, key=lambda t: (sign * t.value, t.number))


def progress(study: Study) -> str:
    """How many trials have which outcome, and the best one, in one line."""
    known = trials(study)
    counts = Counter(t.outcome for t in known)
    todo = {name: counts.pop(name, 0) for name in UNENDED}
    ended = ", ".join(f"{n} {name}" for name, n in counts.most_common())
    rest = "".join(f", {n} {name}" for name, n in todo.items() if n)
    done = sum(counts.values())
    line = f"{done} of {len(known)} trials have ended{f' ({ended})' if ended else ''}{rest}"
    best = ranked(study)[:1]
    for trial in best:
        line += f"; best {tables.brief(trial.value)} (trial {trial.number}: {_settings(trial)})"
    return line


def markdown(study: Study, count: int = 10) -> str:
    """The best trials as a table."""
    keys = list(searched(study.search))
    metric = study.attrs["metric"][0]
    columns = ["trial", metric, *short(keys), "params", "state", "best step", "ended by"]
    lines = [
        [
            str(t.number),
            tables.brief(t.value),
            *(_cell(t, key) for key in keys),
            f"{t.parameters:,}",
            tables.NONE if t.state_size is None else f"{t.state_size:,}",
            str(t.best_step),
            t.outcome,
        ]
        for t in ranked(study)[:count]
    ]
    if not lines:
        return "no trial has a value yet"
    return f"{tables.markdown(columns, lines)}\n\n{widths(study)}"


def widths(study: Study) -> str:
    """How the hidden sizes of the trials were chosen, in one line."""
    sizes = [t.hidden_size for t in trials(study) if t.hidden_size is not None]
    return tables.widths(chosen_by(study.search), sizes)


def write_csv(study: Study) -> Path:
    """Write all trials to a file beside the runs; returns its path."""
    name = "trials" + study.optuna.study_name.removeprefix(study.config.name)
    file = study.folder.parent / f"{name}.csv"
    keys = list(study.search.space)
    size = ("parameters", "state_size", "hidden_size")
    fixed = ("trial", "outcome", "value", "best_step", "step", "seconds", *size, "run")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    alike = [f"value {show(other)}" for other in repeats(study.search) if other]
    writer.writerow([*fixed, *keys, *alike])
    for t in trials(study):
        value = "" if math.isnan(t.value) else repr(t.value)
        row = [t.number, t.outcome, value, t.best_step, t.step, t.seconds]
        row += [t.parameters, t.state_size, t.hidden_size, t.run]
        row += [_cell(t, key, brief=False) for key in keys]
        parts = [repr(part) for part in t.parts]
        writer.writerow([*row, *(parts or [""] * len(alike))])
    part = file.with_name(f"{file.name}.{os.getpid()}.part")  # several workers may end at once
    part.write_text(text.getvalue(), "utf-8")
    os.replace(part, file)
    return file


def short(keys: Sequence[str]) -> list[str]:
    """The last part of every key, the whole key where two would be the same."""
    last = [key.rpartition(".")[2] for key in keys]
    return [name if last.count(name) == 1 else key for name, key in zip(last, keys)]


def _trial(search: Search, one: FrozenTrial, dead: bool) -> Trial:
    result = one.user_attrs.get(RESULT, {}) if one.state.is_finished() else {}
    value = math.nan if one.values is None else one.values[0]
    values = {key: one.params[key] for key in searched(search) if key in one.params}
    complete = len(values) == len(searched(search))
    return Trial(
        one.number,
        result.get("outcome", _unended(one, dead)),
        value,
        values,
        point(search, values, one.number) if complete else {},
        result.get("step", 0),
        result.get("best_step", 0),
        result.get("seconds", 0.0),
        result.get("parameters", 0),
        result.get("run", ""),
        result.get("hidden_size"),
        result.get("state_size"),
        tuple(result.get("runs", ())),
        tuple(result.get("parts", ())),
    )


def _unended(one: FrozenTrial, dead: bool) -> str:
    if one.state != TrialState.RUNNING:
        return "waiting"
    return "interrupted" if dead else "running"


def _settings(trial: Trial) -> str:
    names = zip(short(list(trial.values)), trial.values)
    return ", ".join(f"{name}={_cell(trial, key)}" for name, key in names)


def _cell(trial: Trial, key: str, *, brief: bool = True) -> str:
    """The setting of a key; a choice is shown by its name."""
    if not trial.settings:
        return ""
    value = trial.settings[key]
    if isinstance(trial.values.get(key), str):
        return str(trial.values[key])
    if isinstance(value, ConfigDict):
        return str(value["name"])
    return f"{value:.4g}" if brief and isinstance(value, float) else str(value)
