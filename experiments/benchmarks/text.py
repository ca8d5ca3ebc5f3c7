"""Rows as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmarks.tables import Row

NONE = "–"


def grid(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table with its columns aligned, the first to the left."""
    table = [list(columns), *(list(line) for line in lines)]
    widths = [max(3, *(len(line[k]) for line in table)) for k in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        return f"| {' | '.join([cells[0].ljust(widths[0]), *rest])} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(table[0]), line(rule), *map(line, table[1:])])


def number(value: float | None) -> str:
    """Three digits that count; a dash where there is no number."""
    if value is None:
        return NONE
    return (
        f"{value:,.0f}"
        if abs(value) >= 1000
        else f"{value:.0f}"
        if abs(value) >= 100
        else (f"{value:#.3g}".rstrip("."))
    )


def milliseconds(row: Row | None) -> str:
    """Median (minimum) of a row; what its note begins with where it was not measured."""
    if row is None:
        return NONE
    if row["ms"] is None:
        return str(row["note"]).partition(":")[0]
    if row["ms"] == row["ms_min"]:
        return number(row["ms"])
    return f"{number(row['ms'])} ({number(row['ms_min'])})"


def ratio(value: Mapping[str, float], *, percent: bool = False) -> str:
    """Ratio of medians (of minima); a dash where one of the two was not measured."""
    if not value:
        return NONE
    show = (lambda v: f"{100 * v:.0f} %") if percent else (lambda v: f"{v:.2f}")
    return f"{show(value['median'])} ({show(value['minimum'])})"


def notes(rows: Sequence[Row]) -> str:
    """Why rows have no number, a line each; empty if all have."""
    lines: dict[str, Any] = {}
    for row in rows:
        if row.get("note"):
            lines.setdefault(f"- {row['name']}: {row['note']}", []).append(row)
    return "\n".join(lines)
