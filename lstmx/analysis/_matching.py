"""The permutation of units that makes two sets of weights most alike: quadratic assignment.

    |A - B|^2 = const - 2 f(P),   f(P) = sum_m tr(A_m' P B_m P') + tr(V' P U)

f is maximised over doubly stochastic matrices by Frank-Wolfe steps, each one a linear assignment
with an exact line search, and the end is projected to a permutation. Vogelstein et al. 2015.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

STEPS = 50  # of Frank and Wolfe; a search stops by itself after some ten


class Search(NamedTuple):
    """Where each of S starts ended.

    Attributes:
        permutations: [S, H].
        distances: [S].
    """

    permutations: np.ndarray
    distances: np.ndarray


def match(
    a: np.ndarray,
    v: np.ndarray,
    b: np.ndarray,
    u: np.ndarray,
    *,
    restarts: int,
    random: np.random.Generator,
) -> Search:
    """Searches from the centre, the given order, similar units, and random mixtures.

    Args:
        a, b: matrices between units of the first and second network, [M, H, H].
        v, u: vectors over their units, [N, H].
        restarts: number of random starts.
        random: source of the random starts.
    """
    size = a.shape[1]
    centre = np.full((size, size), 1 / size)
    starts = [centre, np.eye(size), _matrix(_similar_units(a, v, b, u))]
    for _ in range(restarts):
        starts.append((centre + np.eye(size)[random.permutation(size)]) / 2)
    ends = [_climb(a, v, b, u, start) for start in starts]
    return Search(np.stack(ends), np.array([distance(a, v, b, u, order) for order in ends]))


def distance(
    a: np.ndarray, v: np.ndarray, b: np.ndarray, u: np.ndarray, order: np.ndarray
) -> float:
    """The Frobenius norm of the difference with the second network's units in this order."""
    pairs = a - b[:, order[:, None], order[None]]
    return float(np.sqrt((pairs**2).sum() + ((v - u[:, order]) ** 2).sum()))


def _climb(
    a: np.ndarray, v: np.ndarray, b: np.ndarray, u: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """The permutation at the end of a search from a doubly stochastic matrix, [H]."""
    linear = v.T @ u
    place = start
    for _ in range(STEPS):
        forth = _sandwich(a, place, b)
        gradient = forth + _sandwich(a.swapaxes(1, 2), place, b.swapaxes(1, 2)) + linear
        way = _matrix(_assigned(gradient)) - place
        # f(place + t way) = f(place) + slope t + bend t^2
        slope = (gradient * way).sum()
        bend = (_sandwich(a, way, b) * way).sum()
        if slope <= 1e-12 * np.abs(gradient).sum():
            break
        length = 1.0 if bend >= -slope / 2 else -slope / (2 * bend)
        place = place + length * way
    return _assigned(place)


def _sandwich(a: np.ndarray, p: np.ndarray, b: np.ndarray) -> np.ndarray:
    """sum_m A_m' P B_m, [H, H]."""
    return np.einsum("mji,mjk->ik", a, p @ b, optimize=True)


def _similar_units(a: np.ndarray, v: np.ndarray, b: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Matches units by what has no order: weight to itself, sorted weights in and out, vectors."""

    def signature(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        own = np.diagonal(matrices, axis1=1, axis2=2)
        sorted_in, sorted_out = np.sort(matrices, 1), np.sort(matrices.swapaxes(1, 2), 1)
        parts = [own, *sorted_in, *sorted_out, vectors]
        return np.concatenate([part.reshape(-1, matrices.shape[1]) for part in parts]).T

    x, y = signature(a, v), signature(b, u)
    return _assigned(2 * x @ y.T - (x**2).sum(1)[:, None] - (y**2).sum(1)[None])


def _assigned(gains: np.ndarray) -> np.ndarray:
    """The permutation with the largest sum of gains, [H]."""
    return np.asarray(linear_sum_assignment(gains, maximize=True)[1])


def _matrix(order: np.ndarray) -> np.ndarray:
    """P with P B P' = B[order][:, order]."""
    return np.eye(len(order))[order]
