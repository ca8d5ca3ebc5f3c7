"""The LSTM of Greff et al. 2017, appendix and section III, one gate and one example at a time."""

import numpy as np

from reference._loop import dense

ACTIVATION = {
    "tanh": np.tanh,
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
}
V = {"variant": "V"}
CASES = {
    "V": V,
    "NIG": {"variant": "NIG"},
    "NFG": {"variant": "NFG"},
    "NOG": {"variant": "NOG"},
    "NIAF": {"variant": "NIAF"},
    "NOAF": {"variant": "NOAF"},
    "CIFG": {"variant": "CIFG"},
    "NP": {"variant": "NP"},
    "FGR": {"variant": "FGR"},
    "cifg-np-fgr": {"variant": "FGR", "coupled": True, "peepholes": "none"},
    "full": V | {"peepholes": "full"},
    "full-old-input": V | {"peepholes": "full", "output_peephole": "old", "input_peephole": True},
    "old": V | {"output_peephole": "old"},
    "input": V | {"input_peephole": True},
    "blocks": V | {"block_size": 2, "input_peephole": True},
    "blocks-full-fgr": {
        "variant": "FGR",
        "block_size": 3,
        "peepholes": "full",
        "input_peephole": True,
    },
    "blocks-nig-nfg-relu": {
        "variant": "NIG",
        "forget_gate": False,
        "block_size": 2,
        "input_activation": "relu",
    },
    "only-input-gate": V | {"forget_gate": False, "output_gate": False, "gate_recurrence": True},
    "capped": {"capped": True},
    "capped-nig-blocks": {"variant": "NIG", "capped": True, "block_size": 2},
    "projection": {"projection": 4},
    "heads": {"heads": 3, "variant": "FGR"},
    "projection-clips-heads": V
    | {"projection": 4, "cell_clip": 0.3, "projection_clip": 0.2, "heads": 2},
}
QUICK = ("V", "CIFG", "blocks-full-fgr", "projection-clips-heads", "capped")
RECALL = {"default": {}, "V": V}
FLAGS = {
    "input_gate": True,
    "forget_gate": True,
    "output_gate": True,
    "coupled": False,
    "peepholes": "diagonal",
    "output_peephole": "new",
    "input_peephole": False,
    "gate_recurrence": False,
    "input_activation": "tanh",
    "output_activation": "tanh",
}


def flags_of(variant="NP", **changes):
    flags = dict(FLAGS)
    if variant == "NIG":
        flags["input_gate"] = False
    elif variant == "NFG":
        flags["forget_gate"] = False
    elif variant == "NOG":
        flags["output_gate"] = False
    elif variant == "NIAF":
        flags["input_activation"] = "identity"
    elif variant == "NOAF":
        flags["output_activation"] = "identity"
    elif variant == "CIFG":
        flags["coupled"] = True
    elif variant == "NP":
        flags["peepholes"] = "none"
    elif variant == "FGR":
        flags["gate_recurrence"] = True
    elif variant != "V":
        raise ValueError(variant)
    for flag in FLAGS:
        if changes.get(flag) is not None:
            flags[flag] = changes[flag]
    return flags


