"""The step as a dynamical system: Lyapunov exponents, eigenvalues, fixed points."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import plots
from lstmx.analysis import fixed_points, jacobians, lyapunov
from lstmx.report.inspection._findings import Finding, Value
from lstmx.report.inspection._subject import NotForThis, Subject
from lstmx.tables import brief, counted

MOST_EXPONENTS = 16
EXAMPLES = 4
STARTS = 256
FIXED, SLOW = 1e-10, 1e-6
"""Speeds q up to which a point counts as fixed, and as slow."""
VISITED = 8
"""Number of visited states at which eigenvalues are computed."""
MOST_STATES = 600
"""Largest size of the joint state of which whole Jacobians are computed."""


def spectrum(subjects: Sequence[Subject]) -> Finding:
    """The largest Lyapunov exponents along the sequences of the batch."""
    spectra, curves, values, says, missing = {}, {}, [], [], []
    for subject in subjects:
        try:
            system = subject.system
            subject.check_unbroken()
        except NotForThis as refusal:
            missing.append(f"{subject.label}: {refusal}.")
            continue
        batch = jax.tree.map(lambda a: a[:EXAMPLES], subject.batch)
        found = lyapunov.spectrum(
            system,
            subject.params,
            batch.inputs,
            exponents=min(MOST_EXPONENTS, system.size),
            mask=batch.mask,
            check=False,
        )
        if (found.code == lyapunov.Code.DIVERGED).any():
            missing.append(f"{subject.label}: a state or tangent was not finite.")
            continue
        each = found.exponents.mean(0)
        # Of B independent sequences: the error of their mean.
        errors = np.sqrt((found.errors**2).mean(0) / len(found.errors))
        spectra[subject.label] = (each, errors)
        curves[subject.label] = _mean_curve(found)
        values += [
            Value(subject.label, f"exponent {k + 1}", float(v), "nats/step")
            for k, v in enumerate(each)
        ]
        says.append(f"{subject.label}: {_verdict(float(each[0]), float(errors[0]))}")
    return Finding(
        "lyapunov",
        "Does a small difference grow?",
        "The Lyapunov exponents along held-out sequences: the mean rates at which small "
        "differences of the joint state grow (above 0) or are forgotten (below). Close to 0 is "
        "long memory.",
        tuple(says),
        (lambda narrow: plots.lyapunov_spectrum(spectra, curves, narrow=narrow))
        if spectra
        else None,
        tuple(values),
        tuple(missing),
    )


def _mean_curve(found: lyapunov.Spectrum) -> tuple[np.ndarray, np.ndarray]:
    """Times [P] of the longest sequence, and the mean estimates up to then, [P, K].

    Of a sequence that has ended by then its last estimate counts, so that the curve ends at the
    mean of all.
    """
    times = found.times[np.argmax(found.times[:, -1])]
    each = [
        [np.interp(times, own, estimate) for estimate in curve.T]
        for own, curve in zip(found.times, found.curve)
    ]
    return times, np.mean(each, axis=0).T


def _verdict(first: float, error: float) -> str:
    """The largest exponent in words."""
    text = f"the largest exponent is {brief(first, 3)} ± {brief(error, 2)} nats per step; "
    if first > 2 * error:
        return f"{text}small differences grow, so that the state depends on its distant past."
    if first < -2 * error:
        return f"{text}small differences shrink, to 1/e in {brief(-1 / first, 3)} steps."
    return f"{text}small differences neither grow nor shrink, within twice the error."


def eigenvalues(subject: Subject) -> Finding:
    """The eigenvalues of the step at visited states, trained and untrained."""
    system, mask = subject.system, np.asarray(subject.batch.mask)
    _check_size(subject)
    states, size = np.asarray(subject.states), subject.batch.mask.shape[1]
    # Step t starts from the state after step t - 1: both must exist, without a reset in between.
    pairs = np.argwhere(mask[:, 1:] & mask[:, :-1] & ~np.asarray(subject.batch.resets)[:, 1:])
    if not len(pairs):
        raise NotForThis("no step of its sequences follows another one")
    chosen = pairs[np.linspace(0, len(pairs) - 1, min(VISITED, len(pairs))).astype(int)]
    rows, steps = chosen.T
    inputs = jax.tree.map(lambda a: a[rows, steps + 1], subject.batch.inputs)
    found = {}
    for name, params in (("trained", subject.params), ("untrained", subject.untrained)):
        J = jacobians.state(system, params, jnp.asarray(states[rows, steps]), inputs)
        found[name] = jacobians.modes(J).values
    values, parts = [], []
    for name, row in found.items():
        largest = float(np.abs(row).max(-1).mean())
        slow = float((np.abs(row) > np.exp(-1 / size)).mean())
        values += [
            Value(subject.label, f"{name}: largest |eigenvalue|", largest),
            Value(subject.label, f"{name}: share slower than a sequence", slow),
        ]
        parts.append(f"{slow:.0%} {name} (largest magnitude {brief(largest, 3)})")
    return Finding(
        "eigenvalues",
        "Fast and slow modes of a step",
        f"The eigenvalues of the Jacobian of a step, at {len(chosen)} states that the trained "
        "network visits. A mode inside of the unit circle decays; the closer to the circle, the "
        "longer it remembers; its angle is a rotation.",
        (f"Modes that last longer than a sequence of {size} steps: {', '.join(parts)}.",),
        lambda narrow: plots.eigenvalues(found, narrow=narrow),
        tuple(values),
    )


def fixed(subject: Subject) -> list[Finding]:
    """Fixed and slow points at the mean input: in the plane of the states, and how fast all are."""
    system, inputs, mask = subject.system, subject.batch.inputs, np.asarray(subject.batch.mask)
    if not isinstance(inputs, jax.Array) or not jnp.issubdtype(inputs.dtype, jnp.floating):
        raise NotForThis("fixed points are searched at constant inputs of floats, not at tokens")
    _check_size(subject)
    states = np.asarray(subject.states)
    held = np.asarray(inputs)[mask].mean(0)
    found = fixed_points.search(
        system,
        subject.params,
        fixed_points.sample(states, STARTS, mask=mask, noise=0.05),
        jnp.asarray(held)[None],
        visited=states[mask],
        tolerance=FIXED,
        slow=SLOW,
    )
    points = fixed_points.unique(found)
    counts = {name: int(number[0]) for name, number in points.counts.items()}
    became = ", ".join(
        f"{number} {name.replace('_', ' ')}"
        for name, number in counts.items()
        if number and name not in ("starts", "kept", "duplicates")
    )
    around = fixed_points.stability(system, subject.params, points.points, points.inputs)
    kinds = [fixed_points.Kind(kind).name.lower() for kind in around.kind]
    edges, numbers = fixed_points.histogram(found)
    share = float(points.share[0])
    values = [Value(subject.label, name, number) for name, number in counts.items()]
    values.append(Value(subject.label, "share of starts that converged", share))
    values += [
        Value(subject.label, f"point {k} ({kind}): largest |eigenvalue|", float(size))
        for k, (kind, size) in enumerate(zip(kinds, np.abs(around.modes.values).max(-1)))
    ]
    by_kind = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    lines = [plots.Line("fixed", FIXED), plots.Line("slow", SLOW)]
    speeds = Finding(
        "speeds",
        "How fast the found points are",
        "q is half of the squared distance that a step moves a point by: a fixed point has q = 0. "
        "Starts that ended to the right of the second line reached neither a fixed nor a slow one.",
        (
            f"Of {counts['starts']} starts: {became}. {counts['duplicates']} ended where another "
            f"one did, {counts['kept']} different points are left.",
        ),
        lambda narrow: plots.speed_histogram(edges, numbers[0], lines=lines, narrow=narrow),
        tuple(values),
    )
    if not kinds or system.size < 2:
        return [speeds]
    paths = np.where(mask[:12, :, None], states[:12], np.nan)
    constants = around.time_constants[0]
    longest = float(np.max(np.where(np.isfinite(constants), constants, 0)))
    plane = Finding(
        "fixed_points",
        "Fixed points at the mean input",
        "Where the state would come to rest if the input stayed at its mean, in the plane of the "
        f"two principal components of {counted(len(paths), 'sequence')}. Memories are held at "
        "stable points; saddles are on the borders between their basins.",
        (
            f"Different points: {by_kind}.",
            f"At the one that most starts lead to, deviations last up to {brief(longest, 3)} "
            "steps.",
        ),
        lambda narrow: plots.fixed_points(points.points, kinds, paths, narrow=narrow),
    )
    return [plane, speeds]


def _check_size(subject: Subject) -> None:
    size = subject.system.size
    if size > MOST_STATES:
        raise NotForThis(
            f"the joint state has {size} numbers; Jacobians are computed up to {MOST_STATES}"
        )
