"""The sLSTM of Beck et al. 2024 without its stabiliser, one example at a time.

c and n are as in eq. 8 and 9, with gates that may be large; m is computed beside them, and divides
them only to compare.
"""

import numpy as np

CASES = {
    "one-head": {},
    "heads-exponential": {"heads": 2, "forget_gate": "exponential"},
    "three-heads": {"heads": 3},
}
QUICK = ("one-head", "heads-exponential")
RECALL = {"default": {}, "constant": {"forget_bias": 3.0, "heads": 2}}
REFUSED = {
    "does not divide into heads=4": {"hidden_size": 6, "heads": 4},
    "forget_gate 'exponentail'; did you mean": {"forget_gate": "exponentail"},
    "heads=0": {"heads": 0},
}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def parameters(in_features, hidden_size, *, heads=1, **options):
    return 4 * hidden_size * (in_features + hidden_size // heads + 1)


def run(params, xs, *, hidden_size=64, heads=1, forget_gate="sigmoid", **starts):
    D = hidden_size // heads
    rows = {name: [] for name in "cnmhifzo"}
    for sequence in np.asarray(xs, np.float64):
        c, n, h = np.zeros(hidden_size), np.zeros(hidden_size), np.zeros(hidden_size)
        m = np.full(hidden_size, -np.inf)
        row = {name: [] for name in rows}
        for x in sequence:
            a = []
            for gate in range(4):
                R = np.zeros((hidden_size, hidden_size))
                for head in range(heads):
                    own = slice(head * D, head * D + D)
                    R[own, own] = params["R"].reshape(heads, D, 4, D)[head, :, gate, :].T
                a.append(params["W"][:, gate].T @ x + R @ h + params["b"][gate])
            i, z, o = np.exp(a[0]), np.tanh(a[2]), sigma(a[3])
            f = np.exp(a[1]) if forget_gate == "exponential" else sigma(a[1])
            c, n = f * c + i * z, f * n + i
            h = o * c / n
            before, m = m, np.maximum(np.log(f) + m, a[0])
            now = {"c": c / np.exp(m), "n": n / np.exp(m), "m": m, "h": h}
            now |= {"i": i / np.exp(m), "f": f * np.exp(before - m), "z": z, "o": o}
            for name, value in now.items():
                row[name].append(value)
        for name, values in row.items():
            rows[name].append(values)
    arrays = {name: np.array(values) for name, values in rows.items()}
    return {
        "outputs": arrays["h"],
        "gates": {name: arrays[name] for name in "ifzo"},
        "states": {name: arrays[name] for name in "cnmh"},
    }
