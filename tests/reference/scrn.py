"""The structurally constrained network of Mikolov et al. 2014, with fixed or adaptive context."""

import numpy as np

from reference._loop import loop, sigma

CASES = {
    "fixed": {"context_size": 4},
    "adaptive": {"context_size": 2, "adaptive": True},
    "fast": {"context_size": 1, "alpha": 0.5},
}
QUICK = ("fixed", "adaptive")
RECALL = {"default": {"context_size": 8}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "context_size=0": {"context_size": 0},
    "alpha=1.0; expected a number between 0 and 1": {"alpha": 1.0},
}


def parameters(in_features, hidden_size, *, context_size, adaptive=False, **options):
    A, B = in_features * hidden_size, in_features * context_size
    return A + B + context_size * hidden_size + hidden_size**2 + adaptive * context_size


def run(params, xs, *, hidden_size=64, context_size=16, alpha=0.95, adaptive=False, **starts):
    A, B, P, R = (params[name].T for name in ("A", "B", "P", "R"))
    Q = np.diag(sigma(params["beta"])) if adaptive else alpha * np.eye(context_size)

    def step(state, x):
        s = (np.eye(context_size) - Q) @ B @ x + Q @ state["s"]
        h = sigma(P @ s + A @ x + R @ state["h"])
        return {"h": h, "s": s}, np.append(h, s), {}

    return loop(step, xs, h=np.zeros(hidden_size), s=np.zeros(context_size))
