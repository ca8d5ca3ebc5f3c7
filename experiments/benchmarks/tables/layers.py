"""One LSTM layer, forward and forward with backward: lstmx, plain scan, peers and the floor."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.benchmarks import draw, layers, peers, text, timing
from experiments.benchmarks.contestant import Layer, Size
from experiments.benchmarks.tables import Part, Settings
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


class Row(NamedTuple):
    """A contestant at one size in one pass.

    Attributes:
        device: "cpu" or "gpu".
        label: of the size, as text.
        size: of the layer.
        direction: a key of `PASSES`.
        name: of the contestant, or "floor".
        devices: over which its rows are sharded; 0 of the floor.
        times: of the pass.
        over: how many times as fast as each of the others, by their names.
        of_floor: the share of the peak that it reaches.
        gflops: the peak, in 1e9 operations a second; of the floor only.
    """

    device: str
    label: str
    size: Size
    direction: str
    name: str
    devices: int
    times: timing.Measured
    over: dict[str, timing.Ratio | None]
    of_floor: timing.Ratio | None
    gflops: float | None = None


KEYS = {
    "label": "size",
    "size": "*",
    "direction": "pass",
    "times": "*",
    "over": "over *",
    "of_floor": "of floor",
}


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
        calls = {who: _call(contestant, name) for who, contestant in contestants.items()}
        found = timing.interleaved(calls, settings.repeats)
        # The maximum of several measurements: a disturbed product would raise the floor.
        peak = max(peak, timing.peak_gflops(settings.device))
        floor = 1e3 * products * size.gflop / peak
        times = {("floor", 0): timing.Times(floor, floor, 0), **found}
        rows += [
            Row(
                device=settings.device,
                label=size.label,
                size=size,
                direction=name,
                name=who,
                devices=devices,
                times=measured,
                over=_ratios(times, who, devices),
                # The floor's time over a row's is the share of the peak that the row reaches.
                of_floor=timing.ratio(times["floor", 0], measured),
                gflops=peak if who == "floor" else None,
            )
            for (who, devices), measured in times.items()
        ]
    return rows


def _call(contestant: Layer | str, name: str) -> timing.Call | str:
    """The call of a pass, or why there is none."""
    if isinstance(contestant, str):
        return contestant
    return contestant.forward if name == "forward" else contestant.gradients


def _contestants(size: Size, settings: Settings) -> dict[tuple[str, int], Layer | str]:
    """(name, number of devices) -> layer, or why there is none."""
    cell = cells.make("lstm", hidden_size=size.H)
    variants: dict[tuple[str, int], Layer | str] = {}
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
                variants[name, getattr(made, "devices", 1)] = made
    reference = variants["plain scan", 1]
    variants = {key: layers.checked(made, reference) for key, made in variants.items()}
    others = peers.layers(size, layers.inputs(size), settings.device)
    return variants | {(name, 1): made for name, made in others.items()}


def _ratios(
    times: Mapping[tuple[str, int], timing.Measured], who: str, devices: int
) -> dict[str, timing.Ratio | None]:
    """Speed relative to every reference."""
    against = {name: times.get((name, 1)) for name in REFERENCES}
    against |= {
        "plain scan": times.get(("plain scan", 1)),
        "plain scan, same devices": times.get(("plain scan", devices)),
    }
    return {name: timing.ratio(other, times[who, devices]) for name, other in against.items()}


def best(rows: Sequence[Row]) -> Row | None:
    """Of the rows of lstmx at one size and pass, the one with the smallest median."""
    measured = [
        (row.times.median, row)
        for row in rows
        if row.name == "lstmx" and not isinstance(row.times, str)
    ]
    return min(measured, key=lambda pair: pair[0])[1] if measured else None


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
        some = [row for row in rows if row.direction == name]
        columns = list(dict.fromkeys((row.name, row.devices) for row in some))
        shared = ("floor", *peers.LAYERS)
        heads = [who if who in shared else f"{who} ({n})" for who, n in columns]
        times, ratios = [], []
        compared = list(dict.fromkeys(who for row in some for who, r in row.over.items() if r))
        for size in dict.fromkeys(row.label for row in some):
            here = [row for row in some if row.label == size]
            found = {(row.name, row.devices): row.times for row in here}
            times.append([size, *(text.times(found.get(column)) for column in columns)])
            top = best(here)
            if top is not None:
                ratios.append(
                    [size, str(top.devices), *(text.ratio(top.over[who]) for who in compared)]
                    + [text.ratio(top.of_floor, lambda share: f"{100 * share:.0f} %")]
                )
        sections += [f"**{name}**, ms: median (minimum)", tables.markdown(["size", *heads], times)]
        if ratios:
            sections += [
                f"**{name}**, lstmx at its faster number of devices: times as fast as each, ratio "
                "of medians (of minima)",
                tables.markdown(["size", "devices", *compared, "of floor"], ratios),
            ]
    return "\n\n".join([*sections, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """For each pass, the speed of all contestants relative to flax, by size."""
    result = {}
    for name in PASSES:
        lines: dict[str, dict[str, float]] = {}
        some = [row for row in rows if row.direction == name]
        for size in dict.fromkeys(row.label for row in some):
            here = [row for row in some if row.label == size]
            top = best(here)
            others = [r for r in here if r.name not in ("lstmx", "flax") and r.devices < 2]
            points = {r.name: r.over["flax"] for r in [*([top] if top else []), *others]}
            lines[size] = {who: ratio.median for who, ratio in points.items() if ratio}
        stem = "layers_backward" if "backward" in name else "layers_forward"
        result[stem] = draw.dots(
            lines, f"{name}: times as fast as flax nnx.RNN(OptimizedLSTMCell)", line=("flax", 1.0)
        )
    return result


def _peaks(rows: Sequence[Row]) -> str:
    peaks = [row.gflops for row in rows if row.gflops is not None]
    low, high = f"{min(peaks):.0f}", f"{max(peaks):.0f}"
    threads = ", all threads" if rows[0].device == "cpu" else ""
    return f"{low if low == high else f'{low} to {high}'} GFLOP/s{threads}"
