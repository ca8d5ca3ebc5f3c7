"""Every cell and every LSTM variant: speed over its plain scan, time per parameter over NP's."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.benchmarks import draw, layers, text, timing
from experiments.benchmarks.contestant import Layer, Size
from experiments.benchmarks.tables import Part, Settings
from lstmx import cells, registry, tables
from lstmx.cells.lstm import VARIANTS

TITLE = "Every cell"
SIZES = {"cpu": Size(32, 100, 128, 128), "gpu": Size(128, 100, 256, 256)}
QUICK = Size(8, 5, 3, 4)
VANILLA = "lstm NP"
COMPILING, TURN = 1.5, 0.15  # seconds per cell: two programs; a turn of both


class Row(NamedTuple):
    """A cell.

    Attributes:
        name: of the cell with its options.
        label: of the size, as text.
        size: of the layer.
        devices: of both engines; 0 where there is no layer.
        parameters: number of trained ones; None where the cell cannot be made.
        times: forward and backward with the engine `auto`.
        scan: the same with the plain scan.
        over_scan: how many times as fast as the plain scan.
        per_parameter: time per parameter over that of NP.
    """

    name: str
    label: str
    size: Size
    devices: int
    parameters: int | None
    times: timing.Measured
    scan: timing.Measured
    over_scan: timing.Ratio | None
    per_parameter: timing.Ratio | None


KEYS = {
    "label": "size",
    "size": "*",
    "times": "*",
    "over_scan": "over plain scan",
    "per_parameter": "per parameter over NP",
}


def parts(settings: Settings) -> list[Part]:
    """One part for all cells, as they are compared with one of them."""
    count = len(_members(QUICK.H))
    return [Part("all", lambda: measure(settings), count * (COMPILING + settings.repeats * TURN))]


def measure(settings: Settings) -> list[Row]:
    """A row per cell: forward and backward, on all devices."""
    size = QUICK if settings.quick else SIZES[settings.device]
    counts: dict[str, int] = {}
    contestants: dict[tuple[str, str], Layer | str] = {}
    members = _members(size.H)
    for name, options in members.items():
        for engine in ("auto", "scan"):
            try:
                cell = _make(name, options, size.H)
                counts[name] = layers.parameters(cell, size.X)
                made: Any = layers.ours(cell, size, engine=engine, sharded=True)
                made = made or layers.ours(cell, size, engine=engine)
            except (ValueError, TypeError) as error:  # a cell whose inputs are not [B, X]
                made = timing.first_line(error)
            contestants[name, engine] = made
        plain = contestants[name, "scan"]
        contestants[name, "auto"] = layers.checked(contestants[name, "auto"], plain)
    calls = {k: m if isinstance(m, str) else m.gradients for k, m in contestants.items()}
    found = timing.interleaved(calls, settings.repeats)
    rows = [
        Row(
            name=name,
            label=size.label,
            size=size,
            devices=getattr(contestants[name, "auto"], "devices", 0),
            parameters=counts.get(name),
            times=found[name, "auto"],
            scan=found[name, "scan"],
            over_scan=timing.ratio(found[name, "scan"], found[name, "auto"]),
            per_parameter=None,
        )
        for name in members
    ]
    vanilla = _per_parameter(next(row for row in rows if row.name == VANILLA))
    return [row._replace(per_parameter=timing.ratio(_per_parameter(row), vanilla)) for row in rows]


def _members(hidden_size: int) -> dict[str, dict[str, Any]]:
    """Name in the table -> options of the factory.

    Every LSTM variant has a row, and the options that give a step one more product.
    """
    variants: dict[str, dict[str, Any]] = {f"lstm {name}": {"variant": name} for name in VARIANTS}
    others: dict[str, dict[str, Any]] = {name: {} for name in cells.names() if name != "lstm"}
    return {
        **variants,
        "lstm projection": {"variant": "NP", "projection": hidden_size // 2},
        **others,
        "gru before": {"reset": "before"},
    }


def _make(name: str, options: dict[str, Any], hidden_size: int) -> Any:
    member = name.partition(" ")[0]
    sizes = (
        {"hidden_size": hidden_size} if "hidden_size" in registry.options("cells", member) else {}
    )
    return cells.make(member, **sizes, **options)


def _per_parameter(row: Row) -> timing.Measured:
    """The row's times over its number of parameters."""
    return timing.of_one(row.times, row.parameters) if row.parameters else row.times


def markdown(rows: Sequence[Row]) -> str:
    """A line per cell, cheapest parameter first."""
    cost = lambda row: row.per_parameter.median if row.per_parameter else float("inf")
    lines = [
        [
            row.name,
            tables.number(row.parameters) if row.parameters else tables.NONE,
            text.times(row.times),
            text.times(row.scan),
            text.ratio(row.per_parameter),
            text.ratio(row.over_scan),
        ]
        for row in sorted(rows, key=cost)
    ]
    columns = ["cell", "parameters", "ms", "plain scan, ms", "time per parameter over NP's"]
    caption = (
        f"Forward and backward at {rows[0].label} (batch, steps, inputs, hidden), bare call, "
        f"{rows[0].devices} device(s) for both engines, default options. Times are medians "
        "(minima), ratios of medians (of minima). NP is the LSTM without peepholes."
    )
    table = tables.markdown([*columns, "times as fast as its plain scan"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Speed over that of the plain scan, by cell."""
    order = sorted((row.over_scan.median, row.name) for row in rows if row.over_scan)
    lines = {name: {"lstmx": value} for value, name in reversed(order)}
    return {"cells": draw.dots(lines, "times as fast as its plain scan", line=("plain scan", 1.0))}
