"""Do two networks move alike? Dynamical similarity analysis. Ostrow et al. 2023, arXiv:2306.10168.

    delays      H(t) = (s(t), s(t-1), ..., s(t-d+1))              delay embedding
    operator    v(t+1) = A v(t) [+ B x(t+1)] + const              v: H in r whitened coordinates
    distance    min over C C' = I of |A1 - C A2 C'|_F             Procrustes over vector fields
    spectrum    Wasserstein distance of the eigenvalues of A1 and A2

`fit` estimates the operator of one system from its states, which may have any width; `align`,
`spectrum_distance` and `pairwise` compare operators. Whitened coordinates make A the same, up to a
change of orthogonal basis, for states that are an invertible linear map of one another.

A comparison is worth what the operators are: see `Operator.r2` and `persistence` first. Distances
depend on delays and rank, which must be the same for all systems of a comparison.

Deviations: the means are taken out (a constant is fitted), so that a fixed point away from 0 is no
mode; ranks are not chosen automatically. With inputs, B is estimated by dynamic mode decomposition
with control (Proctor et al. 2016) and compared jointly with A under one C. The question is that of
InputDSA (Huang, Ostrow et al. 2025, arXiv:2510.25943), the method is not: InputDSA estimates A and
B by subspace identification, made for states that are observed in part, which is not done here.
Whitening uses the visited states: drive the systems of a comparison by the same inputs. What
scales B and the states alike cancels.
"""

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from lstmx import checks
from lstmx.analysis import _alignment
from lstmx.analysis._alignment import CONVERGED, STOPPED
from lstmx.analysis._operators import Operator, fit, hankel

__all__ = [
    "CONVERGED",
    "STOPPED",
    "Alignment",
    "Operator",
    "Pairwise",
    "align",
    "fit",
    "hankel",
    "pairwise",
    "spectrum_distance",
]

BATCH = 2**20  # numbers in an array of changes of basis, of which some ten are in use at once
MEASURES = ("eigenvalues", "procrustes", "angular")


class Alignment(NamedTuple):
    """The best change of basis found between two operators.

    Attributes:
        distance: sqrt(|A1 - C A2 C'|_F^2 + |B1 - C B2|_F^2).
        angle: arccos of the overlap of the two, normalised, 0 to pi radians; it ignores a common
            factor of (A, B).
        basis: C, orthogonal, [r, r].
        code: CONVERGED, or STOPPED where the best start ran out of steps.
        gradient: relative norm of the gradient at the best start.
        starts: distance that each start reached, [S]; the minimum over C is at most the smallest,
            and is likely met where several agree.
    """

    distance: float
    angle: float
    basis: np.ndarray
    code: int
    gradient: float
    starts: np.ndarray


class Pairwise(NamedTuple):
    """Distances between all pairs of N systems.

    Attributes:
        distances: symmetric, 0 on the diagonal, [N, N].
        codes: result codes, [N, N]; all CONVERGED for eigenvalues, which need no search.
    """

    distances: np.ndarray
    codes: np.ndarray


