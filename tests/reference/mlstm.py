"""The mLSTM of Beck et al. 2024 without its stabiliser, one example and one head at a time.

C and n are as in eq. 19 and 20, with gates that may be large; m is computed beside them, and
divides them only to compare. The denominator's epsilon is on the stabilised scale.
"""

import numpy as np

CASES = {
    "one-head": {"epsilon": 0.0},
    "heads-exponential": {"heads": 2, "forget_gate": "exponential", "epsilon": 0.01},
    "three-heads": {"heads": 3},
}
QUICK = ("one-head", "heads-exponential")
RECALL: dict = {}  # gates that see the input alone cannot know which input was the first
REFUSED = {
    "does not divide into heads=4": {"hidden_size": 6, "heads": 4},
    "forget_gate 'sigmoids'; did you mean 'sigmoid'": {"forget_gate": "sigmoids"},
    "epsilon=-1.0": {"epsilon": -1.0},
}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def parameters(in_features, hidden_size, *, heads=1, **options):
    return (in_features + 1) * (4 * hidden_size + 2 * heads)


def run(
    params,
    xs,
    *,
    hidden_size=64,
    heads=1,
    forget_gate="sigmoid",
    epsilon=1e-6,
    **starts,
):
    N, D = hidden_size, hidden_size // heads
    cuts = np.cumsum([N, N, N, heads, heads])
    rows = {name: [] for name in ("h", "C", "n", "m", "i", "f", "o")}
    for sequence in np.asarray(xs, np.float64):
        row = {name: [] for name in rows}
        memory = [(np.zeros((D, D)), np.zeros(D), -np.inf)] * heads
        for x in sequence:
            q, k, v, a_i, a_f, a_o = np.split(params["W"].T @ x + params["b"], cuts)
            now = {name: [] for name in rows}
            for head in range(heads):
                C, n, m = memory[head]
                own = slice(head * D, head * D + D)
                key = k[own] / np.sqrt(D)
                i = np.exp(a_i[head])
                f = np.exp(a_f[head]) if forget_gate == "exponential" else sigma(a_f[head])
                C, n = f * C + i * np.outer(key, v[own]), f * n + i * key
                before, m = m, max(np.log(f) + m, a_i[head])
                bottom = max(abs(n @ q[own]), 1) + epsilon * np.exp(m)
                now["h"].append(sigma(a_o[own]) * (C.T @ q[own]) / bottom)
                memory[head] = C, n, m
                now["C"].append(C / np.exp(m))
                now["n"].append(n / np.exp(m))
                now["m"].append(m)
                now["i"].append(i / np.exp(m))
                now["f"].append(f * np.exp(before - m))
            now["h"], now["o"] = np.concatenate(now["h"]), sigma(a_o)
            for name, value in now.items():
                row[name].append(value)
        for name, values in row.items():
            rows[name].append(values)
    arrays = {name: np.array(values) for name, values in rows.items()}
    return {
        "outputs": arrays["h"],
        "gates": {name: arrays[name] for name in "ifo"},
        "states": {name: arrays[name] for name in "Cnm"},
    }
