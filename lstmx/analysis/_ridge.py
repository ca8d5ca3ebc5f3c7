"""Ridge regression in closed form, cross-validated from the moments of each fold.

A fold is known by n, sum x, sum y, sum x x', sum x y' and sum y^2: the fit on any union of folds
and its squared error on any other follow from these, whatever the number of steps.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg


class Scores(NamedTuple):
    """Scores of M signals of K columns on held-out folds; F folds.

    Attributes:
        r2, correlation: pooled over the folds, [M, K]; the correlation is squared.
        fold_r2: [F, M, K].
        accuracy, fold_accuracy: of the largest of the K columns, [M] and [F, M], or None.
        penalty: chosen by each fold, [F, M, K].
        count: number of held-out steps, [].
    """

    r2: np.ndarray
    correlation: np.ndarray
    fold_r2: np.ndarray
    accuracy: np.ndarray | None
    fold_accuracy: np.ndarray | None
    penalty: np.ndarray
    count: int  # type: ignore[assignment]  # hides tuple.count


class Moments(NamedTuple):
    """Sums over steps.

    Attributes:
        n: number of steps.
        x, y: [D] and [C].
        xx, xy: of products, [D, D] and [D, C].
        yy: of squares, [C].
    """

    n: float
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray


class Fit(NamedTuple):
    """Ridge regressions, y ~ mean y + (x - mean x) w.

    Attributes:
        x, y: means, [D] and [C].
        weights: w by penalty, [P, D, C].
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray


def cross_validate(
    x: np.ndarray,
    y: np.ndarray,
    present: np.ndarray,
    parts: Sequence[np.ndarray],
    penalties: Sequence[float],
    *,
    classes: bool,
) -> Scores:
    """Scores each fold by a fit of the others, whose penalty is cross-validated within these.

    Args:
        x: [B, T, D].
        y: [B, T, M, K]: M signals of K columns.
        present: [B, T], which steps count.
        parts: the sequences of each fold.
        penalties: to choose from, in units of the mean variance of x.
        classes: whether the K columns are classes, one hot: they share their penalty.

    Raises:
        ValueError: a fold without steps.
    """
    kinds = y.shape[2:]
    rows = [(x[p][present[p]], y[p][present[p]].reshape(-1, kinds[0] * kinds[1])) for p in parts]
    if min(len(a) for a, _ in rows) == 0:
        raise ValueError("a fold has no steps at this lag; expected fewer folds or smaller lags")
    moments = [_moments(*row) for row in rows]
    folds = range(len(parts))
    pairs = {
        frozenset((f, g)): _fit([moments[h] for h in folds if h not in (f, g)], penalties)
        for f in folds
        for g in range(f)
    }
    chosen, errors, spreads, hits = [], [], [], []
    products = np.zeros((3, kinds[0] * kinds[1]))
    for f in folds:
        inner = sum(_error(pairs[frozenset((f, g))], moments[g]) for g in folds if g != f)
        inner = np.asarray(inner).reshape(len(penalties), *kinds)
        if classes:
            inner = np.broadcast_to(inner.sum(-1, keepdims=True), inner.shape)
        best = inner.argmin(0)
        fit = _fit([moments[h] for h in folds if h != f], penalties)
        weights = np.take_along_axis(fit.weights, best.reshape(1, 1, -1), 0)
        fit, held = fit._replace(weights=weights), moments[f]
        chosen.append(np.asarray(penalties)[best])
        errors.append(_error(fit, held)[0].reshape(kinds))
        spreads.append(_spread(fit, held).reshape(kinds))
        products += _products(weights[0], held)
        if classes:
            a, b = rows[f]
            guess = (fit.y + (a - fit.x) @ weights[0]).reshape(-1, *kinds)
            right = guess.argmax(-1) == b.reshape(-1, *kinds).argmax(-1)
            hits.append(right.sum(0))
    error, spread = np.array(errors), np.array(spreads)
    count = sum(int(m.n) for m in moments)
    sizes = np.array([m.n for m in moments])
    return Scores(
        r2=_one_minus(error.sum(0), spread.sum(0)),
        correlation=_squared(*products).reshape(kinds),
        fold_r2=_one_minus(error, spread),
        accuracy=np.sum(hits, 0) / count if classes else None,
        fold_accuracy=np.array(hits) / sizes[:, None] if classes else None,
        penalty=np.array(chosen),
        count=count,
    )


def joined(scores: Sequence[Scores]) -> Scores:
    """The scores of several sets of signals as those of one set; the count is that of the first."""
    if len(scores) == 1:
        return scores[0]
    fields: dict[str, Any] = {}
    for name, values in zip(Scores._fields, zip(*scores)):
        axis = 1 if name in ("fold_r2", "fold_accuracy", "penalty") else 0
        single = values[0] is None or name == "count"
        fields[name] = values[0] if single else np.concatenate(values, axis)
    return Scores(**fields)


def _moments(x: np.ndarray, y: np.ndarray) -> Moments:
    return Moments(len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y, (y * y).sum(0))


def _fit(parts: Sequence[Moments], penalties: Sequence[float]) -> Fit:
    """w = (Cxx + a I)^-1 Cxy with the covariances Cxx, Cxy, and a = penalty * trace(Cxx) / D."""
    n, x, y, xx, xy, _ = Moments(*(sum(field) for field in zip(*parts)))  # type: ignore[arg-type]
    mean_x, mean_y = x / n, y / n
    covariance, cross = (xx - np.outer(x, mean_x)) / n, (xy - np.outer(x, mean_y)) / n
    # States that never change are read as nothing: the cross covariance is 0.
    variance = covariance.trace() / len(x) or 1.0
    ridge = variance * np.eye(len(x))
    # Symmetric and positive definite: half the work of a general solver.
    weights = [
        linalg.cho_solve(linalg.cho_factor(covariance + penalty * ridge), cross)
        for penalty in penalties
    ]
    return Fit(mean_x, mean_y, np.stack(weights))


def _error(fit: Fit, held: Moments) -> np.ndarray:
    """The summed squared error of a fit on other steps, for every penalty and column, [P, C]."""
    n, x, y, xx, xy, _ = held
    square = xx - np.outer(fit.x, x) - np.outer(x, fit.x) + n * np.outer(fit.x, fit.x)
    cross = xy - np.outer(fit.x, y) - np.outer(x, fit.y) + n * np.outer(fit.x, fit.y)
    w = fit.weights
    linear = (w * cross).sum(1)
    return _spread(fit, held) - 2 * linear + (w * (square @ w)).sum(1)


def _spread(fit: Fit, held: Moments) -> np.ndarray:
    """The summed squared error of the mean of a fit on other steps, [C]."""
    return held.yy - 2 * fit.y * held.y + held.n * fit.y**2


def _products(weights: np.ndarray, held: Moments) -> np.ndarray:
    """Covariance of readout and signal, variance of the readout, of the signal, times n: [3, C]."""
    n, x, y, xx, xy, yy = held
    readout = weights * ((xx - np.outer(x, x) / n) @ weights)
    return np.stack([(weights * (xy - np.outer(x, y) / n)).sum(0), readout.sum(0), yy - y * y / n])


def _squared(covariance: np.ndarray, readout: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """The squared correlation; 0 where the readout or the signal is constant."""
    scale = readout * signal
    return np.where(scale > 0, covariance**2 / np.where(scale > 0, scale, 1.0), 0.0)


def _one_minus(error: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """1 - error / spread; nan where the signal is constant."""
    return np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1.0), np.nan)
