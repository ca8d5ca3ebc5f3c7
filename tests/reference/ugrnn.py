"""The update gate RNN of Collins et al. 2017, appendix."""

import numpy as np

from reference._loop import loop, sigma

CASES = {"tanh": {}, "relu": {"activation": "relu"}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "activation 'tahn'; did you mean 'tanh'": {"activation": "tahn"},
}


def parameters(in_features, hidden_size, **options):
    return 2 * hidden_size * (in_features + hidden_size + 1)


def run(params, xs, *, hidden_size=64, activation="tanh", **starts):
    W_g, W_c = (params["W"][:, k].T for k in range(2))
    R_g, R_c = (params["R"][:, k].T for k in range(2))
    b_g, b_c = params["b"]
    s = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[activation]

    def step(state, x):
        h = state["h"]
        c = s(R_c @ h + W_c @ x + b_c)
        g = sigma(R_g @ h + W_g @ x + b_g)
        h = g * h + (1 - g) * c
        return {"h": h}, h, {"g": g, "c": c}

    return loop(step, xs, h=np.zeros(hidden_size))
