"""The minimal gated unit of Zhou et al. 2016, and Flax's form of it."""

import numpy as np

from reference._loop import loop, sigma

CASES = {
    "paper": {},
    "flax": {"convention": "flax", "reset": "after", "forget_bias": 1.0},
    "paper-after": {"reset": "after"},
    "flax-before": {"convention": "flax"},
}
QUICK = ("paper", "flax")
REFUSED = {
    "convention 'papr'; did you mean 'paper'": {"convention": "papr"},
    "unknown reset 'never'": {"reset": "never"},
    "hidden_size=0": {"hidden_size": 0},
}


def parameters(in_features, hidden_size, *, reset="before", **options):
    return hidden_size * (2 * (in_features + hidden_size + 1) + (reset == "after"))


def run(params, xs, *, hidden_size=64, convention="paper", reset="before", **starts):
    W_f, W_n = (params["W"][:, k].T for k in range(2))
    R_f, R_n = (params["R"][:, k].T for k in range(2))
    b_f, b_n = params["b"]

    def step(state, x):
        h = state["h"]
        f = sigma(W_f @ x + R_f @ h + b_f)
        if reset == "before":
            n = np.tanh(W_n @ x + R_n @ (f * h) + b_n)
        else:
            n = np.tanh(W_n @ x + b_n + f * (R_n @ h + params["b_hn"]))
        h = (1 - f) * h + f * n if convention == "paper" else f * h + (1 - f) * n
        return {"h": h}, h, {"f": f, "n": n}

    return loop(step, xs, h=np.zeros(hidden_size))
