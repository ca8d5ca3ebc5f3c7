"""The minGRU of Feng et al. 2024, one example at a time."""

import numpy as np

CASES = {"linear": {}, "positive": {"candidate": "positive"}}
RECALL: dict = {}  # gates that see the input alone cannot know which input was the first
REFUSED = {
    "candidate 'postive'; did you mean 'positive'": {"candidate": "postive"},
    "hidden_size=0": {"hidden_size": 0},
}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def g(v):
    return np.array([x + 0.5 if x >= 0 else sigma(x) for x in v])


def parameters(in_features, hidden_size, **options):
    return 2 * hidden_size * (in_features + 1)


def run(params, xs, *, hidden_size=64, candidate="linear", **starts):
    W_z, W_n = (params["W"][:, k].T for k in range(2))
    b_z, b_n = params["b"]
    rows = {"h": [], "z": [], "n": []}
    for sequence in np.asarray(xs, np.float64):
        h, row = np.zeros(hidden_size), {"h": [], "z": [], "n": []}
        for x in sequence:
            z = sigma(W_z @ x + b_z)
            n = W_n @ x + b_n
            if candidate == "positive":
                n = g(n)
            h = (1 - z) * h + z * n
            for name, value in {"h": h, "z": z, "n": n}.items():
                row[name].append(value)
        for name, values in row.items():
            rows[name].append(values)
    h, z, n = (np.array(rows[name]) for name in "hzn")
    return {"outputs": h, "gates": {"z": z, "n": n}, "states": {"h": h}}
