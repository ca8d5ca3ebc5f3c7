"""Analyses of an LSTM's dynamics in torch: its derivatives in place of those by hand."""

from typing import Any

import numpy as np
import torch

from experiments.benchmarks.loops import Weights

DECAY = 1e-4  # of the rate of Adam over all iterations, as in `lstmx.analysis`
MOMENTS = (0.9, 0.99)


def lyapunov(weights: Weights, xs: np.ndarray, every: int, start: np.ndarray) -> np.ndarray:
    """As `experiments.benchmarks.loops.lyapunov`, by `torch.func.jacfwd`."""
    step, given = _step(weights)
    jacobian = torch.func.jacfwd(lambda s, x: (step(s, x),) * 2, has_aux=True)
    s, Q = torch.zeros(len(start), dtype=given), torch.from_numpy(start)
    total = torch.zeros(len(start), dtype=torch.float64)
    for t, x in enumerate(torch.from_numpy(xs)):
        J, s = jacobian(s, x)
        Q = J @ Q
        if (t + 1) % every == 0:
            Q, R = torch.linalg.qr(Q)
            total += R.diagonal().abs().log()
    return np.sort(total.numpy() / len(xs))[::-1]


def adam(
    weights: Weights, starts: np.ndarray, x: np.ndarray, steps: int, rate: float
) -> np.ndarray:
    """Speeds q [N] after so many iterations of Adam from all starts [N, D] at once."""
    step, _ = _step(weights)
    s = torch.from_numpy(starts).clone().requires_grad_()
    held = torch.from_numpy(x)
    optimizer = torch.optim.Adam([s], lr=rate, betas=MOMENTS, eps=1e-30)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, DECAY ** (1 / (steps - 1)))
    best = torch.full((len(starts),), torch.inf)
    for _ in range(steps):
        q = ((step(s, held) - s) ** 2).sum(-1) / 2
        optimizer.zero_grad()
        q.sum().backward()
        optimizer.step()
        schedule.step()
        best = torch.minimum(best, q.detach())
    return best.numpy()


def _step(weights: Weights) -> tuple[Any, torch.dtype]:
    """The step of states [..., 2 H], and the type of the weights."""
    W, R, b = (torch.from_numpy(a) for a in weights)

    def step(s: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        c, h = s.chunk(2, -1)
        i, f, z, o = (x @ W + h @ R + b).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(z)
        return torch.cat([c, torch.sigmoid(o) * torch.tanh(c)], -1)

    return step, b.dtype
