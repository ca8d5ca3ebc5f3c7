"""What the random forest of a study says: the share of each hyperparameter, and curves along it."""

from collections.abc import Mapping

import numpy as np

from lstmx import plots
from lstmx.report.study._importance import MEANINGLESS, Importance
from lstmx.report.study._parts import Part
from lstmx.report.study._trials import Trials, label
from lstmx.tables import brief

MOST_BANDS = 9
"""Rows of marginal curves; more cannot be told apart."""
SAID = 0.01
"""The least share that is put into words, beside the largest."""


def shares(whole: Importance | None, each: Mapping[str, Importance]) -> list[Part]:
    """The bars of the shares of all trials, or of the only variant; none without a forest."""
    shown = whole or next(iter(each.values()), None)
    if shown is None:
        return []
    several = whole is not None
    parts = [
        Part(
            "importance",
            "Which hyperparameter mattered",
            "Functional ANOVA of a random forest (Hutter et al. 2014), on the scale that was "
            "searched: the share of the variance between trials that a hyperparameter explains by "
            "itself, and that two explain beyond it. Read R² of the title first: it is the share "
            "of the variance of unseen trials that the forest predicts at all, and the bars divide "
            "that."
            + (" Here all variants are together, and the variant is one of the bars." * several),
            (_says(shown),),
            plot=lambda narrow: plots.importance_bars(
                shown.shares.ranked(),  # type: ignore[arg-type]
                r2=shown.shares.r2,
                narrow=narrow,
            ),
        )
    ]
    return parts


def _says(one: Importance) -> str:
    """The largest shares in words, or why they mean nothing."""
    if one.shares.r2 < MEANINGLESS:
        return (
            f"R² is {one.shares.r2:.2f}: the forest predicts too little of these trials for its "
            "shares to mean anything."
        )
    ranked = one.shares.ranked()
    first = [s for s in ranked[:3] if s.mean >= SAID] or ranked[:1]
    named = ", ".join(f"{' × '.join(s.names)} {100 * s.mean:.0f} %" for s in first)
    on = " of its logarithm" if one.log else ""
    return f"Of the variance{on}: {named}; all pairs together {100 * one.pairs:.0f} %."


def marginals(trials: Trials, each: Mapping[str, Importance]) -> list[Part]:
    """The curves along each hyperparameter, of the variants that a forest explains."""
    trusted = {v: one for v, one in each.items() if one.shares.r2 >= MEANINGLESS}
    rows = {v: one.marginals for v, one in list(trusted.items())[:MOST_BANDS]}
    if not rows:
        return []
    says = []
    for dimension in trials.dimensions:
        if dimension.choices:
            continue
        best = {}
        for variant, marginals in rows.items():
            curve = next(m for m in marginals if m.name == dimension.name)
            pick = np.argmax(curve.mean) if trials.metric.maximize else np.argmin(curve.mean)
            best[variant] = float(curve.grid[pick])
        low, high = min(best.values()), max(best.values())
        between = f"at {_tidy(low)}" if low == high else f"between {_tidy(low)} and {_tidy(high)}"
        says.append(f"{dimension.name}: best {between}.")
    if missing := [v for v in each if v not in trusted]:
        says.append(f"Without a curve, as R² is below {MEANINGLESS:g}: {', '.join(missing)}.")
    if more := [v for v in trusted if v not in rows]:
        says.append(f"Not drawn, as {MOST_BANDS} fill the figure: {', '.join(more)}.")
    return [
        Part(
            "marginals",
            "Along each hyperparameter",
            "What the forest predicts along one hyperparameter, averaged over all others; bands "
            "are the middle 80 % of its trees, which is no confidence interval. A flat curve says "
            "that a hyperparameter by itself does not matter, not that its best value is unknown.",
            says,
            plot=lambda narrow: plots.marginal_curves(
                {v: [tuple(m) for m in row] for v, row in rows.items()},  # type: ignore[misc]
                ylabel=label(trials),
                log=[d.name for d in trials.dimensions if d.log],
                narrow=narrow,
            ),
        )
    ]


def _tidy(value: float) -> str:
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else brief(value, 2)
