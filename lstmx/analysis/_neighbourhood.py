"""What the dynamics are like around fixed points: stability, linear flow, lines and rings."""

import enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks
from lstmx.analysis import jacobians
from lstmx.analysis._system import System
from lstmx.types import Params

MARGIN = 0.01  # from 1, for an eigenvalue that counts as 1: a time constant of 100 steps
CONE = 0.8  # cosine of the largest angle between a neighbour and a slow mode
GAP = 0.5  # largest distance of neighbours, in units of the scale: half a radius of a ring
LEAST = 5  # points of a manifold: a corner, a saddle and a corner of a flip-flop are none
EXTENT = 0.1  # smallest diameter of a manifold: a slow point that is found with an error is none


class Kind(enum.IntEnum):
    """Stability of a fixed point.

    Attributes:
        STABLE: all eigenvalues inside the unit circle, by more than the margin.
        SADDLE: some outside by more than the margin, `Stability.unstable` of them.
        REPELLER: all outside by more than the margin.
        MARGINAL: none outside by more than the margin, some on the circle within it.
    """

    STABLE = 0
    SADDLE = 1
    REPELLER = 2
    MARGINAL = 3


class Stability(NamedTuple):
    """The linearised step at P points, e' = J e.

    Attributes:
        modes: eigenvalues [P, D], right and left eigenvectors, see `jacobians.Modes`.
        jacobians: [P, D, D].
        kind: [P] int, see `Kind`.
        unstable: [P] int, number of eigenvalues outside the unit circle by more than the margin.
        marginal: [P] int, number of those within the margin of it.
        time_constants: [P, D] -1 / log |eigenvalue| in steps: after so many a deviation along the
            mode has fallen to 1 / e of itself, or, where it is negative, grown by e.
        periods: [P, D] 2 pi / |angle of the eigenvalue| in steps; inf for positive ones, 2 for
            negative ones.
        margin: what counts as on the circle.
    """

    modes: jacobians.Modes
    jacobians: np.ndarray
    kind: np.ndarray
    unstable: np.ndarray
    marginal: np.ndarray
    time_constants: np.ndarray
    periods: np.ndarray
    margin: float


class Shape(enum.IntEnum):
    """What a point belongs to.

    Attributes:
        POINT: it is isolated.
        LINE: a curve of slow points with two ends.
        RING: a closed curve.
        SHEET: a surface of two or more dimensions.
    """

    POINT = 0
    LINE = 1
    RING = 2
    SHEET = 3


class Manifolds(NamedTuple):
    """Points sorted into isolated ones and C manifolds of slow points.

    Attributes:
        shape: [P] int, see `Shape`.
        label: [P] int, number of the manifold, -1 for an isolated point.
        sizes: [C] int, number of points of each manifold.
        extents: [C] the largest distance of two of its points.
        ends: [C] int, number of points with neighbours on one side only.
    """

    shape: np.ndarray
    label: np.ndarray
    sizes: np.ndarray
    extents: np.ndarray
    ends: np.ndarray


def stability(
    system: System, params: Params, points: ArrayLike, inputs: Any = None, *, margin: float = MARGIN
) -> Stability:
    """Returns eigenvalues, kind and time constants of the step at each point.

    Args:
        system: of the cell, model or step.
        params: its parameters.
        points: [P, D], such as those of `unique`.
        inputs: the input of each point, [P, ...] leading; None for a step without.
        margin: distance from the unit circle, in magnitude, up to which an eigenvalue is on it.

    Raises:
        ValueError: arrays of other shapes, points that are not finite, a negative margin.
    """
    checks.number("margin", margin, least=0)
    J = np.asarray(jacobians.state(system, params, points, inputs))  # type: ignore[arg-type]
    modes = jacobians.modes(J)
    size = np.abs(modes.values)
    unstable = np.sum(size > 1 + margin, axis=-1)
    marginal = np.sum(np.abs(size - 1) <= margin, axis=-1)
    outside = np.where(unstable == size.shape[-1], Kind.REPELLER, Kind.SADDLE)
    inside = np.where(marginal > 0, Kind.MARGINAL, Kind.STABLE)
    with np.errstate(divide="ignore"):
        time_constants = -1 / np.log(size)
        periods = 2 * np.pi / np.abs(np.angle(modes.values))
    # -1 / -0.0 of a magnitude of 1; a magnitude of 0 is forgotten at once.
    time_constants = np.where(size == 1, np.inf, np.where(size == 0, 0, time_constants))
    kind = np.where(unstable > 0, outside, inside)
    return Stability(modes, J, kind, unstable, marginal, time_constants, periods, margin)


def linear_flow(
    point: ArrayLike,
    jacobian: ArrayLike,
    states: ArrayLike,
    steps: int,
    *,
    velocity: ArrayLike = 0.0,
) -> np.ndarray:
    """Returns states [N, steps + 1, D] of the step linearised around a point, the first included.

    s' = point + velocity + J (s - point). Beside `analysis.trajectory` from the same states it
    shows how far from the point the linear picture holds.

    Args:
        point: [D].
        jacobian: [D, D], of the step at the point.
        states: [N, D] to start from.
        steps: number of steps.
        velocity: [D], F(point) - point of a slow point; 0 of a fixed point.

    Raises:
        ValueError: shapes that do not fit together, no steps.
    """
    checks.size("steps", steps, least=0)
    p, J, s = (np.asarray(a, float) for a in (point, jacobian, states))
    if p.ndim != 1 or J.shape != (p.size, p.size) or s.ndim != 2 or s.shape[1] != p.size:
        raise ValueError(f"got {p.shape}, {J.shape}, {s.shape}; expected [D], [D, D] and [N, D]")
    flow = [s]
    for _ in range(steps):
        flow.append(p + velocity + (flow[-1] - p) @ J.T)
    return np.stack(flow, axis=1)


