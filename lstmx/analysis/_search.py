"""The search for fixed and slow points, from starts to what became of each."""

import enum
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks
from lstmx.analysis import _minimise
from lstmx.analysis._system import System, check_input
from lstmx.types import Array, Params

METHODS = {"newton": 100, "adam": 5000}
"""Name -> the most iterations by default."""
TOLERANCE = {"float32": 1e-10, "float64": 1e-14}
"""q up to which a point is fixed, |F(s) - s| <= 1.4e-5 (10 roundings of 128 entries) or 1.4e-7."""
SLOW = 1e-6  # q up to which it is slow: |F(s) - s| <= 1.4e-3, visited for hundreds of steps
BEYOND = 0.01  # q is minimised to this share of the tolerance, so that copies of a point agree
OUTLIER = 1.0  # distance from the nearest visited state, in units of their spread
PAIRS = 2**24  # distances that are computed at once


class Code(enum.IntEnum):
    """What became of a start.

    Attributes:
        CONVERGED: a fixed point, q <= tolerance.
        SLOW: tolerance < q <= slow, at a local minimum of q or after the last iteration.
        NOT_CONVERGED: q > slow.
        OUTLIER: fixed or slow, but far from all visited states.
        DIVERGED: no finite q.
    """

    CONVERGED = 0
    SLOW = 1
    NOT_CONVERGED = 2
    OUTLIER = 3
    DIVERGED = 4


class Search(NamedTuple):
    """What became of N starts at each of M inputs; M = 1 without inputs.

    Attributes:
        points: [M, N, D].
        q: [M, N] speeds |F(s, x) - s|^2 / 2.
        code: [M, N] int, see `Code`.
        iterations: [M, N] int.
        distance: [M, N] from the nearest visited state, in units of `scale`.
        inputs: the set of inputs, as it was given.
        scale: root mean squared distance of the visited states from their mean.
    """

    points: np.ndarray
    q: np.ndarray
    code: np.ndarray
    iterations: np.ndarray
    distance: np.ndarray
    inputs: Any
    scale: float


def search(
    system: System,
    params: Params,
    starts: ArrayLike,
    inputs: Any = None,
    *,
    method: str = "newton",
    steps: int | None = None,
    tolerance: float | None = None,
    slow: float = SLOW,
    visited: ArrayLike | None = None,
    outlier: float | None = OUTLIER,
    rate: float = 0.01,
) -> Search:
    """Returns the fixed or slow point that each start leads to, at each of a set of inputs.

    Args:
        system: of the cell, model or step.
        params: its parameters.
        starts: [N, D] for every input, such as those of `sample`.
        inputs: a set of constant inputs, [M, X] or a pytree with [M] leading; None for a step
            without.
        method: "newton", damped and with a line search, or "adam", gradient descent, which is
            slower and less exact, and stays closer to its starts.
        steps: the most iterations; 100 of newton and 5000 of adam if None.
        tolerance: q up to which a point is fixed; 1e-10 in float32, 1e-14 in float64 if None.
        slow: q up to which a point is slow.
        visited: [..., D], the states that distances are measured from; the starts if None.
        outlier: distance in units of the spread of the visited states from which on a point is an
            outlier; None for none.
        rate: learning rate of adam.

    Raises:
        ValueError: unknown method, numbers out of range, arrays of other shapes, visited states
            that are all equal or not finite, so that no distance is a large one.
    """
    checks.one_of("method", method, METHODS)
    first = jnp.asarray(starts)
    if first.ndim != 2 or first.shape[1] != system.size or not len(first):
        raise ValueError(f"got starts {first.shape}; expected [N, {system.size}]")
    check_input(system, params, inputs, 1)
    limit = TOLERANCE.get(first.dtype.name, 1e-10) if tolerance is None else tolerance
    checks.number("tolerance", limit, above=0)
    checks.number("slow", slow, least=limit)
    checks.number("rate", rate, above=0)
    most = checks.size("steps", METHODS[method] if steps is None else steps)
    known = np.asarray(first if visited is None else visited, float).reshape(-1, system.size)
    scale = spread(known)
    if outlier is not None:
        checks.number("outlier", outlier, above=0)
        if not scale > 0 or not np.isfinite(scale):
            raise ValueError(
                "got equal or infinite visited states; expected others, or outlier=None"
            )
    target = jnp.asarray(BEYOND * limit, first.dtype)
    result = _search(system, method, most, rate, params, first, inputs, target)
    points, q, iterations = (np.asarray(a) for a in result)
    finite = np.isfinite(q) & np.isfinite(points).all(-1)
    distance = np.full(q.shape, np.inf)
    distance[finite] = _nearest(points[finite], known) / (scale or 1)
    code = np.where(q <= limit, Code.CONVERGED, np.where(q <= slow, Code.SLOW, Code.NOT_CONVERGED))
    if outlier is not None:
        code = np.where((code != Code.NOT_CONVERGED) & (distance > outlier), Code.OUTLIER, code)
    code = np.where(finite, code, Code.DIVERGED)
    return Search(points, q, code, iterations, distance, inputs, scale)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _search(
    system: System,
    method: str,
    steps: int,
    rate: float,
    params: Params,
    starts: Array,
    inputs: Any,
    target: Array,
) -> _minimise.Minimum:
    """Minima of all pairs of an input and a start, [M, N, ...]."""
    M, N = _set_size(inputs), starts.shape[0]
    rows = jnp.tile(starts, (M, 1)), jax.tree.map(lambda a: jnp.repeat(a, N, axis=0), inputs)

    def one(row: tuple[Array, Any]) -> _minimise.Minimum:
        move = lambda s: system.step(params, s, row[1])[0]
        if method == "adam":
            return _minimise.adam(move, row[0], target=target, steps=steps, rate=rate)
        return _minimise.newton(move, row[0], target=target, steps=steps)

    # Each of Newton's starts by itself: LAPACK is not batched, and none waits for the others.
    alone = method == "newton" and jax.default_backend() == "cpu"
    found = jax.lax.map(one, rows, batch_size=None if alone else min(M * N, _minimise.ROWS))
    return jax.tree.map(lambda a: a.reshape(M, N, *a.shape[1:]), found)


def _set_size(inputs: Any) -> int:
    """M of a set of inputs; 1 for None."""
    sizes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(inputs)}
    if len(sizes) > 1 or () in sizes or (0,) in sizes:
        raise ValueError(f"got inputs with leading axes {sorted(sizes)}; expected a set [M, ...]")
    return int(next(iter(sizes))[0]) if sizes else 1


def spread(rows: np.ndarray) -> float:
    """The root mean squared distance of rows [N, D] from their mean."""
    rows = rows.astype(float)
    return float(np.sqrt(np.mean(np.sum((rows - rows.mean(0)) ** 2, axis=1))))


def _nearest(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Distance of each point from the nearest known state."""
    points = points.astype(float)
    squares = np.sum(known**2, axis=1)
    result = np.empty(len(points))
    rows = max(1, PAIRS // len(known))
    for n in range(0, len(points), rows):
        some = points[n : n + rows]
        best = np.argmin(squares - 2 * some @ known.T, axis=1)
        result[n : n + rows] = np.linalg.norm(some - known[best], axis=1)
    return result
