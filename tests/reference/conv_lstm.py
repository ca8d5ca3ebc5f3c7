"""The convolutional LSTM of Shi et al. 2015, one example and one place of the map at a time."""

import itertools

import numpy as np

CASES = {
    "image": {"kernel_size": (3, 1)},
    "line-peepholes": {"kernel_size": (3,), "spatial": (4,)},
    "image-peepholes": {"kernel_size": (1, 3), "spatial": (2, 3)},
    "line-wide": {"kernel_size": (5,)},
}
QUICK = ("image", "line-peepholes")
RECALL = {"line": {"kernel_size": (3,)}}
REFUSED = {
    r"kernel_size=\(2,\); expected one or two odd": {"kernel_size": (2,)},
    r"kernel_size=\(3, 3, 3\)": {"kernel_size": (3, 3, 3)},
    r"spatial=\(4,\) under kernel_size=\(3, 3\); expected 2 positive": {"spatial": (4,)},
    "hidden_size=0": {"hidden_size": 0},
}


def spatial(*, kernel_size=(3, 3), spatial=(), **options):
    return spatial or (2, 3)[-len(kernel_size) :]


def sigma(x):
    return 1 / (1 + np.exp(-x))


def parameters(in_features, hidden_size, *, kernel_size=(3, 3), spatial=(), **starts):
    N, taps = hidden_size, int(np.prod(kernel_size))
    count = 4 * N * (taps * (in_features + N) + 1)
    return count + (3 * N * int(np.prod(spatial)) if spatial else 0)


def convolved(image, kernel, place):
    """What a kernel [extents..., in, out] centred on a place sees of an image [spatial..., in]."""
    total = np.zeros(kernel.shape[-1])
    for tap in itertools.product(*(range(extent) for extent in kernel.shape[:-2])):
        seen = tuple(p + t - e // 2 for p, t, e in zip(place, tap, kernel.shape))
        if all(0 <= s < size for s, size in zip(seen, image.shape)):
            total += kernel[tap].T @ image[seen]
    return total


def run(params, xs, *, hidden_size=64, kernel_size=(3, 3), spatial=(), **starts):
    size = np.shape(xs)[2:-1]
    places = list(itertools.product(*(range(n) for n in size)))
    W = {gate: params["W"][..., k, :] for k, gate in enumerate("ifzo")}
    R = {gate: params["R"][..., k, :] for k, gate in enumerate("ifzo")}
    b = dict(zip("ifzo", params["b"]))
    p = {gate: params[f"p_{gate}"] if spatial else np.zeros((*size, 1)) for gate in "ifo"}
    rows = {name: [] for name in "hcifzo"}
    for sequence in np.asarray(xs, np.float64):
        c, h = np.zeros((*size, hidden_size)), np.zeros((*size, hidden_size))
        row = {name: [] for name in rows}
        for x in sequence:
            now = {name: np.zeros_like(c) for name in rows}
            for at in places:
                a = {g: convolved(x, W[g], at) + convolved(h, R[g], at) + b[g] for g in "ifzo"}
                i = sigma(a["i"] + p["i"][at] * c[at])
                f = sigma(a["f"] + p["f"][at] * c[at])
                z = np.tanh(a["z"])
                new = f * c[at] + i * z
                o = sigma(a["o"] + p["o"][at] * new)
                for name, value in zip("cifzoh", (new, i, f, z, o, o * np.tanh(new))):
                    now[name][at] = value
            c, h = now["c"], now["h"]
            for name, value in now.items():
                row[name].append(value)
        for name, values in row.items():
            rows[name].append(values)
    arrays = {name: np.array(values) for name, values in rows.items()}
    return {
        "outputs": arrays["h"],
        "gates": {name: arrays[name] for name in "ifzo"},
        "states": {name: arrays[name] for name in "ch"},
    }
