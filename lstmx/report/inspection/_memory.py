"""What the state holds of the past, and in how many dimensions."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import plots
from lstmx.analysis import geometry, memory
from lstmx.report.inspection._findings import Finding, Value
from lstmx.report.inspection._subject import NotForThis, Subject
from lstmx.tables import brief, counted

MOST_LAGS = 24
PERMUTATIONS = 10
LEVEL = 0.5  # of the horizon, between chance and 1


def decoding(subjects: Sequence[Subject]) -> Finding:
    """How well earlier inputs can be read from the state."""
    length = min(s.batch.mask.shape[1] for s in subjects)
    longest = max(1, min(length - 1, length * 3 // 4))
    lags = np.unique(np.round(np.geomspace(1, longest, MOST_LAGS)).astype(int))
    lags = np.concatenate([[0], lags])
    scores, chance, values, says, missing = {}, {}, [], [], []
    names = set()
    for subject in subjects:
        try:
            signal, kind = _signal(subject)
            found = memory.decode(
                _states(subject),
                signal,
                lags.tolist(),
                mask=np.asarray(subject.batch.mask),
                permutations=PERMUTATIONS,
            )
        except (NotForThis, ValueError) as error:
            missing.append(f"{subject.label}: {error}.")
            continue
        names.add(kind)
        score, by_chance = found.score, found.chance
        if score.ndim == 2:
            score, by_chance = score.mean(1), by_chance.mean(2)
        scores[subject.label], chance[subject.label] = score, by_chance
        expected = by_chance.mean(0)
        relative = (score - expected) / np.maximum(1 - expected, 1e-9)
        held = memory.horizon(lags, relative, level=LEVEL)
        values += [
            Value(subject.label, f"{kind} at lag {lag}", float(value))
            for lag, value in zip(lags, score)
        ]
        far = f"up to {held:.0f} steps" if held >= 0 else "not even at the same step"
        says.append(
            f"{subject.label}: {kind} {brief(float(score[0]), 3)} for the input of the same step, "
            f"{brief(float(score[-1]), 3)} for that of {lags[-1]} steps earlier (chance "
            f"{brief(float(expected[-1]), 3)}). It is more than halfway between chance and 1 "
            f"{far}."
        )
    return Finding(
        "decoding",
        "What can be decoded from the state",
        "How well a linear readout of the state recovers the input of k steps earlier, on "
        "sequences that it was not fitted on. The band is what permuted sequences give by chance.",
        tuple(says),
        (
            lambda narrow: plots.decoding_curve(
                lags, scores, chance=chance, ylabel=" / ".join(sorted(names)), narrow=narrow
            )
        )
        if scores
        else None,
        tuple(values),
        tuple(missing),
    )


def dimensions(subjects: Sequence[Subject]) -> Finding:
    """In how many dimensions the states move."""
    ratios, used, values, says = {}, {}, [], []
    for subject in subjects:
        states, mask = _states(subject), np.asarray(subject.batch.mask)
        found = geometry.pca(states, mask=mask)
        dimension = geometry.participation_ratio(states, mask=mask)
        ratios[subject.label], used[subject.label] = found.ratio, dimension
        most = int(np.searchsorted(np.cumsum(found.ratio), 0.9) + 1)
        values += [
            Value(subject.label, "participation ratio", dimension, "dimensions"),
            Value(subject.label, "components for 90 % of the variance", most, "dimensions"),
        ]
        says.append(
            f"{subject.label}: {most} of {states.shape[-1]} components hold 90 % of the variance; "
            f"the participation ratio is {brief(dimension, 3)}."
        )
    return Finding(
        "dimensions",
        "In how many dimensions the state moves",
        "The share of the variance of all visited states in the first principal components. The "
        "diamond is the participation ratio, the number of dimensions that are used evenly.",
        tuple(says),
        lambda narrow: plots.explained_variance(ratios, dimensions=used, narrow=narrow),
        tuple(values),
    )


def plane(subject: Subject) -> Finding:
    """The trajectories of some sequences in the plane of two principal components."""
    states, mask = _states(subject), np.asarray(subject.batch.mask)
    if states.shape[-1] < 2:
        raise NotForThis("the state is a single number")
    found = geometry.pca(states, components=2, mask=mask)
    some = slice(0, 12)
    share = float(found.ratio.sum())
    return Finding(
        "plane",
        "Trajectories of the state",
        f"The states of {counted(len(states[some]), 'sequence')} in the plane of the two principal "
        "components, coloured by time. A ring is where a trajectory starts, a dot where it ends.",
        (f"The two components hold {share:.0%} of the variance.",),
        lambda narrow: plots.state_plane(
            geometry.project(found, states[some]),
            mask=mask[some],
            ratio=found.ratio,
            narrow=narrow,
        ),
        (Value(subject.label, "variance in two components", share),),
    )


def _states(subject: Subject) -> np.ndarray:
    """The joint states [B, T, D]; of a bidirectional model the outputs of its layers."""
    try:
        return np.asarray(subject.states)
    except NotForThis:
        leaves = [
            np.asarray(leaf).reshape(*leaf.shape[:2], -1)
            for _, _, trace in subject.layers.values()
            for leaf in jax.tree.leaves(trace.states)
        ]
        return np.concatenate(leaves, -1)


def _signal(subject: Subject) -> tuple[np.ndarray, str]:
    """The inputs as a signal, and the name of the score."""
    inputs = subject.batch.inputs
    inputs = getattr(inputs, "values", inputs)
    if not isinstance(inputs, jax.Array):
        raise NotForThis("the inputs are no single array")
    if jnp.issubdtype(inputs.dtype, jnp.integer):
        return np.asarray(inputs), "accuracy"
    signal = np.nan_to_num(np.asarray(inputs, float)).reshape(*inputs.shape[:2], -1)
    varies = signal.reshape(-1, signal.shape[-1]).std(0) > 0
    if not varies.any():
        raise NotForThis("no feature of the inputs varies")
    return signal[..., varies], "R²"
