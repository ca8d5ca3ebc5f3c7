"""The figures of a study, each with how to read it and with its numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lstmx import plots, stats
from lstmx.report.study import _forest
from lstmx.report.study._importance import Importance
from lstmx.report.study._parts import Part
from lstmx.report.study._trials import (
    Sample,
    Trials,
    axis_name,
    best_share,
    default_values,
    label,
    samples,
)
from lstmx.tables import brief

MOVED = " Trials that are worse than the trivial baseline are drawn at its value."


def lines(trials: Trials) -> tuple[plots.Line, ...]:
    """The trivial baseline and the references, where all trials share them."""
    named = {"trivial": trials.levels.get("baseline"), **(trials.levels.get("references") or {})}
    return tuple(plots.Line(n, float(v)) for n, v in named.items() if v is not None)


def figures(
    trials: Trials,
    share: float,
    whole: Importance | None,
    each: Mapping[str, Importance],
    variants: pd.DataFrame,
) -> list[Part]:
    """The figures that this study has, in their order."""
    found = samples(trials)
    parts = [*_boxes(trials, found, share), _best_of(trials, found, variants)]
    parts += _gains(trials, found)
    parts += _forest.shares(whole, each)
    parts += _forest.marginals(trials, each)
    return [*parts, *_lines_of_trials(trials, found, share), _history(trials, found)]


def _boxes(trials: Trials, found: Mapping[str, Sample], share: float) -> list[Part]:
    values = {v: s.values for v, s in found.items()}
    by = {v: s.chosen_by for v, s in found.items()}
    tenth = f"the best {100 * share:g} % by {trials.metric.selection.metric}"
    tops = {v: s.values[best_share(s, share, trials.metric.maximize)] for v, s in found.items()}
    medians = {v: (float(np.median(values[v])), float(np.median(tops[v]))) for v in values}
    says = "; ".join(
        f"{v}: {brief(a)} of all, {brief(b)} of the best" for v, (a, b) in medians.items()
    )
    options: dict[str, Any] = {
        "xlabel": label(trials),
        "maximize": trials.metric.maximize,
        "validation": by,
        "best": share,
    }
    return [
        Part(
            "boxes",
            "All trials, and the best of them",
            f"Two boxes a variant, after Greff et al. 2017: all its trials, pale, and {tenth}. A "
            "wide pale box is a variant that depends on its hyperparameters; the full one is what "
            "it can do when they are tuned. Dots are single trials.",
            (f"Medians: {says}.",),
            plot=lambda narrow: plots.trial_boxes(
                values, lines=lines(trials), narrow=narrow, **options
            ),
        ),
        Part(
            "best_boxes",
            "The best of them, closer",
            f"The full boxes once more, on an axis of their own: {tenth}. Variants whose boxes "
            "overlap widely are not told apart by this study; the table of comparisons has the "
            "tests.",
            plot=lambda narrow: plots.trial_boxes(values, only_best=True, narrow=narrow, **options),
        ),
    ]


def _best_of(trials: Trials, found: Mapping[str, Sample], variants: pd.DataFrame) -> Part:
    maximize = trials.metric.maximize
    curves = {
        v: stats.expected_best(s.chosen_by, maximize=maximize, reported=s.values)
        for v, s in found.items()
    }
    budget = int(variants["budget"].iloc[0])
    ranked = ", ".join(
        f"{row['variant']} {brief(row['expected_best'])}" for row in variants.to_dict("records")
    )
    few = {v: curve.mean[min(4, curve.mean.size - 1)] for v, curve in curves.items()}
    first = min(few, key=lambda v: -few[v] if maximize else few[v])
    order = ""
    if budget > 5 and len(curves) > 1:
        after = variants["variant"].iloc[0]
        order = f"With 5 trials the first would be {first}" + (
            ", too." if first == after else ": the order depends on how long one tunes."
        )
    return Part(
        "best_of",
        "The best of k trials",
        "What tuning with k trials is expected to reach: the mean, over all choices of k of a "
        "variant's trials, of the trial that validation chooses (Dodge et al. 2019; without "
        "replacement, Tang et al. 2020). Compare variants at one k: a method that was tuned longer "
        "looks better for that alone. Bands are 95 % bootstrap intervals and too narrow at the "
        "right end. The axis ends at the trivial baseline where all variants end better than that.",
        tuple(filter(None, [f"At k = {budget}: {ranked}.", order])),
        plot=lambda narrow: plots.best_of_curves(
            {v: tuple(c) for v, c in curves.items()},  # type: ignore[misc]
            ylabel=label(trials),
            lines=lines(trials) if len(found) < 3 else (),
            worst=trials.levels.get("baseline"),
            narrow=narrow,
        ),
    )


def _gains(trials: Trials, found: Mapping[str, Sample]) -> list[Part]:
    curves = {}
    for variant, s in found.items():
        if default := default_values(trials, variant):
            curves[variant] = stats.tunability(
                s.chosen_by, default, maximize=trials.metric.maximize, reported=s.values
            )
    if not curves:
        return []
    pays = {v: int(c.budgets[np.argmax(c.mean > 0)]) for v, c in curves.items() if c.mean[-1] > 0}
    says = [f"Above 0 from so many trials on: {', '.join(f'{v} {k}' for v, k in pays.items())}."]
    never = [v for v in curves if v not in pays]
    if never:
        says = [*says * bool(pays), f"Never above 0: {', '.join(never)}."]
    return [
        Part(
            "tunability",
            "What tuning gains over the default",
            "The expected best of k trials over the mean of the runs with the hyperparameters of "
            "the config (Probst et al. 2019). Below 0, that many trials are not enough to find "
            "what the default already is.",
            says,
            plot=lambda narrow: plots.best_of_curves(
                {v: tuple(c) for v, c in curves.items()},  # type: ignore[misc]
                ylabel=f"gain in {label(trials)}",
                lines=(plots.Line("default", 0.0),),
                narrow=narrow,
            ),
        )
    ]


def _lines_of_trials(trials: Trials, found: Mapping[str, Sample], share: float) -> list[Part]:
    entries = [e for s in found.values() for e in s.entries]
    values = np.concatenate([s.values for s in found.values()])
    points = {d.name: [e.point[d.name] for e in entries] for d in trials.dimensions}
    if len(found) > 1:
        points = {axis_name(trials): [e.variant for e in entries], **points}
    if not points:
        return []
    worst, maximize = trials.levels.get("baseline"), trials.metric.maximize
    moved = MOVED * plots.ends_at(values, worst, maximize=maximize)
    return [
        Part(
            "parallel",
            "Every trial as a line",
            "One line a trial, from its hyperparameters to its metric on the right, where better "
            f"is up; the best {100 * share:g} % are colored. Where the colored lines come from a "
            f"narrow piece of an axis, that hyperparameter decides.{moved}",
            plot=lambda narrow: plots.parallel_coordinates(
                points,
                values,
                name=label(trials),
                maximize=maximize,
                log=[d.name for d in trials.dimensions if d.log],
                best=share,
                worst=worst,
                narrow=narrow,
            ),
        )
    ]


def _history(trials: Trials, found: Mapping[str, Sample]) -> Part:
    rows = {v: ([e.number for e in s.entries], s.values) for v, s in found.items()}
    at = {e.number: float(x) for s in found.values() for e, x in zip(s.entries, s.values)}
    best = max(at, key=lambda n: at[n] if trials.metric.maximize else -at[n])
    random = trials.sampler in ("random", "quasi-random")
    does = (
        "Points were drawn without looking at results, so the dots have no trend."
        if random
        else "The grid was worked off in its order."
        if trials.sampler == "grid"
        else "TPE draws where earlier trials were good: dots should get better to the right."
    )
    return Part(
        "history",
        "How the search went",
        f"A dot a trial, in the order of their numbers; the line is the best so far. {does}",
        (
            f"The best value of all is {brief(at[best])}, of trial {best} among {len(at)}; it was "
            "not chosen by validation, and is too good by that.",
        ),
        plot=lambda narrow: plots.optimisation_history(
            rows,
            ylabel=label(trials),
            maximize=trials.metric.maximize,
            lines=lines(trials),
            narrow=narrow,
        ),
    )
