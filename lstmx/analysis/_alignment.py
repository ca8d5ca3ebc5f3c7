"""The best orthogonal change of basis between two linear systems: many starts, solved as one batch.

    f(C) = tr(A' C B C') + tr(E' C F)        max over C C' = I

maximises the overlap of A with C B C' and of E with C F, which minimises the distances
|A - C B C'|^2 + |E - C F|^2. The problem is not convex and its two components, det C = 1 and -1,
are not connected: a maximum that is found is a maximum near its start.
"""

from typing import NamedTuple

import numpy as np

CONVERGED, STOPPED = 0, 1
"""Result codes: the gradient met the tolerance, or the steps ran out before."""

MEMORY = 0.85  # of the reference value, of which a step may fall short: Zhang & Hager 2004
SUFFICIENT = 1e-4  # share of the predicted gain that a step must reach: Wen & Yin 2013


class Optimum(NamedTuple):
    """Where each of S starts ended.

    Attributes:
        basis: C, [S, n, n].
        value: f(C), [S].
        code: CONVERGED or STOPPED, [S].
        gradient: norm of the gradient, relative to |A| |B| + |E| |F|, [S].
    """

    basis: np.ndarray
    value: np.ndarray
    code: np.ndarray
    gradient: np.ndarray


def maximise(
    a: np.ndarray,
    b: np.ndarray,
    e: np.ndarray,
    f: np.ndarray,
    starts: np.ndarray,
    *,
    steps: int,
    tolerance: float,
) -> Optimum:
    """Gradient ascent along Cayley curves with Barzilai-Borwein steps. Wen & Yin 2013, algorithm 2.

    Args:
        a, b: [S, n, n], one problem per start.
        e, f: [S, n, m], with m = 0 for none.
        starts: orthogonal, [S, n, n].
        steps: largest number of steps.
        tolerance: of the relative norm of the gradient.
    """
    linear = e @ f.swapaxes(1, 2)
    scale = _norm(a) * _norm(b) + _norm(e) * _norm(f)
    scale = np.where(scale > 0, scale, 1.0)
    # With everything in these units, one step size serves as the first of every problem.
    a, linear = a / scale[:, None, None], linear / scale[:, None, None]
    basis, active = starts.copy(), np.ones(len(starts), bool)
    value, skew = _value_and_gradient(a, b, linear, basis)
    size, reference, weight = np.ones(len(basis)), value.copy(), np.ones(len(basis))
    identity = np.eye(basis.shape[-1])
    for step in range(steps):
        active &= _norm(skew) > tolerance
        at = np.flatnonzero(active)
        if not at.size:
            break
        c, w = basis[at], skew[at]
        half = 0.5 * size[at, None, None] * w
        moved = np.linalg.solve(identity - half, c + half @ c)
        gained, turned = _value_and_gradient(a[at], b[at], linear[at], moved)
        ahead = 0.5 * (w * w).sum((1, 2))
        good = gained >= reference[at] + SUFFICIENT * size[at] * ahead
        size[at] = np.where(good, size[at], size[at] / 4)
        # A step that cannot be told from none is the end of what rounding allows.
        active[at[size[at] * np.sqrt(2 * ahead) < 1e-15]] = False
        at, c, w, moved = at[good], c[good], w[good], moved[good]
        gained, turned = gained[good], turned[good]
        path, change = moved - c, w @ c - turned @ moved
        along = np.abs((path * change).sum((1, 2)))
        over = (path * path if step % 2 else change * change).sum((1, 2))
        long = over / np.maximum(along, 1e-300) if step % 2 else along / np.maximum(over, 1e-300)
        size[at] = np.clip(long, 1e-6, 1e6)
        basis[at], value[at], skew[at] = moved, gained, turned
        heavier = MEMORY * weight[at] + 1
        reference[at] = (MEMORY * weight[at] * reference[at] + gained) / heavier
        weight[at] = heavier
    # Rounding errors of many curves: back to the closest orthogonal matrix.
    left, _, right = np.linalg.svd(basis)
    basis = left @ right
    value, skew = _value_and_gradient(a, b, linear, basis)
    gradient = _norm(skew)
    code = np.where(gradient <= max(tolerance, 1e-12), CONVERGED, STOPPED)
    return Optimum(basis, value * scale, code, gradient)


