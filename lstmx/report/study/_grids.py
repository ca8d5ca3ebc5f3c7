"""The tables of a study as text, each with how to read it."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lstmx import tables
from lstmx.report.study._importance import Importance
from lstmx.report.study._parts import Part, Table
from lstmx.report.study._tables import SETS, TESTS
from lstmx.report.study._trials import Trials, there
from lstmx.stats.forests import FEWEST_POINTS
from lstmx.tables import brief, p_value

MANY = 10_000
"""Parameters or floats of state from which a table has thousands."""


def ranked(trials: Trials, variants: pd.DataFrame, share: float) -> list[Part]:
    """The variants, the best first, and what tuning gains over the default where that was run."""
    budget, few = (int(variants[name].iloc[0]) for name in ("budget", "few"))
    heads = ["variant", "trials", f"best of {budget}", f"best of {few}", "95 %", "chosen trial"]
    heads += [f"mean of best {100 * share:g} %", "95 % ", "IQM of all", "95 %  "]
    heads += ["parameters", "state"]
    lines = [
        [
            row["variant"],
            _counted(row),
            brief(row["expected_best"]),
            brief(row["best_of_few"]),
            _ends(row, "best_of_few"),
            f"{brief(row['chosen_value'])} (#{row['chosen_trial']})",
            f"{brief(row['best_mean'])} (n={row['best_trials']})",
            _ends(row, "best"),
            brief(row["iqm"], 3),
            _ends(row, "iqm", 3),
            _sizes(row, "parameters"),
            _sizes(row, "state"),
        ]
        for row in variants.to_dict("records")
    ]
    better = "higher" if trials.metric.maximize else "lower"
    how = (
        f"{trials.metric.key}, {better} is better, at the step where a run's "
        f"{trials.metric.selection.metric} is best. Rows are ordered by the expected best of "
        f"{budget} trials, which validation chooses; that of {few} has a bootstrap interval, which "
        f"covers too seldom near {budget}. The chosen trial is the one of all. The mean of the "
        "best has Student's t interval, corrected for skewness from four trials on; IQM is the "
        "mean of the middle half of all trials, with a bootstrap interval (Agarwal et al. 2021)."
    )
    order = {v: k for k, v in enumerate(there(trials))}
    series = [order[v] for v in variants["variant"]] if len(order) > 1 else []
    grid = Table(heads, lines, ("variant",), series)
    tuned = [] if trials.several else _tuned(variants, few, order)
    return [Part("variants", "Variants", how, (), grid), *tuned]


def _tuned(variants: pd.DataFrame, few: int, order: Mapping[str, int]) -> list[Part]:
    title = "Tuned against the default"
    if not variants["default_runs"].any():
        how = (
            "Not known: no run in the folder of this study has the hyperparameters of the config. "
            "Where the config file has a sweep() of them over variants and seeds, "
            "experiments.sweep with the same --config and --workdir trains them."
        )
        return [Part("tuned", title, how)]
    heads = ["variant", "runs", "default", f"best of {few}", "gain", "95 %"]
    rows = variants.sort_values("gain", ascending=False, kind="stable").to_dict("records")
    lines = [
        [
            row["variant"],
            str(row["default_runs"]),
            brief(row["default_mean"]),
            brief(row["best_of_few"]),
            brief(row["gain"], 3),
            _ends(row, "gain", 3),
        ]
        for row in rows
    ]
    how = (
        "Runs with the hyperparameters of the config, one a seed, against the expected best of "
        f"{few} trials: the gain is positive where tuning helps, and its interval has the spread "
        "of the default, too, from two runs on. A variant that gains much was far from its best "
        "at the default."
    )
    series = [order[row["variant"]] for row in rows] if len(order) > 1 else []
    return [Part("tuned", title, how, (), Table(heads, lines, ("variant",), series))]


def compared(trials: Trials, table: pd.DataFrame, share: float) -> list[Part]:
    """Every variant against the reference, of the best trials and of all: effects, p values."""
    parts = []
    for kind in SETS if len(table) else ():
        part = table[table["set"] == kind].to_dict("records")
        reference, folded = part[0]["reference"], kind == "all"
        who = f"the best {100 * share:g} % by validation" if kind == "best" else "all trials"
        title = f"Against {reference}: {who}"
        effects = [
            [
                row["variant"],
                f"{row['n']} and {row['m']}",
                brief(row["difference"], 3),
                _ends(row, "difference", 3),
                brief(row["g"], 2),
                _ends(row, "g", 2),
                brief(row["improvement"], 2),
                _ends(row, "improvement", 2),
            ]
            for row in part
        ]
        heads = ["variant", "trials", "difference", "95 %", "Hedges' g", "95 % "]
        grid = Table([*heads, "P(better)", "95 %  "], effects, ("variant",), folded=folded)
        sign = "better" if trials.metric.maximize else "worse"
        how = (
            f"Difference of the means with Welch's interval (above 0 is {sign}); the same in "
            "pooled standard deviations (Hedges' g); the probability that a trial of the variant "
            f"beats one of {reference} (with Newcombe's interval). Trials: of the variant and of "
            f"{reference}."
        )
        parts.append(Part(f"effects_{kind}", title, how, (), grid))
        tests = ("", "_holm", "_bonferroni")
        p_values = [
            [row["variant"], *(p_value(row[f"{t}{k}"]) for t in TESTS for k in tests)]
            for row in part
        ]
        heads = [
            "variant",
            "Welch p",
            "Holm",
            "Bonferroni",
            "permutation p",
            "Holm ",
            "Bonferroni ",
        ]
        how = (
            "p values of Welch's test and of the permutation test of the means, by themselves and "
            f"corrected for {len(part)} comparison{'s' * (len(part) > 1)}."
        )
        grid = Table(heads, p_values, ("variant",), folded=folded)
        parts.append(Part(f"tests_{kind}", f"{title}, p values", how, (), grid))
    return parts


def shares(trials: Trials, each: Mapping[str, Importance]) -> list[Part]:
    """Shares of the variance for each variant."""
    title = "Shares of the variance, variant by variant"
    if not each:
        how = (
            f"Not computed: it takes {FEWEST_POINTS} trials of a variant with different values, "
            "and hyperparameters besides it that were searched."
        )
        return [Part("shares", title, how)]
    names = [d.name for d in trials.dimensions]
    heads = ["variant", "R²", *names, *(["all pairs", "largest pair"] if len(names) > 1 else [])]
    lines = []
    for variant, one in each.items():
        line = [variant or "all", f"{one.shares.r2:.2f}"]
        line += [f"{100 * one.single(name):.1f} %" for name in names]
        if len(names) > 1:
            pair = next(s for s in one.shares.ranked() if len(s.names) == 2)
            line += [
                f"{100 * one.pairs:.1f} %",
                f"{' × '.join(pair.names)} {100 * pair.mean:.1f} %",
            ]
        lines.append(line)
    how = (
        "Functional ANOVA of the trials of each variant by itself: what each hyperparameter "
        "explains alone, and all pairs together beyond that. R² is out of bag: where it is small, "
        "the shares of that row are shares of noise. shares.csv has every pair, with its spread "
        "over trees."
    )
    grid = Table(heads, lines, ("variant", "largest pair"))
    return [Part("shares", title, how, (), grid)]


def every(trials: Trials, frame: pd.DataFrame) -> Part:
    """All trials that have ended."""
    metric = trials.metric
    names = [d.name for d in trials.dimensions]
    columns = ["trial", "variant", "outcome", metric.key, metric.selection.metric, *names]
    columns = [*dict.fromkeys(columns), "best_step", "step", "parameters", "state", "run"]
    if not trials.by:
        columns.remove("variant")
    lines = [[_text(row[c]) for c in columns] for row in frame.to_dict("records")]
    left = ("variant", "outcome", "run")
    return Part(
        "trials",
        "Every trial",
        "A dash is a trial that never had a value.",
        (),
        Table(columns, lines, left, folded=True),
    )


def _counted(row: Mapping[Any, Any]) -> str:
    bad = [f"{row[k]} {k}" for k in ("pruned", "failed") if row[k]]
    return f"{row['trials']}" + (f" ({', '.join(bad)})" if bad else "")


def _ends(row: Mapping[Any, Any], name: str, digits: int = 4) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if math.isnan(low) and math.isnan(high):
        return tables.NONE
    return f"{brief(low, digits)} … {brief(high, digits)}"


def _sizes(row: Mapping[Any, Any], name: str) -> str:
    least, most = row[f"{name}_least"], row[f"{name}_most"]
    if least is None or math.isnan(least):
        return tables.NONE
    ends = [f"{n / 1000:,.0f}k" if n >= MANY else f"{n:,.0f}" for n in (least, most)]
    return " … ".join(dict.fromkeys(ends))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return brief(value) if value == 0 or abs(value) >= 1e-3 else f"{value:.2e}"
    return str(value)
