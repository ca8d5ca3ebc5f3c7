"""The simple recurrent network of Elman 1990, one example at a time."""

import numpy as np

from reference._loop import dense

CASES = {
    "tanh": {},
    "relu": {"activation": "relu"},
    "identity": {"activation": "relu", "start": "identity"},
    "heads": {"heads": 3},
}
REFUSED = {
    "activation 'tahn'; did you mean 'tanh'": {"activation": "tahn"},
    "start 'identiy'; did you mean 'identity'": {"start": "identiy"},
    "hidden_size=-1": {"hidden_size": -1},
    "hidden_size=7 does not divide into heads=2": {"hidden_size": 7, "heads": 2},
}
ACTIVATION = {
    "tanh": np.tanh,
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "identity": lambda x: x,
}


def parameters(in_features, hidden_size, *, heads=1, **options):
    return hidden_size * (in_features + hidden_size // heads + 1)


def run(params, xs, *, hidden_size=64, activation="tanh", **starts):
    W, R, b = params["W"][:, 0].T, dense(params["R"])[:, 0].T, params["b"][0]
    outputs = []
    for sequence in np.asarray(xs, np.float64):
        h, row = np.zeros(hidden_size), []
        for x in sequence:
            h = ACTIVATION[activation](W @ x + R @ h + b)
            row.append(h)
        outputs.append(row)
    outputs = np.array(outputs)
    return {"outputs": outputs, "gates": {}, "states": {"h": outputs}}
