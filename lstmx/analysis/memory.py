"""What a state still knows of its input k steps later: linear decoding, and memory capacity.

    readout    u(t - k) ~ w s(t) + b      ridge regression in closed form
    R^2        1 - sum (u - prediction)^2 / sum (u - mean)^2      on sequences that were not fitted
    MC         sum over k of cov^2(u(t - k), y_k(t)) / (var u var y_k)      Jaeger 2001

The state s(t) is the one after step t, as `analysis.trajectory` and a trace have it, so that it has
read u(t) already: that is lag 0. Everything is cross-validated over sequences, and the penalty of
the ridge is chosen within the training sequences, so no score has seen its own data.

The chance level comes from permutations: states are paired with the signals of other sequences,
which keeps the statistics of both and whatever time alone tells. Scores are not free of bias at a
finite sample: on n held-out steps an uninformed readout has a squared correlation of about 1 / n
(more for a signal that is correlated in time), so a capacity summed over L lags starts at L / n and
not at 0, and its R^2 is about -D / n for D features without a penalty. `chance` measures both.
Jaeger 2001: The "echo state" approach and short term memory, GMD reports 148 and 152.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks
from lstmx.analysis import _ridge

PENALTIES = tuple(10.0**power for power in range(-8, 3, 2))
"""The penalties that are tried, in units of the mean variance of a feature: from a fit that only
rounding limits to one that hardly moves from the mean."""


class Decoding(NamedTuple):
    """How well a signal can be read from the state, by lag.

    Attributes:
        lags: steps from the signal to the state, [L].
        score: R^2 of a real signal, accuracy of classes, on held-out sequences: [L], and [L, K] for
            a real signal [B, T, K].
        chance: the same with the signals of other sequences, one row per permutation, [P, L] or
            [P, L, K].
        folds: score of each held-out fold, [F, L] or [F, L, K].
        penalty: the penalty that each fold chose, in units of the mean variance of a feature, like
            folds.
        count: number of steps that were scored, [L].
    """

    lags: np.ndarray
    score: np.ndarray
    chance: np.ndarray
    folds: np.ndarray
    penalty: np.ndarray
    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count


class Capacity(NamedTuple):
    """The linear memory capacity, and its curve.

    Attributes:
        lags: steps from the signal to the state, [L].
        curve: squared correlation of signal and readout on held-out sequences, [L] or [L, K].
        total: memory capacity, the sum of the curve, [] or [K].
        chance_curve: the curve with the signals of other sequences, [P, L] or [P, L, K].
        chance: its sum, [P] or [P, K]; the mean is the bias of `total`.
    """

    lags: np.ndarray
    curve: np.ndarray
    total: np.ndarray
    chance_curve: np.ndarray
    chance: np.ndarray


def decode(
    states: ArrayLike,
    signal: ArrayLike,
    lags: Sequence[int],
    *,
    mask: ArrayLike | None = None,
    folds: int = 5,
    penalties: Sequence[float] = PENALTIES,
    permutations: int = 20,
    seed: int = 0,
) -> Decoding:
    """How much of signal(t - lag) a linear readout recovers from the state at t, for each lag.

    With an input as the signal this is the delayed-recall curve; with a class that a sequence shows
    early, the time for which the class is held.

    >>> import numpy as np
    >>> u = np.random.default_rng(0).normal(size=(20, 50))
    >>> line = np.stack([np.roll(u, k, axis=1) for k in range(3)], axis=-1)  # u(t), u(t-1), u(t-2)
    >>> decode(line[:, 3:], u[:, 3:], [0, 2, 3]).score.round(1).tolist()
    [1.0, 1.0, -0.0]

    Args:
        states: [B, T, D].
        signal: [B, T] or [B, T, K] floats, each column read for itself; or [B, T] integer classes.
        lags: how many steps the signal lies before the state, each from 0 to T - 1.
        mask: [B, T] bool, False where a step does not exist; pairs with such a step are left out.
        folds: number of parts of the sequences; each is scored once by a readout of the others.
        penalties: the penalties to choose from, in units of the mean variance of a feature.
        permutations: number of permutations for the chance level; 0 for none.
        seed: of the folds and permutations.

    Raises:
        ValueError: shapes that do not agree, lags outside 0 ... T - 1, fewer sequences than folds
            (cut a long sequence into pieces), fewer than 3 folds, values that are not finite.
    """
    found = _decode(states, signal, lags, mask, folds, penalties, permutations, seed)
    accuracy = found.accuracy is not None
    score = found.accuracy if found.accuracy is not None else found.r2
    by_fold = found.fold_accuracy if found.fold_accuracy is not None else found.fold_r2
    # Classes choose one penalty for all their columns.
    penalty = found.penalty[:, :, 0, 0 if accuracy else slice(None)].swapaxes(0, 1)
    flat = not accuracy and np.ndim(signal) == 2
    shaped = (lambda a: a[..., 0]) if flat else (lambda a: a)
    return Decoding(
        lags=found.lags,
        score=shaped(score[:, 0]),
        chance=shaped(score[:, 1:].swapaxes(0, 1)),
        folds=shaped(by_fold[:, :, 0].swapaxes(0, 1)),
        penalty=shaped(penalty),
        count=found.count,
    )


def capacity(
    states: ArrayLike,
    signal: ArrayLike,
    lags: Sequence[int],
    *,
    mask: ArrayLike | None = None,
    folds: int = 5,
    penalties: Sequence[float] = PENALTIES,
    permutations: int = 20,
    seed: int = 0,
) -> Capacity:
    """The memory capacity of the state for a signal. Jaeger 2001.

    The signal should be independent from step to step: then a linear network of D states has at
    most the capacity D, over all lags from 0. (Jaeger sums from lag 1: leave out lag 0 for that.)

    Args and Raises: as `decode`, for a real signal.
    """
    if np.issubdtype(np.asarray(signal).dtype, np.integer):
        raise ValueError("got classes (integers); expected a real signal, as floats")
    found = _decode(states, signal, lags, mask, folds, penalties, permutations, seed)
    curves = found.correlation if np.ndim(signal) == 3 else found.correlation[..., 0]
    return Capacity(
        lags=found.lags,
        curve=curves[:, 0],
        total=curves[:, 0].sum(0),
        chance_curve=curves[:, 1:].swapaxes(0, 1),
        chance=curves[:, 1:].sum(0),
    )


def horizon(lags: ArrayLike, score: ArrayLike, *, level: float = 0.5) -> float:
    """The longest lag up to which the score stays at or above a level; -1 if the first is below.

    Args:
        lags: [L], ascending.
        score: [L], such as `Decoding.score`, or `Capacity.curve`.
        level: to be compared with the chance level first.

    Raises:
        ValueError: lags and scores of different lengths, or lags that do not ascend.
    """
    steps, values = np.asarray(lags), np.asarray(score, float)
    if steps.ndim != 1 or steps.shape != values.shape or (np.diff(steps) <= 0).any():
        raise ValueError(f"got lags {steps.shape}, score {values.shape}; expected [L], ascending")
    good = np.cumprod(values >= level).sum()
    return float(steps[good - 1]) if good else -1.0


class _Found(NamedTuple):
    """Scores by lag and by signal, the given one first and then its permutations.

    Attributes:
        lags, count: [L].
        r2, correlation: [L, 1 + P, K]; fold_r2: [L, F, 1 + P, K].
        accuracy: [L, 1 + P], fold_accuracy [L, F, 1 + P]; None for a real signal.
        penalty: [L, F, 1 + P, K].
    """

    lags: np.ndarray
    r2: np.ndarray
    correlation: np.ndarray
    fold_r2: np.ndarray
    accuracy: np.ndarray | None
    fold_accuracy: np.ndarray | None
    penalty: np.ndarray
    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count


def _decode(
    states: ArrayLike,
    signal: ArrayLike,
    lags: Sequence[int],
    mask: ArrayLike | None,
    folds: int,
    penalties: Sequence[float],
    permutations: int,
    seed: int,
) -> _Found:
    x, y, present, classes = _checked(states, signal, mask)
    rows, length = x.shape[:2]
    steps = np.asarray(lags)
    if steps.ndim != 1 or not steps.size or steps.dtype.kind not in "iu":
        raise ValueError(f"got lags={checks.shown(lags)}; expected one or more whole numbers")
    if steps.min() < 0 or steps.max() >= length:
        raise ValueError(
            f"got lags from {steps.min()} to {steps.max()}; expected 0 to T - 1 = {length - 1}"
        )
    checks.size("folds", folds, 3)
    checks.size("permutations", permutations, 0)
    if rows < folds:
        raise ValueError(
            f"got {rows} sequences for {folds} folds; expected one or more a fold: cut long "
            "sequences into pieces, or ask for fewer folds"
        )
    if not len(penalties):
        raise ValueError("got no penalties; expected one or more")
    for penalty in penalties:
        checks.number("penalty", penalty, above=0)
    random = np.random.default_rng(seed)
    parts = np.array_split(random.permutation(rows), folds)
    pairings = [np.arange(rows)]
    for _ in range(permutations):
        # A random cycle: no sequence keeps its own signal.
        order = random.permutation(rows)
        pairings.append(np.empty_like(order))
        pairings[-1][order] = np.roll(order, 1)
    # Where every step exists all pairings have the same ones, and so one decomposition of states.
    together = [pairings] if present.all() else [[pairing] for pairing in pairings]
    found = []
    for lag in steps:
        pieces = [
            _ridge.cross_validate(
                *_pairs(x, y, present, group, int(lag)), parts, penalties, classes=classes
            )
            for group in together
        ]
        found.append(_ridge.joined(pieces))
    stacked = [
        None if field[0] is None else np.stack(field)  # type: ignore[arg-type]
        for field in zip(*found)
    ]
    return _Found(steps, *stacked)  # type: ignore[arg-type]


def _pairs(
    x: np.ndarray, y: np.ndarray, present: np.ndarray, pairings: Sequence[np.ndarray], lag: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States [B, T', D], signals [B, T', M, K] and which steps exist [B, T'], at one lag."""
    end = x.shape[1] - lag
    there = present[:, lag:] & present[:, :end] & present[pairings[0], :end]
    return x[:, lag:], np.stack([y[p, :end] for p in pairings], axis=2), there


