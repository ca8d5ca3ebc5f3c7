"""The recurrent highway network of Zilly et al. 2017, one example at a time."""

import numpy as np

CASES = {
    "coupled": {},
    "free": {"coupled": False, "depth": 2},
    "shallow": {"depth": 1},
}
QUICK = ("coupled", "free")
REFUSED = {"depth=0": {"depth": 0}, "hidden_size=-3": {"hidden_size": -3}}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def parameters(in_features, hidden_size, *, depth=3, coupled=True, **starts):
    gates = 2 if coupled else 3
    return gates * hidden_size * (in_features + depth * (hidden_size + 1))


def run(params, xs, *, hidden_size=64, depth=3, coupled=True, **starts):
    names = [f"{gate}_{level + 1}" for level in range(depth) for gate in "htc"]
    outputs, gates = [], {name: [] for name in names}
    for sequence in np.asarray(xs, np.float64):
        s, row = np.zeros(hidden_size), {name: [] for name in ("s", *names)}
        for x in sequence:
            for level in range(depth):
                R = params["R"] if level == 0 else params["R_deep"][level - 1]
                b = params["b"] if level == 0 else params["b_deep"][level - 1]
                a = []
                for k in range(2 if coupled else 3):
                    seen = params["W"][:, k].T @ x if level == 0 else 0.0
                    a.append(seen + R[:, k].T @ s + b[k])
                h, t = np.tanh(a[0]), sigma(a[1])
                c = 1 - t if coupled else sigma(a[2])
                s = h * t + s * c
                for gate, value in (("h", h), ("t", t), ("c", c)):
                    row[f"{gate}_{level + 1}"].append(value)
            row["s"].append(s)
        outputs.append(row["s"])
        for name in names:
            gates[name].append(row[name])
    outputs = np.array(outputs)
    return {
        "outputs": outputs,
        "gates": {name: np.array(values) for name, values in gates.items()},
        "states": {"s": outputs},
    }
