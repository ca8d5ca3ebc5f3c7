"""Decisions of a classifier against the truth: confusion, F1, area under the curve, calibration."""

from typing import NamedTuple

import numpy as np


class Calibration(NamedTuple):
    """How often predictions of a given confidence are right.

    Attributes:
        edges: [K + 1] bounds of the bins of confidence, the probability of the predicted class.
        counts: [K] predictions in each bin.
        confidence: [K] mean confidence of each bin, NaN where it is empty.
        accuracy: [K] share of them that is right, NaN where it is empty.
        error: the mean of |accuracy - confidence| over predictions (ECE of Naeini, Cooper &
            Hauskrecht 2015).
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def confusion(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """How often class r (row) was predicted as class c (column), [C, C].

    >>> import numpy as np
    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(
        classes, classes
    )


def macro_f1(truth: np.ndarray, guess: np.ndarray, classes: int) -> float:
    """The mean of the F1 scores 2 TP / (2 TP + FP + FN) of the classes.

    A class that neither occurs nor is predicted has no score and is left out.
    """
    table = confusion(truth, guess, classes)
    hits, whole = np.diag(table), table.sum(0) + table.sum(1)
    return float(np.mean(2 * hits[whole > 0] / whole[whole > 0]))


def auroc(truth: np.ndarray, scores: np.ndarray) -> float:
    """The area under the ROC curve: how often a case of class 1 has the higher score of a pair.

    Equal scores count half (Mann & Whitney 1947). NaN where a class does not occur.

    >>> import numpy as np
    >>> auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875

    Args:
        truth: [M] of 0 and 1.
        scores: [M].
    """
    positive = int(np.sum(truth == 1))
    pairs = positive * (len(truth) - positive)
    if not pairs:
        return float("nan")
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2  # the mean rank of equal scores
    above = ranks[place][truth == 1].sum() - positive * (positive + 1) / 2
    return float(above / pairs)


def calibration(truth: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> Calibration:
    """The calibration of probabilities [M, C] for the classes `truth` [M], in equal bins."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    edges = np.linspace(0.0, 1.0, bins + 1)
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(at, minlength=bins)
    some = np.where(counts > 0, counts, np.nan)
    means = [np.bincount(at, weights, bins) / some for weights in (confidence, right * 1.0)]
    error = float(np.nansum(counts * np.abs(means[1] - means[0])) / len(truth))
    return Calibration(edges, counts, means[0], means[1], error)
