"""Same score, same solution? How much networks trained on one task differ, at three levels.

    behaviour   spread over seeds of a score on data unlike those of training
    dynamics    mean over pairs of the distance of their dynamics, see `similarity`
    weights     mean over pairs of min over permutations P of |R1 - P R2 P'|_F

The levels are those of Huang, Singh, Martinelli and Rajan 2025, arXiv:2410.03972. Only networks
that solve the task equally well belong in one set; the definition of that is yours. Errors are
jackknife estimates over networks: N (N - 1) / 2 pairs of N networks are not independent.

The order of hidden units means nothing, so units of one network are matched with those of the other
first, the same permutation for all gates. That is a quadratic assignment problem, solved
approximately: a distance is an upper bound, and 0 for a permuted copy whose units all differ. Other
symmetries are not taken out, such as the sign of a tanh unit.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstmx.analysis import similarity
from lstmx.analysis._units import AXES, Match, match, permute
from lstmx.types import Params

__all__ = [
    "AXES",
    "Degeneracy",
    "Match",
    "Pairs",
    "Spread",
    "levels",
    "match",
    "mean_of_pairs",
    "permute",
    "spread",
    "weights",
]


class Spread(NamedTuple):
    """A score over N networks, by condition.

    Attributes:
        mean: over networks, [] or [K].
        std: standard deviation over networks (of a sample, N - 1), [] or [K].
        relative: std / |mean|, for comparing scores of different units, [] or [K].
        error: jackknife standard error of std, [] or [K].
    """

    mean: np.ndarray
    std: np.ndarray
    relative: np.ndarray
    error: np.ndarray


class Pairs(NamedTuple):
    """A distance over all pairs of N networks.

    Attributes:
        mean: over unordered pairs.
        error: its jackknife standard error over networks; nan for two networks.
        distances: [N, N].
    """

    mean: float
    error: float
    distances: np.ndarray


class Degeneracy(NamedTuple):
    """The three levels, see the module.

    Attributes:
        behaviour: spread of the scores.
        dynamics: distances of the dynamics.
        weights: relative distances of the weights.
        r2: one-step fit of each network's linear operator, on which `dynamics` rests, [N].
        codes: result codes of the pairs of `dynamics`, [N, N].
    """

    behaviour: Spread
    dynamics: Pairs
    weights: Pairs
    r2: np.ndarray
    codes: np.ndarray


def levels(
    scores: ArrayLike,
    states: Sequence[ArrayLike],
    params: Sequence[Params],
    *,
    inputs: ArrayLike | None = None,
    delays: int = 1,
    rank: int | None = None,
    measure: Literal["eigenvalues", "procrustes", "angular"] = "angular",
    leaves: Sequence[str] = ("R",),
    axes: Mapping[str, tuple[int, ...]] | None = None,
) -> Degeneracy:
    """Degeneracy of N networks in behaviour, dynamics and weights.

    Args:
        scores: [N] or [N, K], of each network on data unlike those of training.
        states: [B, T, D] of each network on the same inputs; D may differ.
        params: of the recurrent layer of each network.
        inputs: [B, T, X] for operators with inputs; None compares the states alone.
        delays, rank: of the operators, see `similarity.fit`.
        measure: of the dynamics, see `similarity.pairwise`.
        leaves, axes: see `match`.

    Raises:
        ValueError: fewer than two networks, or lists of different lengths; else as the functions
            that are called.
    """
    if not len(np.atleast_1d(scores)) == len(states) == len(params):
        raise ValueError(
            f"got {len(np.atleast_1d(scores))} scores, {len(states)} states, {len(params)} params; "
            "expected one of each per network"
        )
    operators = [similarity.fit(s, inputs, delays=delays, rank=rank) for s in states]
    found = similarity.pairwise(operators, measure)
    return Degeneracy(
        behaviour=spread(scores),
        dynamics=mean_of_pairs(found.distances),
        weights=weights(params, leaves=leaves, axes=axes),
        r2=np.array([operator.r2 for operator in operators]),
        codes=found.codes,
    )


def spread(scores: ArrayLike) -> Spread:
    """The standard deviation of scores over networks, and its error.

    Args:
        scores: [N], or [N, K] for K conditions.

    Raises:
        ValueError: fewer than two networks, or scores that are not finite.
    """
    values = np.asarray(scores, float)
    if values.ndim not in (1, 2) or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"got scores {values.shape}; expected finite [N] or [N, K], N at least 2")
    mean, std = values.mean(0), values.std(0, ddof=1)
    parts = [np.delete(values, n, 0).std(0, ddof=1) for n in range(len(values)) if len(values) > 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return Spread(mean, std, std / np.abs(mean), _jackknife(parts, std))


def mean_of_pairs(distances: ArrayLike) -> Pairs:
    """The mean of a matrix of distances over unordered pairs, and its error.

    Raises:
        ValueError: a matrix that is not symmetric, or of fewer than two networks.
    """
    matrix = np.asarray(distances, float)
    if matrix.ndim != 2 or len(matrix) < 2 or not np.array_equal(matrix, matrix.T):
        raise ValueError(f"got distances {matrix.shape}; expected a symmetric [N, N], N at least 2")

    def mean(matrix: np.ndarray) -> float:
        return float(matrix[np.triu_indices(len(matrix), 1)].mean())

    numbers = range(len(matrix)) if len(matrix) > 2 else ()
    parts = [mean(np.delete(np.delete(matrix, n, 0), n, 1)) for n in numbers]
    return Pairs(mean(matrix), float(_jackknife(parts, np.array(0.0))), matrix)


def weights(
    params: Sequence[Params],
    *,
    leaves: Sequence[str] = ("R",),
    axes: Mapping[str, tuple[int, ...]] | None = None,
    restarts: int = 4,
    seed: int = 0,
) -> Pairs:
    """The relative permutation-invariant distance of the weights of all pairs of networks.

    Args and Raises: as `match`.
    """
    distances = np.zeros((len(params), len(params)))
    for i, j in itertools.combinations(range(len(params)), 2):
        found = match(params[i], params[j], leaves=leaves, axes=axes, restarts=restarts, seed=seed)
        distances[i, j] = distances[j, i] = found.relative
    return mean_of_pairs(distances)


def _jackknife(parts: Sequence[np.ndarray | float], like: np.ndarray) -> np.ndarray:
    """The standard error from estimates without one network each; nan if there are none."""
    if not len(parts):
        return np.full_like(np.asarray(like, float), np.nan)
    values = np.stack([np.asarray(part, float) for part in parts])
    return np.sqrt((len(values) - 1) * values.var(0))
