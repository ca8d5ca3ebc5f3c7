"""The long expressive memory of Rusch et al. 2022, eq. 3."""

import numpy as np

from reference._loop import loop, sigma

CASES = {"unit": {}, "half": {"dt": 0.5}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "dt=1.5; expected a number above 0 and at most 1": {"dt": 1.5},
    "dt=0.0; expected a number above 0 and at most 1": {"dt": 0.0},
}


def parameters(in_features, hidden_size, **options):
    return 4 * hidden_size * (in_features + hidden_size + 1)


def run(params, xs, *, hidden_size=64, dt=1.0, **starts):
    V_1, V_2, V_z, V_y = (matrix.T for matrix in params["W"].swapaxes(0, 1))
    W_1, W_2, W_z, W_y = (matrix.T for matrix in params["R"].swapaxes(0, 1))
    b_1, b_2, b_z, b_y = params["b"]

    def step(state, u):
        y, z = state["y"], state["z"]
        slow = dt * sigma(W_1 @ y + V_1 @ u + b_1)
        fast = dt * sigma(W_2 @ y + V_2 @ u + b_2)
        new_z = np.tanh(W_z @ y + V_z @ u + b_z)
        z = z + fast * (new_z - z)
        new_y = np.tanh(W_y @ z + V_y @ u + b_y)
        y = y + slow * (new_y - y)
        return {"y": y, "z": z}, y, {"dt1": slow, "dt2": fast, "nz": new_z, "ny": new_y}

    return loop(step, xs, y=np.zeros(hidden_size), z=np.zeros(hidden_size))
