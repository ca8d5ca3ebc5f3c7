"""The multiplicative LSTM of Krause et al. 2017, one example at a time."""

import numpy as np

CASES = {"default": {}}
RECALL = {"12 units": {"hidden_size": 12}}  # 8 end just above the line, at .11
REFUSED = {"hidden_size=0": {"hidden_size": 0}, "initializer 'eye'": {"initializer": "eye"}}


def sigma(x):
    return 1 / (1 + np.exp(-x))


def parameters(in_features, hidden_size, **starts):
    """Four gates with a bias, and the two factors of m without one."""
    return 4 * hidden_size * (in_features + hidden_size + 1) + hidden_size * (
        in_features + hidden_size
    )


def run(params, xs, *, hidden_size=64, **starts):
    W = {gate: params["W"][:, k].T for k, gate in enumerate("ifzo")}
    R = {gate: params["R"][:, k].T for k, gate in enumerate("ifzo")}
    b = dict(zip("ifzo", params["b"]))
    W_m, R_m = params["W_m"].T, params["R_m"].T
    rows = {name: [] for name in "hcifzo"}
    for sequence in np.asarray(xs, np.float64):
        c, h = np.zeros(hidden_size), np.zeros(hidden_size)
        row = {name: [] for name in rows}
        for x in sequence:
            m = (W_m @ x) * (R_m @ h)
            i = sigma(W["i"] @ x + R["i"] @ m + b["i"])
            f = sigma(W["f"] @ x + R["f"] @ m + b["f"])
            o = sigma(W["o"] @ x + R["o"] @ m + b["o"])
            z = np.tanh(W["z"] @ x + R["z"] @ m + b["z"])
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
