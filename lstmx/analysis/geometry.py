"""The shape of the set of visited states: principal components, dimension, and similarity.

Rows are visited states, whatever their leading axes: [B, T, D] from `analysis.trajectory` or one
leaf of a trace; a mask [B, T] leaves out the steps that do not exist. Geometry compares which
states occur, not how one leads to the next: for that see `similarity`. Computed in float64 on the
host, from covariances: memory grows with D^2, not with the square of the number of states.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks


class PCA(NamedTuple):
    """Principal components of a set of states.

    Attributes:
        mean: [D].
        components: orthonormal rows, the one with the largest variance first, [C, D]; the largest
            entry of each is positive.
        variance: of the states along each component, [C].
        ratio: its share of the total variance, [C].
    """

    mean: np.ndarray
    components: np.ndarray
    variance: np.ndarray
    ratio: np.ndarray


def pca(states: ArrayLike, *, components: int | None = None, mask: ArrayLike | None = None) -> PCA:
    """The principal components of visited states.

    Args:
        states: [..., D].
        components: how many, at most D; None is all D.
        mask: bool, of the leading axes: which states count.

    Raises:
        ValueError: no or a single state, more components than features, or wrong shapes.
    """
    x = _rows(states, mask)
    size = x.shape[1]
    count = size if components is None else checks.size("components", components)
    if count > size:
        raise ValueError(f"got components={count}; expected at most D = {size}")
    mean = x.mean(0)
    centred = x - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(x) - 1))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1].T
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], 1)
    vectors = vectors * np.where(largest < 0, -1.0, 1.0)
    total = values.sum()
    ratio = values / total if total > 0 else np.zeros_like(values)
    return PCA(mean, vectors[:count], values[:count], ratio[:count])


def project(onto: PCA, states: ArrayLike) -> np.ndarray:
    """The coordinates of states [..., D], of this or another network, in the components, [..., C].

    Raises:
        ValueError: states of another width.
    """
    x = np.asarray(states, float)
    if x.shape[-1:] != onto.mean.shape:
        raise ValueError(f"got states {x.shape}; expected [..., D] with D = {onto.mean.size}")
    return (x - onto.mean) @ onto.components.T


def participation_ratio(states: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """(sum lambda)^2 / sum lambda^2 of the eigenvalues of the covariance: the dimension in use.

    1 for states on a line, D for an isotropic cloud. From N independent samples of one, it is about
    D / (1 + D / N), so N should be many times D. Gao et al. 2017.

    >>> participation_ratio([[1, 0, 0], [-1, 0, 0], [0, 2, 0], [0, -2, 0]])
    1.47...

    Args:
        states: [..., D].
        mask: bool, of the leading axes: which states count.

    Raises:
        ValueError: no or a single state, states that are all equal, or wrong shapes.
    """
    x = _rows(states, mask)
    x = x - x.mean(0)
    # The matrix of the smaller side has the same eigenvalues apart from zeros.
    product = x.T @ x if len(x) > x.shape[1] else x @ x.T
    if not product.any():
        raise ValueError("got states that are all equal; expected some that vary")
    return float(product.trace() ** 2 / (product * product).sum())


def cka(
    first: ArrayLike,
    second: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    unbiased: bool = False,
) -> float:
    """Linear centred kernel alignment of two networks on the same inputs. Kornblith et al. 2019.

        CKA = |Y'X|_F^2 / (|X'X|_F |Y'Y|_F)        X [N, D1], Y [N, D2] centred

    1 for a network and its rotated or scaled copy, of whatever width; 0 for states without a linear
    relation. The same number comes from the [D1, D2] matrices of features or the [N, N] ones of
    examples; the smaller are computed. At a finite number N of states, unrelated networks
    have a CKA above 0, which grows with D / N; `unbiased` has the unbiased HSIC of Song et al. 2012
    in all three places, as in Nguyen et al. 2021, and may be below 0.

    Args:
        first: [..., D1].
        second: [..., D2], with the same leading axes: the states at the same steps.
        mask: bool, of the leading axes: which states count.
        unbiased: whether to remove the bias of few states; needs 4 states at least.

    Raises:
        ValueError: leading axes that differ, too few states, or states that are all equal.
    """
    x, y = _paired(first, second, mask)
    if unbiased and len(x) < 4:
        raise ValueError(f"got {len(x)} states; the unbiased estimate needs 4 or more")
    hsic = _hsic_unbiased if unbiased else _hsic
    cross, own = hsic(x, y), hsic(x, x) * hsic(y, y)
    if own <= 0:
        raise ValueError("got states that vary too little to be compared; expected some that vary")
    return float(cross / np.sqrt(own))


def canonical_correlations(
    first: ArrayLike,
    second: ArrayLike,
    *,
    explained: float = 0.99,
    mask: ArrayLike | None = None,
) -> np.ndarray:
    """SVCCA: the cosines of the principal angles between two networks. Raghu et al. 2017.

    Of each network the principal components that explain a share of the variance are kept; the
    cosines of the angles between the spaces that they span in the space of examples are the
    canonical correlations, the largest first. Their mean is the SVCCA similarity. Insensitive to
    any invertible linear map of the states, apart from its effect on what is kept.

    Args:
        first: [..., D1].
        second: [..., D2], with the same leading axes.
        explained: share of the variance to keep, above 0 and at most 1.
        mask: bool, of the leading axes: which states count.

    Returns:
        [C], C the smaller number of components kept, each between 0 and 1.

    Raises:
        ValueError: leading axes that differ, a share outside (0, 1], or states that are all equal.
    """
    checks.number("explained", explained, above=0, most=1)
    x, y = (_orthonormal(a, explained) for a in _paired(first, second, mask))
    return np.minimum(np.linalg.svd(x.T @ y, compute_uv=False), 1.0)


def _rows(states: ArrayLike, mask: ArrayLike | None) -> np.ndarray:
    """The states that count, [N, D] in float64."""
    x = np.asarray(states, float)
    if x.ndim < 2:
        raise ValueError(f"got states {x.shape}; expected [..., D] with at least one leading axis")
    if mask is not None:
        present = np.asarray(mask)
        if present.shape != x.shape[:-1] or present.dtype != bool:
            raise ValueError(
                f"got a mask {present.shape} of {present.dtype} for states {x.shape}; expected "
                f"{x.shape[:-1]} of bool"
            )
        x = x[present]
    x = x.reshape(-1, x.shape[-1])
    if len(x) < 2:
        raise ValueError(f"got {len(x)} states; expected two or more")
    if not np.isfinite(x).all():
        raise ValueError("got states that are not finite; mask such steps")
    return x


def _paired(
    first: ArrayLike, second: ArrayLike, mask: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """The states of both at the same steps, centred, [N, D1] and [N, D2]."""
    if np.shape(first)[:-1] != np.shape(second)[:-1]:
        raise ValueError(
            f"got states {np.shape(first)} and {np.shape(second)}; expected the same leading axes"
        )
    x, y = _rows(first, mask), _rows(second, mask)
    x, y = x - x.mean(0), y - y.mean(0)
    if not (x.any() and y.any()):
        raise ValueError("got states that are all equal; expected some that vary")
    return x, y


def _hsic(x: np.ndarray, y: np.ndarray) -> float:
    """|Y'X|_F^2, from features or from examples."""
    if x.shape[1] * y.shape[1] <= len(x) ** 2:
        return float(((y.T @ x) ** 2).sum())
    return float(((x @ x.T) * (y @ y.T)).sum())


