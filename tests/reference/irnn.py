"""The IRNN of Le et al. 2015."""

import numpy as np

from reference._loop import loop

CASES = {"identity": {}, "small": {"scale": 0.01}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "scale=-1.0; expected a number above 0": {"scale": -1.0},
}


def parameters(in_features, hidden_size, **options):
    return hidden_size * (in_features + hidden_size + 1)


def run(params, xs, *, hidden_size=64, **starts):
    W, R, b = params["W"][:, 0], params["R"][:, 0], params["b"][0]

    def step(state, x):
        total = x @ W + state["h"] @ R + b
        h = np.where(total > 0, total, 0)
        return {"h": h}, h, {}

    return loop(step, xs, h=np.zeros(hidden_size))