def _checked(
    states: ArrayLike, signal: ArrayLike, mask: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """States, signal [B, T, K] (classes one hot), mask, and whether the signal has classes."""
    x, y = np.asarray(states), np.asarray(signal)
    classes = y.dtype.kind in "iub"
    if x.ndim != 3 or y.shape[:2] != x.shape[:2] or y.ndim not in ((2,) if classes else (2, 3)):
        raise ValueError(
            f"got states {x.shape} and a signal {y.shape} of {y.dtype}; expected [B, T, D] and "
            "[B, T] or [B, T, K] floats, or [B, T] integer classes"
        )
    present = np.ones(x.shape[:2], bool) if mask is None else np.asarray(mask)
    if present.shape != x.shape[:2] or present.dtype != bool:
        raise ValueError(f"got a mask {present.shape} of {present.dtype}; expected [B, T] of bool")
    if classes:
        y = (y[..., None] == np.unique(y[present])).astype(float)
    y = y.reshape(*y.shape[:2], -1).astype(float)
    x = x.astype(float)
    if not (np.isfinite(x[present]).all() and np.isfinite(y[present]).all()):
        raise ValueError("got states or a signal with values that are not finite; mask such steps")
    # Steps that do not exist are never read; a common shift and scale changes no score.
    x = np.where(present[..., None], x, 0.0)
    x = x - x[present].mean(0) if present.any() else x
    return x, np.where(present[..., None], y, 0.0), present, classes
