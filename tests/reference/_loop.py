"""What oracles share: the loop over examples and steps, the logistic function, blocks of R."""

import numpy as np


def sigma(x):
    return 1 / (1 + np.exp(-x))


def dense(R):
    """R as [H, G, H]: as it is, or the diagonal of its blocks [N, H / N, G, H / N]."""
    if R.ndim < 4:
        return R
    heads, rows, gates, columns = R.shape
    full = np.zeros((heads * rows, gates, heads * columns))
    for n in range(heads):
        full[n * rows : (n + 1) * rows, :, n * columns : (n + 1) * columns] = R[n]
    return full


def loop(step, xs, **start):
    """The answer of an oracle from `step(state, x) -> (state, output, gates)` of one example.

    Args:
        xs: [B, T, X].
        start: every leaf of the state before the first step.
    """
    outputs, gates, states = [], [], []
    for sequence in np.asarray(xs, np.float64):
        state = {name: np.array(value, np.float64) for name, value in start.items()}
        rows = []
        for x in sequence:
            state, output, values = step(state, x)
            rows.append((output, values, state))
        outputs.append([row[0] for row in rows])
        gates.append([row[1] for row in rows])
        states.append([row[2] for row in rows])
    return {"outputs": np.array(outputs), "gates": by_name(gates), "states": by_name(states)}


def by_name(examples):
    """Dicts by example and step as one dict of arrays [B, T, ...]."""
    names = examples[0][0]
    return {name: np.array([[step[name] for step in row] for row in examples]) for name in names}
