"""The IndRNN of Li et al. 2018, eq. 2, with its bound on the recurrent weights."""

import numpy as np

from reference._loop import loop

CASES = {
    "free": {},
    "bound": {"bound": 0.4, "activation": "tanh"},
    "longest": {"longest": 3},
    "last": {"longest": 7, "last_layer": True},
}
QUICK = ("free", "bound")
# Units that never see each other recall by their different decays, and it takes many of them.
RECALL = {"linear": {"hidden_size": 64, "activation": "identity"}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "activation 'rely'; did you mean 'relu'": {"activation": "rely"},
    "longest=5 sets the bound": {"longest": 5, "bound": 1.0},
    "longest=-1, bound=0.0; expected positive": {"longest": -1},
    "expected longest=T or a bound of 1": {"last_layer": True},
}


def parameters(in_features, hidden_size, **options):
    return hidden_size * (in_features + 2)


def run(params, xs, *, hidden_size=64, activation="relu", longest=0, bound=0.0, **starts):
    W, b = params["W"][:, 0].T, params["b"][0]
    if longest:
        bound = 2 ** (1 / longest)

    def step(state, x):
        h = np.zeros(hidden_size)
        for n in range(hidden_size):
            u = params["u"][n]
            if bound and abs(u) > bound:
                u = bound if u > 0 else -bound
            total = W[n] @ x + u * state["h"][n] + b[n]
            h[n] = max(total, 0) if activation == "relu" else np.tanh(total)
        return {"h": h}, h, {}

    return loop(step, xs, h=np.zeros(hidden_size))
