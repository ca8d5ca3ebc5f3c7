"""The hidden units of two cells, matched; and a cell with its units in another order."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks
from lstmx.analysis import _matching
from lstmx.types import Params

AXES: Mapping[str, tuple[int, ...]] = {"R": (0, -1), "W": (-1,), "b": (-1,)}
"""Axes over hidden units of the leaves that most cells have: R [H, G, H], W [X, G, H], b [G, H]."""


class Match(NamedTuple):
    """The best matching found of the hidden units of two networks.

    Attributes:
        permutation: unit `permutation[k]` of the second network is matched with unit k of the
            first, [H].
        distance: Frobenius norm of the difference after matching.
        relative: distance / sqrt(|first|^2 + |second|^2); 0 for a permuted copy, 1 for weights
            without any overlap.
        unmatched: distance in the order of units as given.
        starts: distance that each start of the search reached, [S].
    """

    permutation: np.ndarray
    distance: float
    relative: float
    unmatched: float
    starts: np.ndarray


def match(
    first: Params,
    second: Params,
    *,
    leaves: Sequence[str] = ("R",),
    axes: Mapping[str, tuple[int, ...]] | None = None,
    restarts: int = 4,
    seed: int = 0,
) -> Match:
    """Matches the hidden units of two networks so that their weights differ least.

    The search is the fast approximate quadratic programming of Vogelstein et al. 2015, from several
    starts, for all gates at once.

    >>> import jax, lstmx
    >>> from lstmx.analysis import degeneracy
    >>> params = lstmx.cells.make("lstm", hidden_size=5).init(jax.random.key(0), 3)
    >>> copy = degeneracy.permute(params, [3, 0, 4, 1, 2])
    >>> degeneracy.match(params, copy).distance
    0.0

    Args:
        first, second: the parameters of two cells of one kind and size.
        leaves: names of the leaves that are compared; ("R",) are the recurrent weights alone.
        axes: name of a leaf -> its axes over hidden units, one or two, besides `AXES`.
        restarts: number of random starts, besides three that come from the weights.
        seed: of the random starts.

    Raises:
        ValueError: unknown leaves or axes, or sizes that differ.
    """
    if not leaves:
        raise ValueError("got no leaves; expected names such as R, W and b")
    checks.size("restarts", restarts, 0)
    pairs, rows = _gathered(first, leaves, axes), _gathered(second, leaves, axes)
    if [a.shape for a in pairs] != [b.shape for b in rows]:
        raise ValueError("got networks of different sizes; expected as many units, gates, inputs")
    search = _matching.match(*pairs, *rows, restarts=restarts, random=np.random.default_rng(seed))
    order = search.permutations[int(np.argmin(search.distances))]
    total = np.sqrt(sum(float((a * a).sum()) for a in (*pairs, *rows)))
    distance = float(search.distances.min())
    same = _matching.distance(*pairs, *rows, np.arange(len(order)))
    return Match(order, distance, distance / total if total else 0.0, same, search.distances)


def permute(
    params: Params,
    permutation: ArrayLike,
    *,
    axes: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, np.ndarray]:
    """The same cell with its hidden units in another order: unit k is `permutation[k]` of before.

    Raises:
        ValueError: a leaf whose axes are not known, or no permutation of its units.
    """
    order, moved = np.asarray(permutation), {}
    for name in params:
        array = np.asarray(params[name])
        for axis in _axes(name, axes):
            if not np.array_equal(np.sort(order), np.arange(array.shape[axis])):
                raise ValueError(
                    f"got a permutation {order.shape} for {name} {array.shape}; expected one of "
                    f"its {array.shape[axis]} units"
                )
            array = np.take(array, order, axis)
        moved[name] = array
    return moved


def _axes(name: str, axes: Mapping[str, tuple[int, ...]] | None) -> tuple[int, ...]:
    known = {**AXES, **(axes or {})}
    if name not in known:
        raise ValueError(
            f"got no axes of {name!r}; expected axes={{{name!r}: (...)}} that names its axes over "
            f"hidden units; known: {', '.join(known)}"
        )
    return known[name]


def _gathered(
    params: Params, leaves: Sequence[str], axes: Mapping[str, tuple[int, ...]] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices between hidden units [M, H, H] and vectors of them [N, H]."""
    matrices: list[np.ndarray] = []
    vectors: list[np.ndarray] = []
    for name in leaves:
        if name not in params:
            raise ValueError(checks.unknown("leaf", name, list(params)))
        array, places = np.asarray(params[name], float), _axes(name, axes)
        ends = tuple(range(-len(places), 0))
        moved = np.moveaxis(array, places, ends)
        moved = moved.reshape(-1, *moved.shape[moved.ndim - len(places) :])
        (matrices if len(places) == 2 else vectors).append(moved)
    sizes = {size for a in (*matrices, *vectors) for size in a.shape[1:]}
    if len(sizes) != 1:
        raise ValueError(
            f"got axes over hidden units of sizes {sorted(sizes)}; expected one size H: name the "
            "axes of each leaf"
        )
    size = sizes.pop()
    return (
        np.concatenate([np.zeros((0, size, size)), *matrices]),
        np.concatenate([np.zeros((0, size)), *vectors]),
    )