def starts(
    a: np.ndarray,
    b: np.ndarray,
    e: np.ndarray,
    f: np.ndarray,
    *,
    restarts: int,
    random: np.random.Generator,
) -> np.ndarray:
    """Orthogonal matrices to start from, [2 + restarts, n, n].

    The first would solve the problem exactly if A = C B C' and E = C F. Its symmetric parts then
    have equal eigenvalues, so that C maps eigenvectors to eigenvectors up to their signs; what is
    left of the systems in these bases tells the signs. The second aligns the reachable states,
    [E, A E, A A E ...] or [A, A A, ...] without inputs. The others are random, half of each
    determinant.
    """
    size = len(a)
    bases = [np.linalg.eigh(m + m.T)[1] for m in (a, b)]
    turned = [u.T @ m @ u for u, m in zip(bases, (a, b))]
    entries = [u.T @ m for u, m in zip(bases, (e, f))]
    votes = turned[0] * turned[1] + turned[0].T * turned[1].T
    np.fill_diagonal(votes, 0)
    # f is d' votes d / 2 + border' d in the signs d: a quadratic form in (d, 1).
    border = (entries[0] * entries[1]).sum(1)
    whole = np.block([[votes, border[:, None]], [border[None], np.zeros((1, 1))]])
    lead = np.linalg.eigh(whole)[1][:, -1]
    signs = np.where(lead < 0, -1.0, 1.0)
    signs = _flip(whole, signs * signs[-1])[:-1]
    reach = [_reachable(m, n) for m, n in ((a, e), (b, f))]
    left, _, right = np.linalg.svd(reach[0] @ reach[1].T)
    found = [bases[0] * signs @ bases[1].T, left @ right]
    for number in range(restarts):
        q, r = np.linalg.qr(random.normal(size=(size, size)))
        q = q * np.sign(np.diagonal(r))
        if (np.linalg.det(q) < 0) != bool(number % 2):
            q[:, 0] = -q[:, 0]
        found.append(q)
    return np.stack(found)


def _flip(votes: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Flips single signs, but the last, as long as that raises the votes for the signs."""
    for _ in range(2 * len(signs)):
        gain = -signs * (votes @ signs)
        best = int(np.argmax(gain[:-1]))
        if gain[best] <= 1e-12 * np.abs(votes).sum():
            break
        signs[best] = -signs[best]
    return signs


def _reachable(a: np.ndarray, e: np.ndarray) -> np.ndarray:
    """[E, A E, A A E, ...], each block scaled to the same norm; [A, A A, ...] without inputs."""
    block, blocks = (e if e.shape[1] else a), []
    for _ in range(len(a)):
        length = np.linalg.norm(block)
        if length == 0:
            break
        block = block / length
        blocks.append(block)
        block = a @ block
    return np.concatenate(blocks, 1) if blocks else np.eye(len(a))


def _value_and_gradient(
    a: np.ndarray, b: np.ndarray, linear: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """f [S], and G C' - C G' [S, n, n] with the Euclidean gradient G = A C B' + A' C B + E F'."""
    right = a.swapaxes(1, 2) @ (c @ b)
    gradient = a @ (c @ b.swapaxes(1, 2)) + right + linear
    value = ((right + linear) * c).sum((1, 2))
    half = gradient @ c.swapaxes(1, 2)
    return value, half - half.swapaxes(1, 2)


def _norm(matrices: np.ndarray) -> np.ndarray:
    return np.sqrt((matrices * matrices).sum((1, 2)))
