"""Which hyperparameters matter: functional ANOVA of a forest. Hutter, Hoos & Leyton-Brown 2014.

Any function f of independent x_1 ... x_D is a sum of functions of subsets of them, of which each
integrates to 0 over each of its variables; its variance is the sum of their variances. The share of
a subset is what it explains by itself. With the mean subtracted, and f_U = E[f | x_U],

    V_a = E[f_a^2],  V_ab = E[f_ab^2] - V_a - V_b.

A tree with leaves l of value v_l and volume prod_k p_lk makes these sums exact,

    E[f_U^2] = sum over l, m of v_l v_m  prod_{k not in U} p_lk p_mk  prod_{k in U} o_k(l, m),

where o_k(l, m) is the length along k that boxes l and m have in common. The pairs cost no more than
the singles: with r_k = o_k / (p_lk p_mk) and the weights w_l = v_l volume_l, E[f_ab^2] is the sum
of w_l w_m r_a r_b, which is a matrix product over [D, L L].
"""

from typing import NamedTuple

import numpy as np

from lstmx.stats import spaces
from lstmx.stats._samples import tail
from lstmx.stats.forests import Forest, Tree


class Shares(NamedTuple):
    """Shares of the variance of each tree; nan for a tree that is constant.

    Attributes:
        names: [D] of the dimensions.
        singles: [trees, D] of one dimension by itself.
        pairs: [trees, D, D] of two beyond what each explains by itself; nan on the diagonal.
        r2: out-of-bag R^2 of the forest, to be read before the shares.
    """

    names: tuple[str, ...]
    singles: np.ndarray
    pairs: np.ndarray
    r2: float

    def ranked(self, level: float = 0.8) -> list["Share"]:
        """Singles and pairs, the largest first.

        Args:
            level: of the spread over trees.
        """
        named: dict[tuple[str, ...], np.ndarray] = {
            (n,): self.singles[:, k] for k, n in enumerate(self.names)
        }
        for a, b in zip(*np.triu_indices(len(self.names), 1)):
            named[self.names[a], self.names[b]] = self.pairs[:, a, b]
        out = tail(level)
        found = [
            Share(names, float(np.nanmean(v)), *map(float, np.nanquantile(v, [out, 1 - out])))
            for names, v in named.items()
            if np.isfinite(v).any()
        ]
        return sorted(found, key=lambda share: -share.mean)


class Share(NamedTuple):
    """The share of the variance of one dimension or of a pair.

    Attributes:
        names: one name or two.
        mean: over the trees.
        low: lower end of the spread over trees, which is no interval of the true share.
        high: upper end.
    """

    names: tuple[str, ...]
    mean: float
    low: float
    high: float


class Marginal(NamedTuple):
    """The mean over all other dimensions, along one.

    Attributes:
        name: of the dimension.
        grid: [G] its values, or choices.
        mean: [G] over the trees.
        low: [G] lower end of the spread over trees.
        high: [G] upper end.
    """

    name: str
    grid: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def shares(forest: Forest) -> Shares:
    """The shares of all dimensions and pairs, tree by tree."""
    found = [tree_shares(tree) for tree in forest.trees]
    names = tuple(d.name for d in forest.dimensions)
    return Shares(
        names, np.stack([s for s, _ in found]), np.stack([p for _, p in found]), forest.r2
    )


def tree_shares(tree: Tree) -> tuple[np.ndarray, np.ndarray]:
    """The shares of one tree, singles [D] and pairs [D, D]."""
    lengths = [_lengths(side) for side in tree.sides]
    volumes = np.prod(lengths, axis=0)
    values = tree.values - tree.values @ volumes
    total = float(values**2 @ volumes)
    size = len(tree.sides)
    if total <= 0:
        return np.full(size, np.nan), np.full((size, size), np.nan)
    weights = values * volumes
    ratios = np.stack(
        [(_overlaps(s) / np.outer(p, p)).ravel() for s, p in zip(tree.sides, lengths)]
    )
    products = (ratios * np.outer(weights, weights).ravel()) @ ratios.T
    singles = np.array([weights @ r.reshape(weights.size, -1) @ weights for r in ratios])
    pairs = products - (singles[:, None] + singles[None, :])
    pairs = (pairs + pairs.T) / 2  # equal but for rounding
    np.fill_diagonal(pairs, np.nan)
    return singles / total, pairs / total


def marginal(forest: Forest, name: str, *, size: int = 100, level: float = 0.8) -> Marginal:
    """The prediction along one dimension, averaged over all others.

    Args:
        forest: of which trees are averaged.
        name: of the dimension.
        size: number of points along a range, evenly on its scale; a choice has all its values.
        level: of the spread over trees.

    Raises:
        ValueError: an unknown name.
    """
    names = [d.name for d in forest.dimensions]
    if name not in names:
        raise ValueError(f"got {name!r}; expected one of {', '.join(names)}")
    index = names.index(name)
    dimension = forest.dimensions[index]
    places: np.ndarray
    if dimension.choices:
        places = np.arange(len(dimension.choices))
        grid = np.empty(len(places), object)
        grid[:] = dimension.choices
    else:
        places = np.linspace(0, 1, size)
        grid = spaces.from_unit(dimension, places)
        if dimension.integer:
            grid = np.unique(grid)
            places = spaces.to_unit(dimension, grid)
    curves = np.stack([_along(tree, index, places) for tree in forest.trees])
    out = tail(level)
    low, high = np.quantile(curves, [out, 1 - out], axis=0)
    return Marginal(name, grid, curves.mean(axis=0), low, high)


def _along(tree: Tree, index: int, places: np.ndarray) -> np.ndarray:
    """E[f | x_index] at places [G]."""
    side = tree.sides[index]
    others = np.prod([_lengths(s) for k, s in enumerate(tree.sides) if k != index], axis=0)
    if side.dtype == bool:
        inside = side.T[places]
    else:  # a split sends x <= threshold to the left
        inside = (places[:, None] > side[:, 0]) & (places[:, None] <= side[:, 1])
        inside |= (places[:, None] == 0) & (side[:, 0] == 0)
    return inside @ (tree.values * others)


def _lengths(side: np.ndarray) -> np.ndarray:
    """The share of a dimension that each box has, [L]."""
    return side.mean(axis=1) if side.dtype == bool else side[:, 1] - side[:, 0]


def _overlaps(side: np.ndarray) -> np.ndarray:
    """The share that two boxes have in common, [L, L]."""
    if side.dtype == bool:
        return side.astype(float) @ side.T / side.shape[1]
    ends = np.minimum(side[:, None, 1], side[None, :, 1])
    begins = np.maximum(side[:, None, 0], side[None, :, 0])
    return np.maximum(ends - begins, 0)
