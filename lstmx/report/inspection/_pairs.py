"""Several runs against one another: representations and dynamics."""

import itertools
from collections.abc import Sequence

import jax
import numpy as np

from lstmx import plots
from lstmx.analysis import geometry, similarity
from lstmx.report.inspection._findings import Finding, Value
from lstmx.report.inspection._subject import NotForThis, Subject
from lstmx.tables import brief

RANK = 20
DELAYS = 2


def representations(subjects: Sequence[Subject]) -> Finding:
    """CKA of all pairs, on the sequences of the first run."""
    states, mask = _shown_the_same(subjects)
    matrix = np.eye(len(subjects))
    values = []
    for i, j in itertools.combinations(range(len(subjects)), 2):
        matrix[i, j] = matrix[j, i] = geometry.cka(states[i], states[j], mask=mask, unbiased=True)
        pair = f"{subjects[i].label} and {subjects[j].label}"
        values.append(Value("", f"CKA of {pair}", float(matrix[i, j])))
    closest, farthest = max(values, key=_value), min(values, key=_value)
    return Finding(
        "representations",
        "Similar representations?",
        "Linear CKA of the states of two runs on the same sequences: 1 where one is a rotated copy "
        "of the other, 0 where they have nothing in common. It does not see how states follow one "
        "another.",
        (
            f"Most alike: {closest.quantity.removeprefix('CKA of ')}, {brief(closest.value, 3)}; "
            f"least: {farthest.quantity.removeprefix('CKA of ')}, {brief(farthest.value, 3)}.",
        ),
        lambda narrow: plots.similarity_matrix(
            matrix, [s.label for s in subjects], name="CKA", low=0.0, high=1.0, narrow=narrow
        ),
        tuple(values),
    )


def dynamics(subjects: Sequence[Subject]) -> Finding:
    """The distance of the dynamics of all pairs, by eigenvalues."""
    states, mask = _shown_the_same(subjects)
    rank = min(RANK, *(DELAYS * s.shape[-1] for s in states))
    operators = [similarity.fit(s, delays=DELAYS, rank=rank, mask=mask) for s in states]
    found = similarity.pairwise(operators, "eigenvalues")
    values = [
        Value(
            "",
            f"distance of {subjects[i].label} and {subjects[j].label}",
            float(found.distances[i, j]),
        )
        for i, j in itertools.combinations(range(len(subjects)), 2)
    ]
    closest, farthest = min(values, key=_value), max(values, key=_value)
    fits = "; ".join(
        f"{subject.label} {brief(float(operator.r2), 3)}"
        for subject, operator in zip(subjects, operators)
    )
    return Finding(
        "dynamics",
        "Similar dynamics?",
        "A linear operator is fitted to how the states of each run follow one another, with delays "
        "(Ostrow et al. 2023); the distance is that of the eigenvalues of two operators, 0 for "
        "networks that differ in coordinates only. Same score does not mean same solution.",
        (
            f"Closest: {closest.quantity.removeprefix('distance of ')}, "
            f"{brief(closest.value, 3)}; farthest: "
            f"{farthest.quantity.removeprefix('distance of ')}, {brief(farthest.value, 3)}. "
            f"One-step R² of the operators: {fits}.",
        ),
        lambda narrow: plots.similarity_matrix(
            found.distances,
            [s.label for s in subjects],
            name="distance of eigenvalues",
            low=0.0,
            narrow=narrow,
        ),
        tuple(values),
    )


def _shown_the_same(subjects: Sequence[Subject]) -> tuple[list[np.ndarray], np.ndarray]:
    """The joint states of all runs on the sequences of the first, and their mask.

    Raises:
        NotForThis: runs whose inputs differ in kind.
    """
    batch = subjects[0].batch
    shapes = [jax.tree.map(lambda a: (a.shape[2:], a.dtype), s.batch.inputs) for s in subjects]
    for subject, shape in zip(subjects, shapes):
        if shape != shapes[0]:
            raise NotForThis(
                f"{subjects[0].label} and {subject.label} have inputs of different kinds"
            )
    states = []
    for subject in subjects:
        apply = subject.opened.model.apply
        trace = apply(
            subject.params, batch.inputs, mask=batch.mask, resets=batch.resets, return_trace=True
        )[2]
        states.append(np.asarray(subject.system.vector({n: t.states for n, t in trace.items()})))
    return states, np.asarray(batch.mask)


def _value(value: Value) -> float:
    return value.value
