"""Gradients through time, and what of the input decides the output."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import plots
from lstmx.analysis import gradients, saliency
from lstmx.report.inspection._findings import Finding, Value
from lstmx.report.inspection._subject import NotForThis, Subject
from lstmx.tables import brief

MOST_STATES = 600
"""Largest size of the joint state for which products of Jacobians are computed."""
MOST_EXAMPLES = 8
OCCLUDED = 256
"""Largest number of steps that are occluded one by one."""


def reach(subjects: Sequence[Subject]) -> Finding:
    """The derivative of the last state by earlier ones, trained and untrained."""
    rows, values, says, missing = {}, [], [], []
    for subject in subjects:
        try:
            system = subject.system
            subject.check_unbroken()
            compared = {"trained": subject.params, "untrained": subject.untrained}
            if system.size > MOST_STATES:
                raise NotForThis(
                    f"the joint state has {system.size} numbers; products of Jacobians are "
                    f"computed up to {MOST_STATES}"
                )
        except NotForThis as error:
            missing.append(f"{subject.label}: {error}.")
            continue
        batch = jax.tree.map(lambda a: a[:MOST_EXAMPLES], subject.batch)
        for name, params in compared.items():
            found = gradients.reach(system, params, batch.inputs, mask=batch.mask)
            label = name if len(subjects) == 1 else f"{subject.label}, {name}"
            rows[label] = found.norms
            grown = gradients.growth(found.norms)
            factor = float(np.median(grown.factor))
            verdicts = [str(v) for v in grown.verdict]
            verdict = max(set(verdicts), key=verdicts.count)
            steps = float(np.median(grown.reach))
            values += [
                Value(subject.label, f"{name}: factor per step", factor),
                Value(subject.label, f"{name}: lag within a factor of 10", steps, "steps"),
            ]
            says.append(
                f"{label}: the gradient {verdict}, with a factor of {brief(factor, 4)} per step; "
                f"it stays within a factor of 10 of 1 for {steps:.0f} steps."
            )
    return Finding(
        "gradient_reach",
        "How far back a gradient reaches",
        "The size of d s(T) / d s(T - k), the derivative of the joint state at the end by the "
        "state k steps earlier. A line that falls is a gradient that vanishes: what happened k "
        "steps ago can no longer be learned from. One that rises explodes.",
        tuple(says),
        (lambda narrow: plots.gradient_reach(rows, narrow=narrow)) if rows else None,
        tuple(values),
        tuple(missing),
    )


def over_time(subject: Subject) -> Finding:
    """The gradient of the loss by the states."""
    batch = jax.tree.map(lambda a: a[:MOST_EXAMPLES], subject.batch)
    found = gradients.over_time(subject.system, subject.params, batch, subject.task.loss)
    # An example's own gradient: the loss is a mean over all of them.
    rows = {leaf: np.asarray(n) * len(batch.mask) for leaf, n in found.norms.items()}
    values, parts = [], []
    for leaf, table in rows.items():
        first, largest = table[:, 0], table.max(1)
        moved = largest > 0  # a counter among the states has no gradient
        share = float(np.median(first[moved] / largest[moved])) if moved.any() else np.nan
        values.append(Value(subject.label, f"{leaf}: first step / largest", share))
        parts.append(f"by {leaf} it is {brief(share, 3)} of the largest one")
    return Finding(
        "gradients_over_time",
        "Gradient of the loss by the state, over time",
        "Where the line is high, the state of that step matters for the loss. A line that falls "
        "towards the left does not reach the beginning of the sequence.",
        (f"At the first step, {'; '.join(parts)} (median over sequences).",),
        lambda narrow: plots.gradients_over_time(rows, narrow=narrow),
        tuple(values),
    )


def salient(subject: Subject) -> Finding:
    """Which inputs of one sequence decide one output."""
    outputs, batch = subject.outputs, subject.batch
    weights = jax.tree.leaves(batch.weights)[0]
    if not isinstance(outputs, jax.Array) or not isinstance(batch.inputs, jax.Array):
        raise NotForThis("inputs or outputs are no single array")
    weighted: np.ndarray = np.asarray(weights).reshape(*weights.shape[:2], -1).max(-1) > 0
    rows = np.flatnonzero(weighted.any(1))
    if not rows.size:
        raise NotForThis("no step of the batch has a weight in the loss")
    row = int(rows[0])
    step = int(np.flatnonzero(weighted[row])[-1])
    chosen = int(np.argmax(np.abs(np.asarray(outputs[row, step]))))
    one = jax.tree.map(lambda a: a[row : row + 1, : step + 1], batch)
    function = saliency.score(
        subject.opened.model,
        subject.params,
        output=chosen,
        step=step,
        mask=one.mask,
        resets=one.resets,
    )
    strips, values, says = {}, [], []
    tokens: Sequence[str] = ()
    if jnp.issubdtype(one.inputs.dtype, jnp.floating):
        found = saliency.integrated_gradients(function, one.inputs)
        strips["integrated gradients"] = np.asarray(found.values)[0]
        change, error = float(found.change[0]), float(found.error[0])
        values += [
            Value(subject.label, "change of the output", change),
            Value(subject.label, "completeness error", error),
        ]
        says.append(
            f"Output {chosen} at step {step} differs by {brief(change, 3)} from that of inputs of "
            f"zeros; the attributions sum to it with an error of {error:.1g}."
        )
    elif one.inputs.shape[1] <= MOST_TOKENS:
        tokens = [str(int(t)) for t in np.asarray(one.inputs)[0]]
    if one.inputs.shape[1] <= OCCLUDED:
        strips["occlusion"] = np.asarray(saliency.occlusion(function, one.inputs))[0]
    if not strips:
        raise NotForThis(
            f"a sequence of {one.inputs.shape[1]} tokens; up to {OCCLUDED} are occluded"
        )
    by_step = np.abs(next(iter(strips.values())))
    by_step = by_step.reshape(by_step.shape[0], -1).sum(1)
    best = int(by_step.argmax())
    share = float(by_step[best] / by_step.sum()) if by_step.sum() > 0 else float("nan")
    values.append(Value(subject.label, "step with the largest attribution", best, "step"))
    says.append(f"Step {best} has the largest attribution, {share:.0%} of their sum.")
    return Finding(
        "saliency",
        "What the output depends on, in one sequence",
        "Blue inputs raise the output, red ones lower it. Each strip has a scale of its own.",
        tuple(says),
        lambda narrow: plots.saliency_strip(
            np.asarray(one.inputs)[0], strips, tokens=tokens, narrow=narrow
        ),
        tuple(values),
    )


MOST_TOKENS = 24  # that are written in place of the inputs
