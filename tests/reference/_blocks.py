"""Memory blocks unit by unit, as Hochreiter & Schmidhuber 1997 write them (appendix A.1), with the
forget gates of Gers et al. 2000 and the peepholes of Gers et al. 2002."""

import numpy as np

from reference._loop import loop, sigma

SQUASH = {
    "wide": lambda v: 4 / (1 + np.exp(-v)) - 2,
    "narrow": lambda v: 2 / (1 + np.exp(-v)) - 1,
    "identity": lambda v: v,
    "tanh": np.tanh,
}


def parameters(in_features, hidden_size, *, gates, block_size, recurrence, biases, peepholes):
    """Every unit is fed by inputs and by those units that feed, and has a bias or not."""
    num_gates = len(gates) * hidden_size // block_size
    units = hidden_size + num_gates
    feeding = {"all": units, "cells": hidden_size, "none": 0}[recurrence]
    biased = {"all": units, "gates": num_gates, "none": 0}[biases]
    return units * (in_features + feeding) + biased + peepholes * len(gates) * hidden_size


def run(
    params, xs, *, hidden_size, gates, block_size, recurrence, biases, peepholes, squash, output
):
    """gates: letters of those there are, of "ifo"; squash and output: names of g and h."""
    num_blocks = hidden_size // block_size
    units, biased = [], []  # every unit as (kind, number), in the order of the parameters
    for kind in "ifzo":
        if kind == "z" or kind in gates:
            units += [(kind, k) for k in range(hidden_size if kind == "z" else num_blocks)]
    if biases != "none":
        biased = [unit for unit in units if biases == "all" or unit[0] != "z"]
    feeding = {
        "none": [],
        "cells": [("y", k) for k in range(hidden_size)],
        "all": [("y", k) for k in range(hidden_size)]
        + [(kind, k) for kind in "ifo" if kind in gates for k in range(num_blocks)],
    }[recurrence]

    def net(unit, x, activation):
        total = sum(params["W"][k, units.index(unit)] * x[k] for k in range(len(x)))
        for source, feeds in enumerate(feeding):
            total += params["R"][source, units.index(unit)] * activation[feeds]
        if unit in biased:
            total += params["b"][biased.index(unit)]
        return total

    def step(state, x):
        s = state["c"]
        before = {("y", k): state["h"][k] for k in range(hidden_size)}
        if recurrence == "all":
            before |= {(kind, j): state[kind][j] for kind in gates for j in range(num_blocks)}
        new, y = np.zeros(hidden_size), np.zeros(hidden_size)
        z = np.zeros(hidden_size)
        value = {kind: np.ones(num_blocks) for kind in "ifo"}
        for j in range(num_blocks):
            cells = range(j * block_size, (j + 1) * block_size)

            def gate(kind, seen, j=j, cells=cells):
                if kind not in gates:
                    return 1.0
                total = net((kind, j), x, before)
                if peepholes:
                    total += sum(params[f"p_{kind}"][v] * seen[v] for v in cells)
                return sigma(total)

            value["i"][j], value["f"][j] = gate("i", s), gate("f", s)
            for v in cells:
                z[v] = SQUASH[squash](net(("z", v), x, before))
                new[v] = value["f"][j] * s[v] + value["i"][j] * z[v]
            value["o"][j] = gate("o", new)
            for v in cells:
                y[v] = value["o"][j] * SQUASH[output](new[v])
        after = {"c": new, "h": y}
        if recurrence == "all":
            after |= {kind: value[kind] for kind in gates}
        return after, y, value | {"z": z}

    kept = {kind: np.zeros(num_blocks) for kind in gates if recurrence == "all"}
    return loop(step, xs, c=np.zeros(hidden_size), h=np.zeros(hidden_size), **kept)
