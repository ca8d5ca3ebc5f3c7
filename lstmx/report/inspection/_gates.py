"""Gates and time scales: figures of what single units do."""

from collections.abc import Sequence

import numpy as np

from lstmx import plots
from lstmx.analysis import gates
from lstmx.report.inspection._findings import Finding, Value
from lstmx.report.inspection._subject import NotForThis, Subject
from lstmx.tables import brief
from lstmx.types import Trace

MOST_STEPS = 200  # of the one sequence whose gates are drawn


def gate_maps(subject: Subject) -> Finding:
    """The gates of the first layer in one sequence."""
    name, (_, _, trace) = next(iter(subject.layers.items()))
    shown = {g: np.asarray(v)[0][:MOST_STEPS] for g, v in trace.gates.items() if v.ndim == 3}
    if not shown:
        raise NotForThis(f"the cell of {name} has no gates [B, T, H]")
    panels = {g: v[:, _order(subject, trace, v.shape[1])] for g, v in shown.items()}
    values, parts = [], []
    try:
        for gate, of_gate in gates.saturation(trace.gates, subject.batch.mask).items():
            left, right = float(np.mean(of_gate.left)), float(np.mean(of_gate.right))
            values += [
                Value(subject.label, f"{name}: {gate} below .1", left, "share of steps"),
                Value(subject.label, f"{name}: {gate} above .9", right, "share of steps"),
            ]
            parts.append(f"{gate} is below .1 in {left:.0%} and above .9 in {right:.0%}")
    except ValueError:  # no gate of the cell is between 0 and 1
        parts = ["no gate of the cell lies between 0 and 1"]
    length = next(iter(shown.values())).shape[0]
    return Finding(
        "gates",
        f"Gates of {name} in one sequence",
        "One row a hidden unit, ordered by how much it retains; a gate is white where it is closed "
        "and blue where it is open. Columns that differ from their neighbours are steps that the "
        "network treats in another way.",
        (f"Of all steps of {len(subject.batch.mask)} sequences, {'; '.join(parts)}.",),
        lambda narrow: plots.gates_heatmap(
            panels, title=f"{name}, steps 0 to {length - 1}", narrow=narrow
        ),
        tuple(values),
    )


def time_scales(subjects: Sequence[Subject]) -> Finding:
    """How long units remember by their forget gates."""
    rows, values, says, missing = {}, [], [], []
    for subject in subjects:
        length = subject.batch.mask.shape[1]
        for name, (_, _, trace) in subject.layers.items():
            where = f"{subject.label} {name}" if len(subjects) > 1 else name
            try:
                retained = gates.retention(trace)
            except ValueError as error:
                missing.append(f"{where}: {error}.")
                continue
            for leaf, of_leaf in retained.items():
                found = gates.time_scales(of_leaf, subject.batch.mask)
                tau = np.asarray(found.tau)
                rows[f"{where} {leaf}" if len(retained) > 1 else where] = tau
                low, median, high = (float(q) for q in found.quartiles)
                longer = float(np.mean(tau > length))
                values += [
                    Value(subject.label, f"{name}.{leaf}: median time scale", median, "steps"),
                    Value(subject.label, f"{name}.{leaf}: first quartile", low, "steps"),
                    Value(subject.label, f"{name}.{leaf}: third quartile", high, "steps"),
                ]
                says.append(
                    f"{where}: half of the units decay to 1/e within {brief(median, 3)} steps "
                    f"(quartiles {brief(low, 3)} and {brief(high, 3)}); {longer:.0%} keep for "
                    f"longer than a sequence of {length} steps."
                )
    lengths = {s.batch.mask.shape[1] for s in subjects}
    lines = [plots.Line("length of a sequence", lengths.pop())] if len(lengths) == 1 else []
    return Finding(
        "time_scales",
        "Time scales of the units",
        "A unit whose forget gate has the mean logarithm ln f decays to 1/e in -1/ln f steps. "
        "Units to the right of the dotted line can carry something through a whole sequence.",
        tuple(says),
        (lambda narrow: plots.time_scales(rows, lines=lines, narrow=narrow)) if rows else None,
        tuple(values),
        tuple(missing),
    )


def _order(subject: Subject, trace: Trace, size: int) -> np.ndarray:
    """The units from the one that retains the longest to the shortest; as they are, if unknown."""
    try:
        retained = next(iter(gates.retention(trace).values()))
    except ValueError:
        return np.arange(size)
    order = np.argsort(-np.asarray(gates.time_scales(retained, subject.batch.mask).mean_log))
    return order if order.size == size else np.arange(size)
