"""JANET of van der Westhuizen & Lasenby 2018, with the beta of their code."""

import numpy as np

from reference._loop import loop, sigma

CASES = {"beta-1": {}, "beta-0": {"beta": 0.0}, "chrono": {"chrono": 20}}
REFUSED = {
    "hidden_size=-2": {"hidden_size": -2},
    "leave forget_bias at 1.0": {"chrono": 9, "forget_bias": 2.0},
    "initializer 'unifrom'; did you mean 'uniform'": {"initializer": "unifrom"},
}


def parameters(in_features, hidden_size, **options):
    return 2 * hidden_size * (in_features + hidden_size + 1)


def run(params, xs, *, hidden_size=64, beta=1.0, **starts):
    W_f, W_c = (params["W"][:, k].T for k in range(2))
    U_f, U_c = (params["R"][:, k].T for k in range(2))
    b_f, b_c = params["b"]

    def step(state, x):
        c = state["c"]
        s = U_f @ c + W_f @ x + b_f
        candidate = np.tanh(U_c @ c + W_c @ x + b_c)
        written = 1 - sigma(s - beta)
        c = sigma(s) * c + written * candidate
        return {"c": c}, c, {"f": sigma(s), "i": written, "z": candidate}

    return loop(step, xs, c=np.zeros(hidden_size))
