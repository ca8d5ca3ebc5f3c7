"""One linear system from the states of a network: delay embedding and its least squares."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks


class Operator(NamedTuple):
    """A linear system fitted to the states of a network.

    Attributes:
        transition: A, [r, r], real, in whitened coordinates.
        control: B, [r, X]; [r, 0] without inputs.
        eigenvalues: of A, complex, the largest modulus first, [r].
        singular: singular values of the centred delay embedding, [<= d D]: where they fall off is a
            rank to choose.
        r2: share of the variance of the next state that is predicted, in sample, [].
        persistence: the same when the next state is said to be the present one, [].
    """

    transition: np.ndarray
    control: np.ndarray
    eigenvalues: np.ndarray
    singular: np.ndarray
    r2: float
    persistence: float


def hankel(states: ArrayLike, delays: int) -> np.ndarray:
    """Each state with its predecessors, the newest first: [B, T, D] -> [B, T - d + 1, d D].

    Raises:
        ValueError: wrong shape, or delays outside 1 ... T.
    """
    x = np.asarray(states)
    if x.ndim != 3 or not 1 <= checks.size("delays", delays) <= x.shape[1]:
        raise ValueError(f"got states {x.shape}, delays={delays}; expected [B, T, D] and at most T")
    end = x.shape[1] - delays + 1
    return np.concatenate([x[:, k : k + end] for k in reversed(range(delays))], axis=-1)


def fit(
    states: ArrayLike,
    inputs: ArrayLike | None = None,
    *,
    delays: int = 1,
    rank: int | None = None,
    penalty: float = 0.0,
    mask: ArrayLike | None = None,
) -> Operator:
    """Dynamic mode decomposition of delay-embedded states, with inputs or without.

    For wide states with many delays, project onto the principal components first (`geometry.pca`):
    the cost is that of a singular value decomposition of [B T, d D].

    >>> import numpy as np
    >>> turn = 0.9 * np.array([[0.8, -0.6], [0.6, 0.8]])
    >>> s = [np.array([1.0, 0.0])]
    >>> for _ in range(20):
    ...     s.append(turn @ s[-1])
    >>> fit(np.stack(s)[None]).eigenvalues.round(3)
    array([0.72+0.54j, 0.72-0.54j])

    Args:
        states: [B, T, D].
        inputs: [B, T, X]; the input at t is the one of the step that makes the state at t, as in
            `analysis.trajectory`.
        delays: d, number of states in a row of the embedding.
        rank: r, number of singular directions kept; None is every direction above rounding error,
            which is right for linear systems without noise only.
        penalty: of the ridge on A and B, in units of the (unit) variance of v.
        mask: [B, T] bool, False where a step does not exist; rows with such a step are left out.

    Raises:
        ValueError: shapes that do not agree, a rank above that of the data, too few steps, values
            that are not finite.
    """
    x, u, present = _checked(states, inputs, mask)
    checks.number("penalty", penalty, least=0)
    rows = hankel(x, delays)
    there = np.all(hankel(present[..., None], delays), axis=-1, keepdims=True)[..., 0]
    pairs = there[:, :-1] & there[:, 1:]
    kept = rows[there]
    if pairs.sum() < 2:
        raise ValueError(f"got {pairs.sum()} pairs of successive states; expected two or more")
    if not np.isfinite(kept).all() or not np.isfinite(u[present]).all():
        raise ValueError("got states or inputs that are not finite; mask such steps")
    mean = kept.mean(0)
    _, singular, axes = np.linalg.svd(kept - mean, full_matrices=False)
    most = int((singular > max(kept.shape) * _rounding(states) * singular[0]).sum())
    if not most:
        raise ValueError("got states that are all equal; expected some that vary")
    size = most if rank is None else checks.size("rank", rank)
    if not 1 <= size <= most:
        raise ValueError(f"got rank={size}; expected 1 to {most}, the rank of the embedded states")
    unit = singular[:size] / np.sqrt(len(kept))
    v = ((rows - mean) @ axes[:size].T) / unit
    before, after = v[:, :-1][pairs], v[:, 1:][pairs]
    known = np.concatenate([before, u[:, delays:][pairs]], axis=1)
    start, end = known.mean(0), after.mean(0)
    known, target = known - start, after - end
    ridge = np.sqrt(penalty * len(known)) * np.eye(known.shape[1])
    padded = np.concatenate([target, np.zeros((known.shape[1], size))])
    both = np.linalg.lstsq(np.concatenate([known, ridge]), padded, rcond=None)[0]
    # The newest state of the row is the news; the others are a shift that anything predicts.
    width = x.shape[-1]
    now, new = rows[:, :-1, :width][pairs], rows[:, 1:, :width][pairs]
    guess = ((known @ both + end) * unit) @ axes[:size, :width] + mean[:width]
    spread = ((new - new.mean(0)) ** 2).sum()
    values = np.linalg.eigvals(both[:size].T)
    order = np.lexsort((-values.imag, -np.abs(values).round(12)))
    return Operator(
        transition=both[:size].T,
        control=both[size:].T,
        eigenvalues=values[order].astype(complex),
        singular=singular,
        r2=float(1 - ((new - guess) ** 2).sum() / spread),
        persistence=float(1 - ((new - now) ** 2).sum() / spread),
    )


def _rounding(states: ArrayLike) -> float:
    """The relative spacing of the numbers that the states came in."""
    kind = np.asarray(states).dtype
    return float(np.finfo(kind if kind in (np.float32, np.float64) else np.float32).eps)


def _checked(
    states: ArrayLike, inputs: ArrayLike | None, mask: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States [B, T, D] and inputs [B, T, X] in float64, and the mask [B, T]."""
    x = np.asarray(states)
    u = np.zeros((*x.shape[:2], 0)) if inputs is None else np.asarray(inputs)
    present = np.ones(x.shape[:2], bool) if mask is None else np.asarray(mask)
    if x.ndim != 3 or u.ndim != 3 or u.shape[:2] != x.shape[:2]:
        raise ValueError(f"got states {x.shape}, inputs {u.shape}; expected [B, T, D], [B, T, X]")
    if present.shape != x.shape[:2] or present.dtype != bool:
        raise ValueError(f"got a mask {present.shape} of {present.dtype}; expected [B, T] of bool")
    return x.astype(float), u.astype(float), present
