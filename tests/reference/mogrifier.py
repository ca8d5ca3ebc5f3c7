"""The Mogrifier LSTM of Melis et al. 2020, one example at a time."""

import numpy as np

CASES = {
    "paper": {},
    "low-rank": {"rounds": 4, "rank": 2, "round_bias": True},
    "one-round": {"rounds": 1},
    "no-round": {"rounds": 0},
}
QUICK = ("paper", "low-rank")
REFUSED = {"rounds=-1": {"rounds": -1}, "rank=-1": {"rank": -1}}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def parameters(in_features, hidden_size, *, rounds=5, rank=0, round_bias=False, **starts):
    M, N = in_features, hidden_size
    per_round = rank * (M + N) if rank else M * N
    odd = (rounds + 1) // 2
    biases = (odd * M + (rounds - odd) * N) if round_bias else 0
    return 4 * N * (M + N + 1) + rounds * per_round + biases


def run(params, xs, *, hidden_size=64, rounds=5, rank=0, round_bias=False, **starts):
    Q, d = {}, {}
    for r in range(1, rounds + 1):
        Q[r] = params[f"A_{r}"] @ params[f"B_{r}"] if rank else params[f"Q_{r}"]
        d[r] = params[f"d_{r}"] if round_bias else 0.0
    W = {gate: params["W"][:, k].T for k, gate in enumerate("ifzo")}
    R = {gate: params["R"][:, k].T for k, gate in enumerate("ifzo")}
    b = dict(zip("ifzo", params["b"]))
    rows = {name: [] for name in "hcifzo"}
    for sequence in np.asarray(xs, np.float64):
        c, h = np.zeros(hidden_size), np.zeros(hidden_size)
        row = {name: [] for name in rows}
        for x in sequence:
            for r in range(1, rounds + 1):
                if r % 2 == 1:
                    x = 2 * sigma(Q[r].T @ h + d[r]) * x
                else:
                    h = 2 * sigma(Q[r].T @ x + d[r]) * h
            i, f, o = (sigma(W[g] @ x + R[g] @ h + b[g]) for g in "ifo")
            z = np.tanh(W["z"] @ x + R["z"] @ h + b["z"])
            c = f * c + i * z
            h = o * np.tanh(c)
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
