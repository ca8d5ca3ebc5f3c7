"""The tables of a study: variants, comparisons with the reference, trials."""

import math
from typing import Any

import numpy as np
import pandas as pd

from lstmx import stats
from lstmx.report.study._trials import (
    FAILED,
    PRUNED,
    Sample,
    Trials,
    best_share,
    default_values,
    samples,
)

SETS = ("best", "all")
"""Trials that are compared: the best share by validation, and all of them."""
TESTS = ("welch", "permutation")


def common_budget(found: dict[str, Sample]) -> int:
    """The number of trials at which the best of them are compared: that of the smallest variant."""
    return min(sample.values.size for sample in found.values())


def covered_budget(found: dict[str, Sample]) -> int:
    """A quarter of that: up to there, the bootstrap interval of the best covers."""
    return max(1, common_budget(found) // 4)


def variants(trials: Trials, share: float) -> pd.DataFrame:
    """A row for each variant, by the expected best of equally many trials, the best first."""
    found, maximize = samples(trials), trials.metric.maximize
    budget, few = common_budget(found), covered_budget(found)
    rows = []
    for variant, sample in found.items():
        best = stats.expected_best(
            sample.chosen_by, [few, budget], maximize=maximize, reported=sample.values
        )
        top = best_share(sample, share, maximize)
        first = sample.entries[top[0]]
        middle = stats.interquartile_mean_interval([sample.values])
        mean = stats.mean_interval(sample.values[top])
        sizes = [e.parameters for e in sample.entries if e.parameters]
        states = [e.state_size for e in sample.entries if e.state_size is not None]
        rows.append(
            {
                "variant": variant,
                "trials": sample.values.size,
                "pruned": sum(e.outcome == PRUNED for e in sample.entries),
                "failed": sum(e.outcome in FAILED for e in sample.entries),
                "without_value": sum(not math.isfinite(e.value) for e in sample.entries),
                "budget": budget,
                "expected_best": float(best.mean[1]),
                "few": few,
                "best_of_few": float(best.mean[0]),
                "best_of_few_low": float(best.low[0]),
                "best_of_few_high": float(best.high[0]),
                "chosen_trial": first.number,
                "chosen_value": float(sample.values[top[0]]),
                "best_trials": top.size,
                "best_mean": float(sample.values[top].mean()),
                "best_low": mean[0],
                "best_high": mean[1],
                "iqm": middle.value,
                "iqm_low": middle.low,
                "iqm_high": middle.high,
                "median": float(np.median(sample.values)),
                "parameters_least": min(sizes, default=None),
                "parameters_most": max(sizes, default=None),
                "parameters_chosen": first.parameters,
                "state_least": min(states, default=None),
                "state_most": max(states, default=None),
                "state_chosen": first.state_size,
                **_gain(trials, variant, sample, few),
            }
        )
    frame = pd.DataFrame(rows)
    return frame.sort_values("expected_best", ascending=not maximize, kind="stable").reset_index(
        drop=True
    )


def _gain(trials: Trials, variant: str, sample: Sample, budget: int) -> dict[str, Any]:
    """What the best of a number of trials gains over the default; nan where nobody ran that."""
    default = default_values(trials, variant)
    names = ("default_runs", "default_mean", "gain", "gain_low", "gain_high")
    if not default:
        return dict(zip(names, (0, *[math.nan] * 4)))
    curve = stats.tunability(
        sample.chosen_by,
        default,
        [budget],
        maximize=trials.metric.maximize,
        reported=sample.values,
    )
    ends = (float(part[0]) for part in (curve.mean, curve.low, curve.high))
    return dict(zip(names, (len(default), float(np.mean(default)), *ends)))


def comparisons(trials: Trials, reference: str | None, share: float) -> pd.DataFrame:
    """A row for each variant but the reference, and each of `SETS`: effects and p values.

    Holm and Bonferroni correct within the rows of one set, Welch's and the permutation test by
    itself. Differences are those to the reference; of two variants the probability is that a trial
    of this one is the better.
    """
    found, maximize = samples(trials), trials.metric.maximize
    rows: list[dict[str, Any]] = []
    for kind in SETS if reference in found else ():
        chosen = {
            v: s.values[best_share(s, share, maximize)] if kind == "best" else s.values
            for v, s in found.items()
        }
        theirs = chosen.pop(str(reference))
        part = [_comparison(variant, ours, theirs, maximize) for variant, ours in chosen.items()]
        for test in TESTS:
            raw = [row[test] for row in part]
            for row, holm, bonferroni in zip(part, stats.holm(raw), stats.bonferroni(raw)):
                row |= {f"{test}_holm": holm, f"{test}_bonferroni": bonferroni}
        rows += [{"set": kind, "reference": reference, **row} for row in part]
    return pd.DataFrame(rows)


def _comparison(
    variant: str, ours: np.ndarray, theirs: np.ndarray, maximize: bool
) -> dict[str, Any]:
    several = min(ours.size, theirs.size) > 1
    effects = {"difference": stats.difference(ours, theirs), "g": stats.hedges_g(ours, theirs)}
    delta = stats.cliffs_delta(ours, theirs)
    low, high = sorted(((1 + end) / 2 if maximize else (1 - end) / 2) for end in delta[1:])
    row: dict[str, Any] = {"variant": variant, "n": ours.size, "m": theirs.size}
    for name, found in effects.items():
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    improvement = stats.probability_of_improvement(ours, theirs, maximize=maximize)
    return row | {
        "improvement": improvement,
        "improvement_low": low,
        "improvement_high": high,
        "welch": stats.welch(ours, theirs),
        "permutation": stats.permutation(ours, theirs) if several else math.nan,
    }


def all_trials(trials: Trials) -> pd.DataFrame:
    """A row for each trial that has ended."""
    names = [d.name for d in trials.dimensions]
    rows = [
        {
            "trial": e.number,
            "variant": e.variant,
            "outcome": e.outcome,
            trials.metric.selection.metric: e.chosen_by,
            trials.metric.key: e.value,
            "best_step": e.best_step,
            "step": e.step,
            "seconds": e.seconds,
            "parameters": e.parameters,
            "state": e.state_size,
            **{name: e.point.get(name) for name in names},
            "run": e.run,
        }
        for e in trials.entries
    ]
    return pd.DataFrame(rows)
