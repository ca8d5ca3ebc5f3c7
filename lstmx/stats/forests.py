"""A random forest over a searched space, as the boxes of its leaves."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstmx.stats import spaces
from lstmx.stats._samples import sample
from lstmx.stats.spaces import Dimension

FEWEST_POINTS = 8
"""Of fewer, a bootstrap sample is about five points, in two or three leaves."""
FEWEST_TREES = 32
"""With fewer, some point may be in the bootstrap sample of each, and the R^2 lacks it."""


class Tree(NamedTuple):
    """A piecewise constant function, one box per leaf.

    Attributes:
        values: [L] of the leaves.
        sides: one per dimension. Of a range, [L, 2]: where the box begins and ends, in shares of
            it. Of a choice with C values, [L, C] bool: those that lie in the box.
    """

    values: np.ndarray
    sides: tuple[np.ndarray, ...]


class Forest(NamedTuple):
    """Trees over one space.

    Attributes:
        dimensions: of the space.
        trees: one or more.
        r2: of the predictions for points that a tree was not fitted to (out of bag): what share of
            the variance the forest explains at all. At 0 or below, its shares mean nothing.
    """

    dimensions: tuple[Dimension, ...]
    trees: tuple[Tree, ...]
    r2: float


def fit(
    points: Mapping[str, Sequence[Any] | np.ndarray],
    values: ArrayLike,
    dimensions: Sequence[Dimension],
    *,
    trees: int = 64,
    leaf: int = 2,
    seed: int = 0,
) -> Forest:
    """A forest that predicts the value of a point, fitted on the searched scale.

    Each tree sees a bootstrap sample. Choices are split one against the others.

    Args:
        points: name of a dimension -> [n] its values; other names are ignored.
        values: [n] of the metric, finite: a trial that diverged needs a value that is as bad as it
            is. A metric that spans decades is better explained by its logarithm.
        dimensions: of the space, those that were searched.
        trees: their number, `FEWEST_TREES` or more.
        leaf: smallest number of points in a leaf. One fits the noise, which looks like
            interactions; more flatten small effects.
        seed: of the bootstrap samples.

    Raises:
        ValueError: fewer than `FEWEST_POINTS` points or `FEWEST_TREES`, a dimension without values
            or with another number of them, values out of range or not finite.
    """
    from sklearn.ensemble import RandomForestRegressor  # takes longer to import than all of lstmx

    target = sample(values)
    if target.size < FEWEST_POINTS or not dimensions:
        raise ValueError(
            f"got {target.size} points in {len(dimensions)} dimensions; expected {FEWEST_POINTS} "
            "or more, in one or more"
        )
    if trees < FEWEST_TREES:
        raise ValueError(f"got {trees} trees; expected {FEWEST_TREES} or more")
    columns, owners = [], []
    for k, dimension in enumerate(dimensions):
        spaces.check(dimension)
        if dimension.name not in points:
            raise ValueError(f"got no {dimension.name!r}; expected its value at every point")
        unit = spaces.to_unit(dimension, points[dimension.name])
        if unit.size != target.size:
            raise ValueError(
                f"{dimension.name}: got {unit.size} values; expected {target.size}, one per point"
            )
        if dimension.choices:
            columns += [unit == c for c in range(len(dimension.choices))]
            owners += [(k, c) for c in range(len(dimension.choices))]
        else:
            columns.append(unit)
            owners.append((k, 0))
    forest = RandomForestRegressor(
        trees, min_samples_leaf=leaf, max_features=1.0, oob_score=True, random_state=seed, n_jobs=1
    )
    forest.fit(np.stack(columns, axis=1), target)
    boxes = tuple(_boxes(tree.tree_, owners, dimensions) for tree in forest.estimators_)
    return Forest(tuple(dimensions), boxes, float(forest.oob_score_))


def _boxes(tree: Any, owners: Sequence[tuple[int, int]], dimensions: Sequence[Dimension]) -> Tree:
    """The leaves of a tree of scikit-learn; `owners`: column -> (dimension, number of choice)."""
    nodes = tree.node_count
    sides = [
        np.ones((nodes, len(d.choices)), bool) if d.choices else np.tile([0.0, 1.0], (nodes, 1))
        for d in dimensions
    ]
    left, right = tree.children_left, tree.children_right
    for node in np.flatnonzero(left >= 0):  # parents come before their children
        below, above = left[node], right[node]
        for side in sides:
            side[below] = side[above] = side[node]
        k, choice = owners[tree.feature[node]]
        if dimensions[k].choices:
            sides[k][below, choice] = False
            sides[k][above] = False
            sides[k][above, choice] = True
        else:
            cut = _cut(dimensions[k], float(tree.threshold[node]))
            sides[k][below, 1] = sides[k][above, 0] = cut
    leaves = np.flatnonzero(left < 0)
    return Tree(tree.value[leaves, 0, 0], tuple(side[leaves] for side in sides))


def _cut(dimension: Dimension, threshold: float) -> float:
    """Where a split divides the range: of whole numbers, half way between two of them."""
    if not dimension.integer:
        return threshold
    begin, end = spaces.ends(dimension)
    scaled = begin + threshold * (end - begin)
    whole = np.floor(np.exp(scaled) if dimension.log else scaled) + 0.5
    return float(((np.log(whole) if dimension.log else whole) - begin) / (end - begin))