def align(
    first: Operator,
    second: Operator,
    *,
    restarts: int = 16,
    steps: int = 1000,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Alignment:
    """Procrustes analysis over vector fields: |A1 - C A2 C'| at the best orthogonal C found.

    With inputs, |B1 - C B2| counts as well, with the same C: both systems must have the same
    inputs. The smaller of two operators is filled up with modes that vanish in one step.

    The distance is an upper bound. A hidden copy is found exactly; for unrelated random operators
    of rank 6 the best of the default starts was the best of 100 in 12 cases of 12, and of rank 20
    it was at most 3 % above.

    Args:
        first, second: operators from `fit`.
        restarts: number of random starts, besides two that come from the operators.
        steps: largest number of steps of each start.
        tolerance: of the norm of the gradient, relative to |A1| |A2| + |B1| |B2|.
        seed: of the random starts.

    Raises:
        ValueError: numbers of inputs that differ.
    """
    return _align([(first, second)], restarts, steps, tolerance, seed)[0]


def spectrum_distance(first: Operator, second: Operator) -> float:
    """The Wasserstein-2 distance of the eigenvalues: sqrt(mean |l - m|^2), optimally paired.

    In the complex plane, where 1 is the radius of the unit circle. A spectrum with fewer values is
    filled up with zeros, modes that vanish in one step. It is 0 for systems that are linear maps of
    one another, and blind to transients of non-normal systems and to B.
    """
    size = max(len(first.eigenvalues), len(second.eigenvalues))
    a, b = (_filled(o.eigenvalues, size) for o in (first, second))
    costs = np.abs(a[:, None] - b[None]) ** 2
    return float(np.sqrt(costs[linear_sum_assignment(costs)].mean()))


def pairwise(
    operators: Sequence[Operator],
    measure: Literal["eigenvalues", "procrustes", "angular"] = "eigenvalues",
    *,
    restarts: int = 16,
    steps: int = 1000,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Pairwise:
    """The distances between all pairs of systems.

    Args:
        operators: one per system, fitted with the same delays and rank.
        measure: "eigenvalues" for `spectrum_distance`; "procrustes" or "angular" for distance or
            angle of `align`.
        restarts, steps, tolerance, seed: as in `align`.

    Raises:
        ValueError: fewer than two operators, an unknown measure, or numbers of inputs that differ.
    """
    checks.one_of("measure", measure, MEASURES)
    if len(operators) < 2:
        raise ValueError(f"got {len(operators)} operators; expected two or more")
    upper = np.triu_indices(len(operators), 1)
    pairs = list(itertools.combinations(operators, 2))
    distances = np.zeros((len(operators), len(operators)))
    codes = np.full(distances.shape, CONVERGED)
    if measure == "eigenvalues":
        distances[upper] = [spectrum_distance(*pair) for pair in pairs]
    else:
        found = _align(pairs, restarts, steps, tolerance, seed)
        distances[upper] = [f.angle if measure == "angular" else f.distance for f in found]
        codes[upper] = [f.code for f in found]
    return Pairwise(distances + distances.T, np.maximum(codes, codes.T))


def _align(
    pairs: Sequence[tuple[Operator, Operator]],
    restarts: int,
    steps: int,
    tolerance: float,
    seed: int,
) -> list[Alignment]:
    """The alignment of each pair, many at a time."""
    checks.size("restarts", restarts, 0)
    checks.size("steps", steps)
    widths = {o.control.shape[1] for pair in pairs for o in pair}
    if len(widths) > 1:
        raise ValueError(f"got operators with {sorted(widths)} inputs; expected the same number")
    sizes = [max(len(o.transition) for o in pair) for pair in pairs]
    found: dict[int, Alignment] = {}
    for size in sorted(set(sizes)):
        members = [k for k, of in enumerate(sizes) if of == size]
        most = max(1, BATCH // ((restarts + 2) * size**2))
        for begin in range(0, len(members), most):
            chunk = members[begin : begin + most]
            batch = [pairs[k] for k in chunk]
            found |= zip(chunk, _align_batch(batch, size, restarts, steps, tolerance, seed))
    return [found[k] for k in range(len(pairs))]


def _align_batch(
    pairs: Sequence[tuple[Operator, Operator]],
    size: int,
    restarts: int,
    steps: int,
    tolerance: float,
    seed: int,
) -> list[Alignment]:
    """The alignments of pairs whose larger operator has this size: each start is one problem."""
    problems, begins = [], []
    for pair in pairs:
        a, b = (_filled(o.transition, size, size) for o in pair)
        e, f = (_filled(o.control, size) for o in pair)
        random = np.random.default_rng(seed)
        begins.append(_alignment.starts(a, b, e, f, restarts=restarts, random=random))
        problems.append((a, b, e, f))
    number = restarts + 2
    stacked = [np.repeat(np.stack(field), number, axis=0) for field in zip(*problems)]
    a, b, e, f = stacked
    optimum = _alignment.maximise(
        a, b, e, f, np.concatenate(begins), steps=steps, tolerance=tolerance
    )
    c = optimum.basis
    apart = ((a - c @ b @ c.swapaxes(1, 2)) ** 2).sum((1, 2)) + ((e - c @ f) ** 2).sum((1, 2))
    norms = [np.sqrt((m**2).sum((1, 2)) + (n**2).sum((1, 2))) for m, n in ((a, e), (b, f))]
    overlap = optimum.value / np.maximum(norms[0] * norms[1], np.finfo(float).tiny)
    found = []
    for k in range(len(pairs)):
        of = slice(k * number, (k + 1) * number)
        best = of.start + int(np.argmin(apart[of]))
        found.append(
            Alignment(
                distance=float(np.sqrt(apart[best])),
                angle=float(np.arccos(np.clip(overlap[best], -1.0, 1.0))),
                basis=c[best],
                code=int(optimum.code[best]),
                gradient=float(optimum.gradient[best]),
                starts=np.sqrt(apart[of]),
            )
        )
    return found


def _filled(array: np.ndarray, *sizes: int) -> np.ndarray:
    """The array with zeros appended to its leading axes, up to these sizes."""
    ends = [(0, size - have) for size, have in zip(sizes, array.shape)]
    return np.pad(array, [*ends, *[(0, 0)] * (array.ndim - len(sizes))])
