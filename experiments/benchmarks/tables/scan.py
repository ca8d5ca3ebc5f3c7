"""Step functions of other libraries: `lstmx.scan` in place of `jax.lax.scan`, nothing else."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from experiments.benchmarks import draw, layers, peers, text, timing
from experiments.benchmarks.contestant import Layer, Size, Step
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables

TITLE = "Step functions of other libraries"
SIZES = {"cpu": Size(32, 100, 128, 128), "gpu": Size(128, 100, 256, 256)}
QUICK = Size(8, 5, 3, 4)
BY_HAND = "LSTM written by hand"
STEPS = (BY_HAND, *peers.STEPS)
COMPILING, TURN = 8.0, 0.5  # seconds per step: four programs; a turn of all of them


class Row(NamedTuple):
    """A step function on a number of devices.

    Attributes:
        name: of the step.
        label: of the size, as text.
        size: of the layer.
        devices: over which its rows are sharded.
        times: forward and backward under `lstmx.scan`.
        plain: the same under `lax.scan`.
        over_plain: how many times as fast as under `lax.scan`.
    """

    name: str
    label: str
    size: Size
    devices: int
    times: timing.Measured
    plain: timing.Measured
    over_plain: timing.Ratio | None


KEYS = {
    "label": "size",
    "size": "*",
    "times": "*",
    "plain": "scan",
    "over_plain": "over lax.scan",
}


def parts(settings: Settings) -> list[Part]:
    """One part per step function."""
    seconds = COMPILING + settings.repeats * TURN
    return [Part(name, functools.partial(measure, name, settings), seconds) for name in STEPS]


def measure(name: str, settings: Settings) -> list[Row]:
    """A row per number of devices: forward and backward under both scans, and their ratio."""
    size = QUICK if settings.quick else SIZES[settings.device]
    given = layers.by_hand(size) if name == BY_HAND else peers.step(name, size)
    contestants = _contestants(given, size)
    calls = {k: m if isinstance(m, str) else m.gradients for k, m in contestants.items()}
    found = timing.interleaved(calls, settings.repeats)
    rows = []
    for devices in dict.fromkeys(devices for _, devices in contestants):
        plain, ours = (found[scan, devices] for scan in ("lax.scan", "lstmx.scan"))
        ratio = timing.ratio(plain, ours)
        rows.append(Row(name, size.label, size, devices, ours, plain, ratio))
    return rows


def _contestants(given: Step | str, size: Size) -> dict[tuple[str, int], Layer | str]:
    """(scan, number of devices) -> layer, or why there is none."""
    if isinstance(given, str):
        return {("lax.scan", 1): given, ("lstmx.scan", 1): given}
    made: dict[tuple[str, int], Layer | str] = {}
    for sharded in (False, True):
        for name in ("lax.scan", "lstmx.scan"):
            layer = layers.of_step(given, size, plain=name == "lax.scan", sharded=sharded)
            if layer is not None:
                made[name, layer.devices] = layer
    return {key: layers.checked(layer, made["lax.scan", 1]) for key, layer in made.items()}


def markdown(rows: Sequence[Row]) -> str:
    """A line per step function; three columns for each number of devices."""
    counts = sorted({row.devices for row in rows})
    by_name = {(row.name, row.devices): row for row in rows}
    lines = []
    for name in dict.fromkeys(row.name for row in rows):
        line = [name]
        for row in (by_name.get((name, devices)) for devices in counts):
            line += [
                text.times(row.plain if row else None),
                text.times(row.times if row else None),
                text.ratio(row.over_plain if row else None),
            ]
        lines.append(line)
    heads = [f"{h} ({n})" for n in counts for h in ("lax.scan, ms", "lstmx.scan, ms", "ratio")]
    caption = (
        f"Forward and backward of one layer at {rows[0].label} (batch, steps, inputs, hidden): "
        "the gradients of mean y^2 with respect to the parameters and the inputs. The step is the "
        "library's own cell under `jax.lax.scan`, and under `lstmx.scan`, which takes its place; "
        "(n) is the number of devices, over which the rows are sharded. Times are medians "
        "(minima); ratio: `lax.scan` over `lstmx.scan`, of medians (of minima)."
    )
    table = tables.markdown(["step", *heads], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Times as fast as `lax.scan`, by step function and number of devices."""
    lines: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.over_plain:
            series = f"{row.devices} device{'s' * (row.devices > 1)}"
            lines.setdefault(row.name, {})[series] = row.over_plain.median
    label = "lstmx.scan, times as fast as jax.lax.scan"
    return {"scan": draw.dots(lines, label, line=("lax.scan", 1.0))} if lines else {}
