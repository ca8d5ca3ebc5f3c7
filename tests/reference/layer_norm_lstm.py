"""The layer-normalised LSTM of Ba et al. 2016 and its common forms, one example at a time."""

import numpy as np

CASES = {
    "paper": {},
    "tensorflow": {"separate": False, "per_gate": True, "cell_norm": "carried"},
    "separate-per-gate-plain": {"per_gate": True, "cell_norm": "none", "epsilon": 0.01},
    "summed-joint": {"separate": False},
    "separate-carried": {"cell_norm": "carried"},
}
QUICK = ("paper", "tensorflow")
RECALL: dict = {}  # LN(W x) of a single number knows no more than its sign
REFUSED = {
    "cell_norm 'carry'; did you mean 'carried'": {"cell_norm": "carry"},
    "epsilon=0": {"epsilon": 0.0},
    "hidden_size=1; expected 2 or more": {"hidden_size": 1},
}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def parameters(in_features, hidden_size, *, separate=True, cell_norm="output", **options):
    N = hidden_size
    count = 4 * N * (in_features + N + 1)
    count += 4 * (4 * N) if separate else 4 * N
    return count + (0 if cell_norm == "none" else 2 * N)


def layer_norm(v, epsilon):
    mean = sum(v) / len(v)
    variance = sum((x - mean) ** 2 for x in v) / len(v)
    return (v - mean) / np.sqrt(variance + epsilon)


def run(
    params,
    xs,
    *,
    hidden_size=64,
    separate=True,
    per_gate=False,
    cell_norm="output",
    epsilon=1e-5,
    **starts,
):
    N = hidden_size
    W, R = params["W"].reshape(-1, 4 * N).T, params["R"].reshape(N, 4 * N).T

    def gates_norm(v, g):
        if per_gate:
            parts = [layer_norm(v[k * N : (k + 1) * N], epsilon) for k in range(4)]
            return g.ravel() * np.concatenate(parts)
        return g.ravel() * layer_norm(v, epsilon)

    rows = {name: [] for name in "hcifzo"}
    for sequence in np.asarray(xs, np.float64):
        c, h = np.zeros(N), np.zeros(N)
        row = {name: [] for name in rows}
        for x in sequence:
            if separate:
                a = gates_norm(W @ x, params["g_x"]) + params["b_x"].ravel()
                a = a + gates_norm(R @ h, params["g_h"]) + params["b_h"].ravel()
            else:
                a = gates_norm(W @ x + R @ h, params["g_a"])
            a = a + params["b"].ravel()
            i, f, z, o = sigma(a[:N]), sigma(a[N : 2 * N]), np.tanh(a[2 * N : 3 * N]), a[3 * N :]
            o = sigma(o)
            c = f * c + i * z
            seen = c
            if cell_norm != "none":
                seen = params["g_c"] * layer_norm(c, epsilon) + params["b_c"]
            if cell_norm == "carried":
                c = seen
            h = o * np.tanh(seen)
            for name, value in {"h": h, "c": c, "i": i, "f": f, "z": z, "o": o}.items():
                row[name].append(value)
        for name, values in row.items():
            rows[name].append(values)
    arrays = {name: np.array(values) for name, values in rows.items()}
    return {
        "outputs": arrays["h"],
        "gates": {name: arrays[name] for name in "ifzo"},
        "states": {name: arrays[name] for name in "ch"},
    }
