"""MUT3 of Jozefowicz et al. 2015, section 4.2, with their raw input and with a learned one."""

import numpy as np

from reference._loop import loop, sigma

CASES = {"default": {}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "unknown initializer 'eye'": {"initializer": "eye"},
}


def parameters(in_features, hidden_size, **options):
    return 3 * hidden_size * (in_features + hidden_size + 1)


def run(params, xs, *, hidden_size=64, **options):
    W_z, W_r, W_n = (matrix.T for matrix in params["W"].swapaxes(0, 1))
    R_z, R_r, R_n = (matrix.T for matrix in params["R"].swapaxes(0, 1))
    b_z, b_r, b_n = params["b"]

    def step(state, x):
        h = state["h"]
        z = sigma(W_z @ x + R_z @ np.tanh(h) + b_z)
        r = sigma(W_r @ x + R_r @ h + b_r)
        n = np.tanh(R_n @ (r * h) + W_n @ x + b_n)
        h = n * z + h * (1 - z)
        return {"h": h}, h, {"z": z, "r": r, "n": n}

    return loop(step, xs, h=np.zeros(hidden_size))
