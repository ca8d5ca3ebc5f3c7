"""From a study and its runs to the records of `lstmx.report.study`."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from lstmx import checks, runs, tables
from lstmx import config as cfg
from lstmx.report import rows, sections
from lstmx.report.rows import Metric
from lstmx.report.study import Entry, Trials
from lstmx.runs import Run
from lstmx.runs.files import portable
from lstmx.search import results
from lstmx.search.results import Trial
from lstmx.search.space import Choice, Numbered, Range, described
from lstmx.search.spec import Search, repeats, searched
from lstmx.search.study import Study
from lstmx.stats import Dimension
from lstmx.sweep import show

ALL = "all"
"""The one variant of a study that compares none."""


def trials(study: Study, *, by: str | None = None, metric: str | None = None) -> Trials:
    """The trials of a study for its report; reads the log of every run.

    Args:
        study: as `load` returns it.
        by: key of the choice whose values are compared; default: the first choice of the space
            below "model", else the first one; "" compares nothing.
        metric: key of the log points to report; default: the task's metric on the eval "test" if
            there is one, else the selection metric.

    Raises:
        ValueError: `by` is no choice of the space, no trial has ended, no run of them can be read,
            or the metric is in no log.
    """
    search, known = study.search, results.trials(study)
    key = _by(search, by)
    ended = [t for t in known if t.outcome not in results.UNENDED]
    if not ended:
        raise ValueError(f"no trial of study {study.optuna.study_name!r} has ended yet")
    loaded, remarks = _loaded(study, ended)
    if not loaded:
        raise ValueError(
            f"no run of study {study.optuna.study_name!r} can be read below {study.workdir}; "
            "expected the --workdir that its workers had"
        )
    sample = list(loaded.values())
    reported = sections.metric_of(sample, metric)
    axes = {k: axis for k, axis in searched(search).items() if k != key}
    names = dict(zip(axes, _names(axes)))
    entries = [
        _entry(t, _of(t, loaded), reported, key, {names[k]: t.values[k] for k in axes})
        for t in ended
    ]
    left = {
        outcome: [t.number for t in known if t.outcome == outcome] for outcome in results.UNENDED
    }
    return Trials(
        study.optuna.study_name,
        key,
        reported,
        sections.shared_levels([rows.levels(run, reported.eval, reported) for run in sample]),
        tuple(_dimension(names[k], axis) for k, axis in axes.items()),
        entries,
        _variants(search, key),
        left,
        _defaults(study, key, reported),
        results.widths(study),
        search.sampler,
        search.pruning,
        _facts(study, sample, remarks),
        bool(search.mean_over),
    )


def _by(search: Search, requested: str | None) -> str:
    """The key that makes the variants; "" for none."""
    choices = [k for k, axis in searched(search).items() if isinstance(axis, Choice)]
    if requested:
        checks.one_of("--by", requested, choices)
        return requested
    models = [k for k in choices if k.startswith("model")]
    return "" if requested == "" else next(iter([*models, *choices]), "")


def _variants(search: Search, key: str) -> tuple[str, ...]:
    axis = search.space.get(key)
    return tuple(map(str, axis.names)) if isinstance(axis, Choice) else (ALL,)


def _names(axes: Mapping[str, Range | Choice]) -> list[str]:
    """Short names of the axes; that of a complement says so."""
    short = results.short(list(axes))
    return [
        f"1 - {name}" if isinstance(axis, Range) and axis.complement else name
        for name, axis in zip(short, axes.values())
    ]


def _dimension(name: str, axis: Range | Choice) -> Dimension:
    if isinstance(axis, Choice):
        return Dimension(name, choices=axis.names)
    return Dimension(name, axis.low, axis.high, axis.log, axis.whole)


def _loaded(study: Study, ended: Sequence[Trial]) -> tuple[dict[str, Run], list[str]]:
    """Run directory -> run, of those that can be read; a line for each of the others."""
    found, remarks = {}, []
    for name in dict.fromkeys(name for t in ended for name in t.runs or (t.run,) if name):
        try:
            found[name] = runs.load(study.workdir / name)
        except (ValueError, OSError) as error:
            remarks.append(str(error).splitlines()[0])
    return found, remarks


def _of(trial: Trial, loaded: Mapping[str, Run]) -> list[Run]:
    """The runs of a trial; none where one of them cannot be read."""
    names = trial.runs or (trial.run,)
    return [loaded[name] for name in names] if all(name in loaded for name in names) else []


def _entry(
    trial: Trial, ended: Sequence[Run], metric: Metric, key: str, point: Mapping[str, Any]
) -> Entry:
    chosen_by, value, step = trial.value, math.nan, trial.best_step
    if ended:
        found = [rows.selected(run, metric.selection.metric, metric) for run in ended]
        chosen_by = fmean(one for _, one in found)
        value = fmean(rows.selected(run, metric.key, metric)[1] for run in ended)
        step = round(fmean(at or 0 for at, _ in found))
    elif metric.key == metric.selection.metric:
        value = trial.value
    return Entry(
        trial.number,
        str(trial.values[key]) if key else ALL,
        trial.outcome,
        chosen_by,
        value,
        point,
        step,
        trial.step,
        trial.seconds,
        trial.parameters,
        trial.state_size,
        trial.run,
    )


def _defaults(study: Study, key: str, metric: Metric) -> dict[str, list[float]]:
    """Variant -> the metric of the runs in the study's folder with the config's own values.

    They are no trials: `experiments.sweep` or `experiments.train` of the same config file and
    --workdir leaves them there. They may differ in the seed, and in nothing else.
    """
    if study.search.mean_over:  # a trial is the mean of several runs, and those are single ones
        return {}
    axis = study.search.space.get(key)
    choices = dict(zip(map(str, axis.names), axis.settings)) if isinstance(axis, Choice) else {}
    fixed = {
        k: v for k, v in study.search.space.items() if not isinstance(v, Range | Choice | Numbered)
    }
    wanted = {
        _unseeded(cfg.to_dict(cfg.checked(study.config, {**fixed, key: setting}))): variant
        for variant, setting in choices.items()
    } or {_unseeded(cfg.to_dict(cfg.checked(study.config, fixed))): ALL}
    found: dict[str, list[float]] = {}
    loaded, _ = runs.load_all(runs.find(study.workdir / study.config.name))
    for run in loaded:
        variant = wanted.get(_unseeded(run.config))
        if variant is not None and run.done is not None:
            found.setdefault(variant, []).append(rows.selected(run, metric.key, metric)[1])
    return found


def _unseeded(config: Mapping[str, Any]) -> str:
    """A config as text, without its seed."""
    return json.dumps({k: v for k, v in config.items() if k != "seed"}, sort_keys=True)


def _facts(study: Study, sample: Sequence[Run], remarks: Sequence[str]) -> dict[str, str]:
    search = study.search
    space = [f"{k}: {described(axis)}" for k, axis in search.space.items()]
    commands = [run.meta.get("command", "") for run in sample]
    created = sorted(str(run.meta.get("created", ""))[:16].replace("T", " ") for run in sample)
    facts = {
        "space": "; ".join(space),
        "sampler": f"{search.sampler}, seed {search.seed}; pruning: {search.pruning}",
        "each the mean of": "; ".join(show(other) for other in repeats(search) if other),
        "command": "; ".join(dict.fromkeys(map(portable, commands))),
        "versions": "; ".join(
            dict.fromkeys(_pairs(run.meta.get("versions", {})) for run in sample)
        ),
        "devices": "; ".join(dict.fromkeys(_pairs(run.meta.get("devices", "")) for run in sample)),
        "started": f"{created[0]} … {created[-1]}",
        "training": f"{tables.duration(sum(r.seconds for r in sample if r.seconds))} of all runs",
        "damaged": "; ".join(remarks),
    }
    return {name: text for name, text in facts.items() if text}


def _pairs(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def folder(study: Study) -> Path:
    """Where the report of a study is written: beside its trials.csv."""
    name = "report" + study.optuna.study_name.removeprefix(study.config.name)
    return study.folder.parent / name
