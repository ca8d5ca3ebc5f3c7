"""Before and after a search: starts from visited states; different points, and their speeds."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks
from lstmx.analysis._search import Code, Search, spread

SAME = 1e-3  # distance of points that are one, in units of the spread of the visited states


class Unique(NamedTuple):
    """P different points, ordered by input, then by the number of starts that led there.

    Attributes:
        points: [P, D].
        q: [P] speeds, the smallest of the merged copies.
        input: [P] int, number of the input in the set.
        inputs: the input of each point, [P, ...] leading.
        members: [P] int, number of starts that led there.
        counts: name -> [M] int, for each input: "starts", the codes in lower case such as
            "converged" and "diverged", "kept" = P, and "duplicates", so that starts = kept +
            duplicates + those with another code than was asked for.
        share: [M] share of the starts that converged, outliers not counted.
        scale: of the search.
    """

    points: np.ndarray
    q: np.ndarray
    input: np.ndarray
    inputs: Any
    members: np.ndarray
    counts: dict[str, np.ndarray]
    share: np.ndarray
    scale: float


def sample(
    states: ArrayLike, count: int, *, mask: ArrayLike | None = None, noise: float = 0, seed: int = 0
) -> np.ndarray:
    """Returns `count` visited states [count, D], different ones as far as there are enough.

    Args:
        states: [..., D], such as [B, T, D] of `analysis.trajectory`.
        count: number of states.
        mask: [...] bool, False where a step does not exist.
        noise: standard deviation of what is added to every entry, in units of the root mean squared
            deviation of all entries: fixed points that repel are not visited themselves.
        seed: of the choice and the noise.

    Raises:
        ValueError: no states, states that are not finite, numbers out of range.
    """
    checks.size("count", count)
    checks.number("noise", noise, least=0)
    array = np.asarray(states)
    here = np.ones(array.shape[:-1], bool) if mask is None else np.asarray(mask, bool)
    if array.ndim < 2 or here.shape != array.shape[:-1] or not here.any():
        raise ValueError(f"got states {array.shape}, mask {here.shape}; expected [..., D], [...]")
    rows = array[here]
    if not np.isfinite(rows).all():
        raise ValueError("got states with inf or nan; expected finite ones")
    rng = np.random.default_rng(seed)
    pick = rng.permutation(len(rows))[:count]
    pick = np.concatenate([pick, rng.integers(len(rows), size=count - len(pick))])
    size = spread(rows) / np.sqrt(rows.shape[1])
    shift = noise * size * rng.standard_normal((count, rows.shape[1]))
    return (rows[pick] + shift).astype(array.dtype)


def unique(
    found: Search,
    *,
    same: float = SAME,
    codes: Sequence[Code] = (Code.CONVERGED, Code.SLOW),
) -> Unique:
    """Returns the different points of a search, the slowest copy of each, with all that is dropped.

    Args:
        found: the result of `search`.
        same: distance up to which two points of one input are one, in units of `found.scale`.
        codes: what to keep; `Code.OUTLIER` may be among them.

    Raises:
        ValueError: a negative distance.
    """
    radius = checks.number("same", same, least=0) * found.scale
    M, N, D = found.points.shape
    points, q, input, members = [], [], [], []
    for m in range(M):
        kept = np.isin(found.code[m], [int(code) for code in codes])
        order = np.flatnonzero(kept)[np.argsort(found.q[m][kept], kind="stable")]
        rest = found.points[m][order].astype(float)
        speeds = found.q[m][order]
        clusters = []
        while len(rest):
            near = np.linalg.norm(rest - rest[0], axis=1) <= radius
            clusters.append((int(near.sum()), rest[0], speeds[0]))
            rest, speeds = rest[~near], speeds[~near]
        for size, point, speed in sorted(clusters, key=lambda c: -c[0]):
            points.append(point)
            q.append(speed)
            input.append(m)
            members.append(size)
    which = np.array(input, int)
    sizes = np.array(members, int)
    counts = {"starts": np.full(M, N)}
    counts |= {code.name.lower(): (found.code == code).sum(1) for code in Code}
    counts["kept"] = np.bincount(which, minlength=M)
    counts["duplicates"] = np.bincount(which, weights=sizes, minlength=M).astype(int)
    counts["duplicates"] -= counts["kept"]
    return Unique(
        np.array(points, found.points.dtype).reshape(-1, D),
        np.array(q, found.q.dtype),
        which,
        jax.tree.map(lambda a: np.asarray(a)[which], found.inputs),
        sizes,
        counts,
        counts["converged"] / N,
        found.scale,
    )


def histogram(found: Search, *, per_decade: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Returns (edges [E + 1] of q, numbers of starts [M, E]) of all starts with a finite q.

    The edges are powers of ten and parts between; what is below the square of the rounding of the
    type, such as 0, is in the first bin.

    Raises:
        ValueError: fewer than one bin per decade.
    """
    checks.size("per_decade", per_decade)
    finite = np.isfinite(found.q)
    least = 10.0 ** math.floor(2 * math.log10(np.finfo(found.q.dtype).eps))
    logs = np.log10(np.maximum(np.where(finite, found.q, least), least))
    low, high = np.floor(logs.min()), np.floor(logs.max()) + 1
    edges = np.linspace(low, high, int(high - low) * per_decade + 1)
    numbers = [np.histogram(row[here], edges)[0] for row, here in zip(logs, finite)]
    return 10.0**edges, np.stack(numbers)
