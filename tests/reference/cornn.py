"""The coupled oscillators of Rusch & Mishra 2021, eq. 3, with explicit damping."""

import numpy as np

from reference._loop import loop

CASES = {"default": {}, "coarse": {"dt": 0.5, "gamma": 1.1, "epsilon": 0.7}}
QUICK = ("coarse",)
RECALL = {"coarse": {"dt": 0.5, "gamma": 1.0, "epsilon": 1.0}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "dt=0.0; expected a number above 0": {"dt": 0.0},
    "gamma=-1.0; expected a number above 0": {"gamma": -1.0},
}


def parameters(in_features, hidden_size, **options):
    return hidden_size * (in_features + 2 * hidden_size + 1)


def run(params, xs, *, hidden_size=64, dt=0.042, gamma=2.7, epsilon=4.7, **starts):
    V, W, script_W = (params[name][:, 0].T for name in ("W", "R", "Q"))
    b = params["b"][0]

    def step(state, u):
        y, z = state["h"], state["v"]
        forcing = np.tanh(W @ y + script_W @ z + V @ u + b)
        new_z = z + dt * forcing - dt * gamma * y - dt * epsilon * z
        new_y = y + dt * new_z
        return {"h": new_y, "v": new_z}, new_y, {"z": forcing}

    return loop(step, xs, h=np.zeros(hidden_size), v=np.zeros(hidden_size))
