"""The minLSTM of Feng et al. 2024, one example at a time."""

import numpy as np

CASES = {"linear": {}, "positive": {"candidate": "positive"}}
RECALL: dict = {}  # gates that see the input alone cannot know which input was the first
REFUSED = {
    "candidate 'lineer'; did you mean 'linear'": {"candidate": "lineer"},
    "hidden_size=0": {"hidden_size": 0},
}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def g(v):
    return np.array([x + 0.5 if x >= 0 else sigma(x) for x in v])


def parameters(in_features, hidden_size, **options):
    return 3 * hidden_size * (in_features + 1)


def run(params, xs, *, hidden_size=64, candidate="linear", **starts):
    W_i, W_f, W_z = (params["W"][:, k].T for k in range(3))
    b_i, b_f, b_z = params["b"]
    rows = {"h": [], "i": [], "f": [], "z": []}
    for sequence in np.asarray(xs, np.float64):
        h, row = np.zeros(hidden_size), {"h": [], "i": [], "f": [], "z": []}
        for x in sequence:
            i, f = sigma(W_i @ x + b_i), sigma(W_f @ x + b_f)
            i, f = i / (i + f), f / (i + f)
            z = W_z @ x + b_z
            if candidate == "positive":
                z = g(z)
            h = f * h + i * z
            for name, value in {"h": h, "i": i, "f": f, "z": z}.items():
                row[name].append(value)
        for name, values in row.items():
            rows[name].append(values)
    h, i, f, z = (np.array(rows[name]) for name in "hifz")
    return {"outputs": h, "gates": {"i": i, "f": f, "z": z}, "states": {"h": h}}