def parameters(
    in_features, hidden_size, *, block_size=1, variant="NP", heads=1, projection=0, **options
):
    """W, R and b of each pre-activation, and a peephole from every cell that one sees."""
    flags = flags_of(variant, **options)
    N, width = hidden_size, hidden_size // block_size
    forget = flags["forget_gate"] and not flags["coupled"]
    gates = flags["input_gate"] + forget + flags["output_gate"]
    rows = N + gates * width
    count = rows * (in_features + (projection or N) // heads + 1) + N * projection
    if flags["peepholes"] == "diagonal":
        count += (gates + flags["input_peephole"]) * N
    if flags["peepholes"] == "full":
        count += N * (gates * width + flags["input_peephole"] * N)
    return count + flags["gate_recurrence"] * (gates * width) ** 2


def run(
    params,
    xs,
    *,
    hidden_size=64,
    block_size=1,
    variant="NP",
    capped=False,
    projection=0,
    cell_clip=np.inf,
    projection_clip=np.inf,
    **options,
):
    flags = flags_of(variant, **options)
    N, S = hidden_size, block_size
    blocks = N // S
    exists = {
        "i": flags["input_gate"],
        "f": flags["forget_gate"] and not flags["coupled"],
        "z": True,
        "o": flags["output_gate"],
    }
    width = {"i": blocks, "f": blocks, "z": N, "o": blocks}
    W, R, b = by_gate(params, exists, width)
    p, recurrence = params, flags["gate_recurrence"]
    gates = [g for g in "ifo" if exists[g]]

    def looked(gate, c):
        """What the peepholes add to a gate that looks at the cells c."""
        if flags["peepholes"] == "none":
            return 0.0
        if flags["peepholes"] == "full":
            return np.array([c @ p[f"P_{gate}"][:, j] for j in range(width[gate])])
        if gate == "z":
            return p["p_z"] * c
        return np.array(
            [sum(p[f"p_{gate}"][j * S + s] * c[j * S + s] for s in range(S)) for j in range(blocks)]
        )

    within = lambda values, limit: np.array([min(max(v, -limit), limit) for v in values])

    result = {"outputs": [], "gates": [], "states": []}
    for sequence in np.asarray(xs, np.float64):
        y, c = np.zeros(projection or N), np.zeros(N)
        before = {g: np.zeros(blocks) for g in gates}
        rows = {"outputs": [], "gates": [], "states": []}
        for x in sequence:
            total = {g: W[g].T @ x + R[g].T @ y + b[g] for g in W}
            if recurrence:
                for into, g in enumerate(gates):
                    for source, s in enumerate(gates):
                        total[g] = total[g] + before[s] @ p["R_gates"][source, :, into, :]
            one = np.ones(blocks)
            sigma = ACTIVATION["sigmoid"]
            i = sigma(total["i"] + looked("i", c)) if exists["i"] else one
            if flags["coupled"]:
                f = 1 - i
            else:
                f = sigma(total["f"] + looked("f", c)) if exists["f"] else one
            net = total["z"] + (looked("z", c) if flags["input_peephole"] else 0.0)
            z = ACTIVATION[flags["input_activation"]](net)
            i_used = [min(1 - f[k], i[k]) if capped else i[k] for k in range(blocks)]
            new = np.array([z[n] * i_used[n // S] + c[n] * f[n // S] for n in range(N)])
            new = within(new, cell_clip)
            seen = new if flags["output_peephole"] == "new" else c
            o = sigma(total["o"] + looked("o", seen)) if exists["o"] else one
            c = new
            squashed = ACTIVATION[flags["output_activation"]](c)
            y = np.array([squashed[n] * o[n // S] for n in range(N)])
            if projection:
                y = within(params["W_hr"].T @ y, projection_clip)
            now = {"i": i, "f": f, "z": z, "o": o}
            before = {g: now[g] for g in gates}
            rows["outputs"].append(y)
            rows["gates"].append(now)
            rows["states"].append({"c": c, "h": y} | (before if recurrence else {}))
        for key, value in rows.items():
            result[key].append(value)
    collect = lambda key: {
        name: np.array([[step[name] for step in row] for row in result[key]])
        for name in result[key][0][0]
    }
    return {
        "outputs": np.array(result["outputs"]),
        "gates": collect("gates"),
        "states": collect("states"),
    }


def by_gate(params, exists, width):
    """W, R and b of each gate that exists, cut from arrays that hold them side by side."""
    R = dense(params["R"])
    flat = (
        params["W"].reshape(len(params["W"]), -1),
        R.reshape(len(R), -1),
        params["b"].reshape(-1),
    )
    parts, begin = ({}, {}, {}), 0
    for g in "ifzo":
        if exists[g]:
            for part, array in zip(parts, flat):
                part[g] = array[..., begin : begin + width[g]]
            begin += width[g]
    assert begin == flat[2].size, "parameters of gates that the variant lacks"
    return parts
