"""The GRU of Cho et al. 2014, in both placements of the reset gate, one example at a time."""

import numpy as np

from reference._loop import dense

CASES = {
    "after": {"reset": "after"},
    "before": {"reset": "before"},
    "after-heads": {"reset": "after", "heads": 2},
    "before-heads": {"reset": "before", "heads": 3},
}
QUICK = ("after", "before")
REFUSED = {
    "reset 'befor'; did you mean 'before'": {"reset": "befor"},
    "hidden_size=0": {"hidden_size": 0},
    "unknown initializer 'eye'": {"initializer": "eye"},
    "hidden_size=64 does not divide into heads=3": {"heads": 3},
    "heads=0; expected": {"heads": 0},
    "leave update_bias at 0.0": {"chrono": 9, "update_bias": 1.0},
}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def parameters(in_features, hidden_size, *, reset="after", heads=1, **starts):
    per_gate = hidden_size * (in_features + hidden_size // heads + 1)
    return 3 * per_gate + (hidden_size if reset == "after" else 0)


def run(params, xs, *, hidden_size=64, reset="after", **starts):
    W_r, W_u, W_n = (params["W"][:, k].T for k in range(3))
    R_r, R_u, R_n = (dense(params["R"])[:, k].T for k in range(3))
    b_r, b_u, b_n = params["b"]
    outputs, gates = [], {"r": [], "u": [], "n": []}
    for sequence in np.asarray(xs, np.float64):
        h = np.zeros(hidden_size)
        rows = {"h": [], "r": [], "u": [], "n": []}
        for x in sequence:
            r = sigma(W_r @ x + R_r @ h + b_r)
            u = sigma(W_u @ x + R_u @ h + b_u)
            if reset == "after":
                n = np.tanh(W_n @ x + b_n + r * (R_n @ h + params["b_hn"]))
            else:
                n = np.tanh(W_n @ x + R_n @ (r * h) + b_n)
            h = (1 - u) * n + u * h
            for name, value in {"h": h, "r": r, "u": u, "n": n}.items():
                rows[name].append(value)
        outputs.append(rows["h"])
        for gate, values in gates.items():
            values.append(rows[gate])
    outputs = np.array(outputs)
    return {
        "outputs": outputs,
        "gates": {gate: np.array(values) for gate, values in gates.items()},
        "states": {"h": outputs},
    }