def _hsic_unbiased(x: np.ndarray, y: np.ndarray) -> float:
    """HSIC_1 of Song et al. 2012, times N (N - 3); K and L are Gram matrices, diagonal 0.

    tr KL + 1'K1 1'L1 / ((N - 1) (N - 2)) - 2 1'KL1 / (N - 2), without an [N, N] matrix where the
    features are fewer.
    """
    n = len(x)
    own_x, own_y = (x * x).sum(1), (y * y).sum(1)
    # Centred, each row of the Gram matrix sums to 0; without its diagonal, to minus that.
    trace = _hsic(x, y) - own_x @ own_y
    return float(
        trace + own_x.sum() * own_y.sum() / ((n - 1) * (n - 2)) - 2 * (own_x @ own_y) / (n - 2)
    )


def _orthonormal(x: np.ndarray, explained: float) -> np.ndarray:
    """An orthonormal basis [N, C] of the leading principal components of centred states."""
    left, scale, _ = np.linalg.svd(x, full_matrices=False)
    share = np.cumsum(scale**2) / (scale**2).sum()
    # A direction of rounding errors is none, even where all of the variance is asked for.
    real = scale > max(x.shape) * np.finfo(float).eps * scale[0]
    kept = min(int(np.searchsorted(share, explained * (1 - 1e-12)) + 1), int(real.sum()))
    return left[:, :kept]
