"""Analyses of an LSTM's dynamics as loops that a user would write with NumPy alone.

The same methods as `lstmx.analysis.lyapunov` and `fixed_points`, in the type of the weights, one
state after the other, with Jacobians derived by hand.
"""

from typing import NamedTuple

import numpy as np

HALVINGS, ENOUGH, EASED, TIGHTENED, STALLED, WEAK = 20, 1e-4, 0.03, 10.0, 1e-3, 6
"""The constants of the damped Newton method of `lstmx.analysis`."""


class Weights(NamedTuple):
    """An LSTM with the gates i, f, z, o side by side.

    Attributes:
        W: [X, 4 H] of the inputs.
        R: [H, 4 H] of the state.
        b: [4 H].
    """

    W: np.ndarray
    R: np.ndarray
    b: np.ndarray


def step(weights: Weights, s: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The state (c, h) [2 H] after a step."""
    return _step(weights, s, x)[0]


def jacobian(weights: Weights, s: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(state after a step [2 H], its derivative [2 H, 2 H])."""
    after, (i, f, z, o), squashed = _step(weights, s, x)
    H = len(i)
    Ri, Rf, Rz, Ro = np.split(weights.R, 4, axis=1)
    c = s[:H]
    dc = (Ri * (z * i * (1 - i)) + Rf * (c * f * (1 - f)) + Rz * (i * (1 - z * z))).T
    J = np.empty((2 * H, 2 * H), s.dtype)
    J[:H, :H] = np.diag(f)
    J[:H, H:] = dc
    slope = o * (1 - squashed * squashed)
    J[H:, :H] = np.diag(slope * f)
    J[H:, H:] = slope[:, None] * dc + (Ro * (squashed * o * (1 - o))).T
    return after, J


def lyapunov(weights: Weights, xs: np.ndarray, every: int, start: np.ndarray) -> np.ndarray:
    """Exponents [D], largest first, along inputs [T, X] from the state 0 and tangents [D, D]."""
    s, Q = np.zeros(len(start), start.dtype), start
    total = np.zeros(len(start))
    for t, x in enumerate(xs):
        s, J = jacobian(weights, s, x)
        Q = J @ Q
        if (t + 1) % every == 0:
            Q, R = np.linalg.qr(Q)
            total += np.log(np.abs(np.diag(R)))
    return np.sort(total / len(xs))[::-1]


def newton(
    weights: Weights, starts: np.ndarray, x: np.ndarray, target: float, steps: int
) -> np.ndarray:
    """Speeds q [N] that the damped Newton method of `lstmx.analysis` reaches from starts [N, D]."""
    identity = np.eye(starts.shape[1], dtype=starts.dtype)
    speeds = []
    for s in starts:
        after, J = jacobian(weights, s, x)
        g, factor, weak = after - s, 1.0, 0
        q = g @ g / 2
        for _ in range(steps):
            if q <= target or weak >= WEAK:
                break
            A = J - identity
            slope = g @ A
            d = np.linalg.solve(A.T @ A + factor * min(2 * q, 1.0) * identity, -slope)
            share, tried = 1.0, _speed(weights, s + d, x)
            halvings = 0
            while tried > q + ENOUGH * share * (slope @ d) and halvings < HALVINGS:
                share, halvings = share / 2, halvings + 1
                tried = _speed(weights, s + share * d, x)
            if tried >= q:
                break
            factor = min(1.0, factor * (EASED if share == 1 else TIGHTENED))
            weak = 0 if q - tried > STALLED * q else weak + 1
            s = (s + share * d).astype(starts.dtype)
            after, J = jacobian(weights, s, x)
            g, q = after - s, tried
        speeds.append(q)
    return np.array(speeds)


def _speed(weights: Weights, s: np.ndarray, x: np.ndarray) -> float:
    g = step(weights, s, x) - s
    return float(g @ g / 2)


def _step(weights: Weights, s: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple, np.ndarray]:
    c, h = np.split(s, 2)
    i, f, z, o = np.split(x @ weights.W + h @ weights.R + weights.b, 4)
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    z = np.tanh(z)
    c = f * c + i * z
    squashed = np.tanh(c)
    return np.concatenate([c, o * squashed]), (i, f, z, o), squashed
