"""MUT2 of Jozefowicz et al. 2015, section 4.2, with their raw input and with a learned one."""

import numpy as np

from reference._loop import loop, sigma

CASES = {
    "learned": {},
    "raw": {"hidden_size": 3},
    "square-learned": {"hidden_size": 3, "input": "learned"},
}
QUICK = ("learned", "raw")
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "input 'row'; did you mean 'raw'": {"input": "row"},
}


def parameters(in_features, hidden_size, *, input="auto", **starts):
    raw = input != "learned" and in_features == hidden_size
    return hidden_size * ((2 if raw else 3) * in_features + 3 * hidden_size + 3)


def run(params, xs, *, hidden_size=64, **options):
    W = [matrix.T for matrix in params["W"].swapaxes(0, 1)]
    W_z, W_r, W_n = W if len(W) == 3 else (W[0], np.eye(hidden_size), W[1])
    R_z, R_r, R_n = (matrix.T for matrix in params["R"].swapaxes(0, 1))
    b_z, b_r, b_n = params["b"]

    def step(state, x):
        h = state["h"]
        z = sigma(W_z @ x + R_z @ h + b_z)
        r = sigma(W_r @ x + R_r @ h + b_r)
        n = np.tanh(R_n @ (r * h) + W_n @ x + b_n)
        h = n * z + h * (1 - z)
        return {"h": h}, h, {"z": z, "r": r, "n": n}

    return loop(step, xs, h=np.zeros(hidden_size))
