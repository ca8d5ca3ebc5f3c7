"""One LSTM layer, forward and forward with backward: lstmx, plain scan, peers and the floor."""

import functools
from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import draw, layers, peers, text, timing
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Row, Settings
from lstmx import cells, engines, tables

TITLE = "One LSTM layer"
SIZES = {
    "cpu": (
        Size(32, 100, 64, 64),
        Size(32, 100, 128, 128),
        Size(64, 784, 1, 128, "smnist"),
        Size(20, 35, 650, 650, "ptb"),
        Size(128, 100, 2, 128, "adding"),
        Size(1, 1000, 256, 256),
        Size(100, 100, 88, 100, "jsb"),
    ),
    "gpu": tuple(Size(B, 100, H, H) for B in (32, 128, 512) for H in (64, 128, 256, 512, 1024)),
}
QUICK = (Size(8, 5, 3, 4),)
PASSES = {"forward + backward": 3, "forward": 1}
"""Pass -> number of its matrix products, relative to the forward pass."""
REFERENCES = ("flax", "flax LSTMCell", "haiku", "equinox", "keras", "torch", "jax.experimental.rnn")
OVERHEAD = 15.0  # seconds of compilation for the two passes of ten contestants
PER_GFLOP = 0.6  # seconds of a turn of them for 1e9 operations of a forward pass


def parts(settings: Settings) -> list[Part]:
    """One part per size."""
    sizes = QUICK if settings.quick else SIZES[settings.device]
    per_gflop = PER_GFLOP if settings.device == "cpu" else 0.0

    def seconds(size: Size) -> float:
        return OVERHEAD + settings.repeats * (1 + per_gflop * size.gflop)

    return [Part(s.label, functools.partial(measure, s, settings), seconds(s)) for s in sizes]


def measure(size: Size, settings: Settings) -> list[Row]:
    """The rows of one size: every contestant in both passes, and the floor."""
    contestants = _contestants(size, settings)
    peak = timing.peak_gflops(settings.device)
    rows: list[Row] = []
    for name, products in PASSES.items():
        base = {"device": settings.device, "size": size.label, **size._asdict(), "pass": name}
        calls = {
            who: contestant.gradients if name != "forward" else contestant.forward
            for who, contestant in contestants.items()
            if not isinstance(contestant, str)
        }
        times = timing.interleaved(calls, settings.repeats)
        # The maximum of several measurements: a disturbed product would raise the floor.
        peak = max(peak, timing.peak_gflops(settings.device))
        floor = 1e3 * products * size.gflop / peak
        limit = timing.Times(floor, floor, 0)
        part = [{**base, "name": "floor", "devices": 0, "gflops": peak, **timing.row(limit)}]
        for (who, devices), contestant in contestants.items():
            result = contestant if isinstance(contestant, str) else times[who, devices]
            part.append({**base, "name": who, "devices": devices, **timing.row(result)})
        rows += [{**row, **_ratios(row, part)} for row in part]
    return rows


def _contestants(size: Size, settings: Settings) -> dict[tuple[str, int], Any]:
    """(name, number of devices) -> layer, or why there is none."""
    cell = cells.make("lstm", hidden_size=size.H)
    variants: dict[tuple[str, int], Any] = {}
    engine_of = {"lstmx": "auto", "plain scan": "scan"}
    if settings.device == "gpu":
        engine_of |= {f"engine {name}": name for name in engines.names() if name != "scan"}
    for name, engine in engine_of.items():
        for sharded in (False, True):
            try:
                made: Any = layers.ours(cell, size, engine=engine, sharded=sharded)
            except ValueError as error:
                made = timing.first_line(error)
            if made is not None:
                variants[name, made.devices if hasattr(made, "devices") else 1] = made
    reference = variants["plain scan", 1]
    variants = {key: layers.checked(made, reference) for key, made in variants.items()}
    others = peers.layers(size, layers.inputs(size), settings.device)
    return variants | {(name, 1): made for name, made in others.items()}


