"""What single weights, units and steps are worth."""

from collections.abc import Sequence

import numpy as np

from lstmx import plots
from lstmx.analysis import structure
from lstmx.report.inspection._findings import Finding, Value
from lstmx.report.inspection._subject import Subject
from lstmx.tables import brief

SPARSITIES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
TOLERANCE = 0.1
"""Relative change of the metric that counts as a loss."""


def pruning(subjects: Sequence[Subject]) -> Finding:
    """The metric against the share of weights that are set to zero."""
    curves, values, says = {}, [], []
    for subject in subjects:
        found = structure.pruning(subject.score, subject.params, SPARSITIES)
        curves[subject.label] = [(found.sparsity, found.scores)]
        metric = subject.task.spec.metric
        values += [
            Value(subject.label, f"{metric} at sparsity {share:.2f}", float(score))
            for share, score in zip(found.sparsity, found.scores)
        ]
        whole = float(found.scores[0])
        sign = -1 if subject.task.spec.maximize else 1
        worse = sign * (found.scores - whole) > TOLERANCE * max(abs(whole), 1e-12)
        most = float(found.sparsity[: int(np.argmax(worse)) if worse.any() else None].max())
        holds = f"up to {most:.0%}" if most else f"at none of these, from {SPARSITIES[1]:.0%} on"
        says.append(
            f"{subject.label}: {metric} {brief(whole)} with all weights, "
            f"{brief(float(found.scores[-1]))} with {found.sparsity[-1]:.0%} of them zero; it "
            f"stays within {TOLERANCE:.0%} of the former {holds}."
        )
    return Finding(
        "pruning",
        "How many weights it needs",
        "The metric when the weights of smallest magnitude, over all matrices, are set to zero and "
        "nothing is trained again.",
        tuple(says),
        lambda narrow: plots.pruning_curve(
            curves, ylabel=_metric(subjects), lines=_baseline(subjects), narrow=narrow
        ),
        tuple(values),
    )


def by_position(subjects: Sequence[Subject]) -> Finding | None:
    """The metric at each step; None where fewer than two steps have weights."""
    curves, values, says = {}, [], []
    for subject in subjects:
        found = structure.by_position(subject.task.loss, subject.outputs, subject.batch)
        row = np.asarray(found.values[subject.task.spec.metric], float)
        counts = np.asarray(found.counts[subject.task.spec.metric], float)
        row[counts == 0] = np.nan
        known = np.flatnonzero(~np.isnan(row))
        if known.size < 2:
            continue
        curves[subject.label] = row
        first, last = float(row[known[0]]), float(row[known[-1]])
        values += [Value(subject.label, f"step {step}", float(row[step])) for step in known]
        says.append(
            f"{subject.label}: {brief(first, 3)} at step {known[0]}, {brief(last, 3)} at step "
            f"{known[-1]}; best {brief(_best(subject, row), 3)}."
        )
    if not curves:
        return None
    return Finding(
        "position",
        "The metric over the sequence",
        "The metric of each step by itself, over all sequences. What improves along the line is "
        "gained from context; what gets worse is lost to distance.",
        tuple(says),
        lambda narrow: plots.metric_by_position(
            curves, ylabel=_metric(subjects), lines=_baseline(subjects), narrow=narrow
        ),
        tuple(values),
    )


def _best(subject: Subject, row: np.ndarray) -> float:
    return float(np.nanmax(row) if subject.task.spec.maximize else np.nanmin(row))


def _metric(subjects: Sequence[Subject]) -> str:
    """The name of the metric with its unit, where the runs share it."""
    specs = [subject.task.spec for subject in subjects]
    names = dict.fromkeys(f"{s.metric} [{s.unit}]" if s.unit else s.metric for s in specs)
    return " / ".join(names)


def _baseline(subjects: Sequence[Subject]) -> list[plots.Line]:
    values = {subject.task.spec.baseline for subject in subjects}
    finite = len(values) == 1 and np.isfinite(next(iter(values)))
    return [plots.Line("trivial baseline", float(values.pop()))] if finite else []