def manifolds(
    points: ArrayLike,
    around: Stability,
    *,
    scale: float,
    group: ArrayLike | None = None,
    gap: float = GAP,
    least: int = LEAST,
    extent: float = EXTENT,
) -> Manifolds:
    """Returns which slow points form lines, rings and sheets, and which are isolated.

    A point may belong to a manifold if an eigenvalue is 1 up to the margin of `around`: a deviation
    along its mode neither decays nor grows. Two such points are neighbours if each lies along slow
    modes of the other. Points that are connected by neighbours are a manifold; where one has
    neighbours to one side only, it ends. Whether a line goes on where nothing was found is not
    known: search from many starts.

    Args:
        points: [P, D] of `unique`, fixed and slow ones.
        around: their `stability`.
        scale: the unit of distances, `Unique.scale`.
        group: [P] numbers; points of different ones, such as inputs, are no neighbours.
        gap: the largest distance of two neighbours, in units of the scale.
        least: the fewest points of a manifold.
        extent: its smallest diameter, in units of the scale.

    Raises:
        ValueError: numbers out of range, arrays of different lengths.
    """
    for name, value in {"scale": scale, "gap": gap, "extent": extent}.items():
        checks.number(name, value, least=0)
    checks.size("least", least, least=2)
    rows = np.asarray(points, float)
    groups = np.zeros(len(rows), int) if group is None else np.asarray(group)
    if rows.ndim != 2 or len(around.kind) != len(rows) or groups.shape != (len(rows),):
        raise ValueError(f"got {rows.shape} points, {len(around.kind)} stabilities, {groups.shape}")
    bases = [_slow_basis(around, n) for n in range(len(rows))]
    links = _links(rows, bases, groups, gap * scale)
    label = _components(links)
    shape = np.full(len(rows), Shape.POINT, int)
    kept = np.full(len(rows), -1)
    sizes: list[int] = []
    extents: list[float] = []
    ends: list[int] = []
    for component in np.unique(label):
        members = np.flatnonzero(label == component)
        size = _diameter(rows[members])
        if len(members) < least or size < extent * scale:
            continue
        ended = [n for n in members if not _both_sides(rows, bases[n], n, links[n])]
        wide = np.median([bases[n].shape[1] for n in members]) >= 2
        curve = Shape.LINE if ended else Shape.RING
        shape[members] = Shape.SHEET if wide else curve
        kept[members] = len(sizes)
        sizes.append(len(members))
        extents.append(size)
        ends.append(len(ended))
    return Manifolds(
        shape, kept, np.array(sizes, int), np.array(extents, float), np.array(ends, int)
    )


def _slow_basis(around: Stability, n: int) -> np.ndarray:
    """An orthonormal basis [D, k] of the modes of point n with an eigenvalue of about 1."""
    slow = np.abs(around.modes.values[n] - 1) <= around.margin
    right = around.modes.right[n][:, slow]
    spanning = np.concatenate([right.real, right.imag], axis=1)
    if not spanning.size:
        return np.zeros((right.shape[0], 0))
    U, sizes, _ = np.linalg.svd(spanning, full_matrices=False)
    return U[:, : min(int((sizes > 1e-6 * sizes[0]).sum()), int(slow.sum()))]


def _links(
    rows: np.ndarray, bases: list[np.ndarray], groups: np.ndarray, radius: float
) -> np.ndarray:
    """[P, P] bool, whether two points are neighbours."""
    near = np.zeros((len(rows), len(rows)), bool)
    for n, basis in enumerate(bases):
        offset = rows - rows[n]
        distance = np.linalg.norm(offset, axis=1)
        along = np.linalg.norm(offset @ basis, axis=1) >= CONE * distance
        near[n] = along & (distance > 0) & (distance <= radius) & (groups == groups[n])
    return near & near.T


def _components(links: np.ndarray) -> np.ndarray:
    """The number of the connected component of each point."""
    label = np.full(len(links), -1)
    for start in range(len(links)):
        if label[start] >= 0:
            continue
        front = [start]
        label[start] = start
        while front:
            new = np.flatnonzero(links[front.pop()] & (label < 0))
            label[new] = start
            front.extend(new)
    return label


def _both_sides(rows: np.ndarray, basis: np.ndarray, n: Any, links: np.ndarray) -> bool:
    """Whether a point has neighbours to both sides along its first slow mode."""
    along = (rows[links] - rows[n]) @ basis[:, 0]
    return bool((along > 0).any() and (along < 0).any())


def _diameter(rows: np.ndarray) -> float:
    return max(float(np.linalg.norm(rows - row, axis=1).max()) for row in rows)