def _ratios(row: Row, part: Sequence[Row]) -> dict[str, Any]:
    """Speed relative to every reference, and the share of the peak that is reached."""
    by_name = {(other["name"], other["devices"]): other for other in part}
    against = {name: by_name.get((name, 1)) for name in REFERENCES}
    against |= {
        "plain scan": by_name.get(("plain scan", 1)),
        "plain scan, same devices": by_name.get(("plain scan", row["devices"])),
    }
    ratios = {f"over {name}": timing.ratio(other, row) for name, other in against.items()}
    # The floor's time over a row's is the share of the peak that the row reaches.
    return {**ratios, "of floor": timing.ratio(by_name["floor", 0], row)}


def best(rows: Sequence[Row]) -> Row | None:
    """Of the rows of lstmx at one size and pass, the one with the smallest median."""
    measured = [row for row in rows if row["name"] == "lstmx" and row["ms"] is not None]
    return min(measured, key=lambda row: row["ms"], default=None)


def markdown(rows: Sequence[Row]) -> str:
    """Times, and the ratios of lstmx, for each pass."""
    sections = [
        "Loss mean h^2; backward gives the gradients of the parameters and the inputs. Sizes are "
        "batch, steps, inputs, hidden. Floor: operations of the matrix products over the fastest "
        f"large product measured in the same run ({_peaks(rows)}). The plain scan is the engine "
        "`scan`; (n) is the number of devices. Inputs and outputs of sharded rows stay sharded. "
        "Keras and jax.experimental.rnn know batch-major arrays only and got such. Everybody "
        "multiplies float32 in the precision that the library has by default."
    ]
    for name in PASSES:
        some = [row for row in rows if row["pass"] == name]
        columns = list(dict.fromkeys((row["name"], row["devices"]) for row in some))
        shared = ("floor", *peers.LAYERS)
        heads = [who if who in shared else f"{who} ({n})" for who, n in columns]
        times, ratios = [], []
        compared = list(dict.fromkeys(k for r in some for k in r if k.startswith("over ") and r[k]))
        for size in dict.fromkeys(row["size"] for row in some):
            here = {(r["name"], r["devices"]): r for r in some if r["size"] == size}
            times.append([size, *(text.milliseconds(here.get(column)) for column in columns)])
            top = best(list(here.values()))
            if top is not None:
                ratios.append(
                    [size, str(top["devices"]), *(text.ratio(top[key]) for key in compared)]
                    + [text.ratio(top["of floor"], percent=True)]
                )
        sections += [f"**{name}**, ms: median (minimum)", tables.markdown(["size", *heads], times)]
        if ratios:
            sections += [
                f"**{name}**, lstmx at its faster number of devices: times as fast as each, ratio "
                "of medians (of minima)",
                tables.markdown(
                    ["size", "devices", *(key.removeprefix("over ") for key in compared)]
                    + ["of floor"],
                    ratios,
                ),
            ]
    return "\n\n".join([*sections, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """For each pass, the speed of all contestants relative to flax, by size."""
    result = {}
    for name in PASSES:
        lines: dict[str, dict[str, float]] = {}
        some = [row for row in rows if row["pass"] == name]
        for size in dict.fromkeys(row["size"] for row in some):
            here = [row for row in some if row["size"] == size]
            top = best(here)
            others = [r for r in here if r["name"] not in ("lstmx", "flax") and r["devices"] < 2]
            points = {r["name"]: r["over flax"] for r in [*([top] if top else []), *others]}
            lines[size] = {who: ratio["median"] for who, ratio in points.items() if ratio}
        stem = "layers_backward" if "backward" in name else "layers_forward"
        result[stem] = draw.dots(
            lines, f"{name}: times as fast as flax nnx.RNN(OptimizedLSTMCell)", line=("flax", 1.0)
        )
    return result


def _peaks(rows: Sequence[Row]) -> str:
    peaks = [row["gflops"] for row in rows if row["name"] == "floor"]
    low, high = f"{min(peaks):.0f}", f"{max(peaks):.0f}"
    threads = ", all threads" if rows[0]["device"] == "cpu" else ""
    return f"{low if low == high else f'{low} to {high}'} GFLOP/s{threads}"
