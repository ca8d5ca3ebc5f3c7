"""The trials of a study as the report reads them, and the samples that are compared."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmx.report.rows import Metric
from lstmx.stats import Dimension

FAILED = ("diverged", "no value")
"""Outcomes of trials that went wrong; a diverged one may have a value from before."""
PRUNED = "pruned"


class Entry(NamedTuple):
    """One trial that has ended.

    Attributes:
        number: of the trial.
        variant: the row that it belongs to.
        outcome: why it ended.
        chosen_by: the selection metric at its best step; nan if it never had a value.
        value: the reported metric at that step; nan if there is none.
        point: name of a dimension -> its searched value.
        best_step: the step of both; 0 without one.
        step: the last one.
        seconds: of training.
        parameters: number of trained parameters.
        state_size: floats that a step hands on, for one sequence; None in an older run.
        run: its directory below the folder of all runs.
    """

    number: int
    variant: str
    outcome: str
    chosen_by: float
    value: float
    point: Mapping[str, Any]
    best_step: int
    step: int
    seconds: float
    parameters: int
    state_size: int | None
    run: str


class Trials(NamedTuple):
    """A study to report on.

    Attributes:
        name: of the study.
        by: the config key that makes the variants; "" where nothing is compared.
        metric: what is reported, and how the best step and the best trials are chosen.
        levels: baseline, solved and references, of `lstmx.report.rows.levels`.
        dimensions: what was searched, `by` not among them.
        entries: the trials that have ended, by number.
        variants: names of the rows in the order of the space.
        left: outcome -> numbers of the trials that have not ended.
        defaults: variant -> the metric of runs with the hyperparameters of the config, one a seed.
        widths: how the widths of the variants were chosen, in a sentence.
        sampler: "random", "quasi-random", "grid" or "tpe".
        pruning: "none", "median" or "halving".
        facts: name -> text, of how it was run.
        several: whether a trial is the mean of several runs, with which `defaults`, single runs,
            are not to be compared.
    """

    name: str
    by: str
    metric: Metric
    levels: Mapping[str, Any]
    dimensions: tuple[Dimension, ...]
    entries: Sequence[Entry]
    variants: tuple[str, ...]
    left: Mapping[str, Sequence[int]]
    defaults: Mapping[str, Sequence[float]]
    widths: str
    sampler: str
    pruning: str
    facts: Mapping[str, str]
    several: bool = False


class Sample(NamedTuple):
    """The trials of a variant as numbers; those without a value have the stand-in.

    Attributes:
        entries: the trials [n].
        values: [n] of the reported metric.
        chosen_by: [n] of the selection metric, its sign such that it is better in the direction of
            the reported one.
    """

    entries: tuple[Entry, ...]
    values: np.ndarray
    chosen_by: np.ndarray


def samples(trials: Trials) -> dict[str, Sample]:
    """Variant -> its trials, for the variants that have any."""
    found = {}
    value, chosen_by = stand_ins(trials)
    metric = trials.metric
    sign = 1 if metric.selection.maximize == metric.maximize else -1
    for variant in trials.variants:
        entries = tuple(e for e in trials.entries if e.variant == variant)
        if entries:
            values = [e.value if math.isfinite(e.value) else value for e in entries]
            by = [e.chosen_by if math.isfinite(e.chosen_by) else chosen_by for e in entries]
            found[variant] = Sample(entries, np.array(values), sign * np.array(by))
    return found


def label(trials: Trials) -> str:
    """The metric with its evaluation and unit, for an axis."""
    metric = trials.metric
    where = f" on {metric.eval}" if metric.eval else ""
    return f"{metric.name}{where}{f', {metric.unit}' if metric.unit else ''}"


def stand_ins(trials: Trials) -> tuple[float, float]:
    """What counts for a trial without a value, of the reported and of the selection metric.

    The worst value that a trial has, or the trivial baseline where that is worse: to leave such
    trials out would make a variant better the more often it diverges.
    """
    metric, baseline = trials.metric, trials.levels.get("baseline")
    same = metric.selection.metric.rpartition("/")[2] == metric.name
    found = []
    for number, maximize, known in (
        (0, metric.maximize, True),
        (1, metric.selection.maximize, same),
    ):
        values = [(e.value, e.chosen_by)[number] for e in trials.entries]
        values += [baseline] if known and baseline is not None else []
        finite = [v for v in values if math.isfinite(v)] or [0.0]
        found.append(min(finite) if maximize else max(finite))
    return found[0], found[1]


def default_values(trials: Trials, variant: str) -> list[float]:
    """The values of a variant with the hyperparameters of the config; stand-ins as for trials."""
    worst = stand_ins(trials)[0]
    return [v if math.isfinite(v) else worst for v in trials.defaults.get(variant, ())]


def best_share(sample: Sample, share: float, maximize: bool) -> np.ndarray:
    """The numbers, in the sample, of its best trials by the selection metric, the best first."""
    order = np.argsort(-sample.chosen_by if maximize else sample.chosen_by, kind="stable")
    return order[: max(1, math.ceil(share * order.size - 1e-9))]


def there(trials: Trials) -> list[str]:
    """The variants that have trials, whose order is that of the colors."""
    return [v for v in trials.variants if any(e.variant == v for e in trials.entries)]


def axis_name(trials: Trials) -> str:
    """The name of the variants among the dimensions."""
    return trials.by if "variant" in (d.name for d in trials.dimensions) else "variant"


def without_value(trials: Trials) -> list[Entry]:
    """The trials that have a stand-in."""
    return [e for e in trials.entries if not math.isfinite(e.value)]
