"""Rows of benchmarks as text for Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmarks.tables import Row
from lstmx.tables import NONE, number


def milliseconds(row: Row | None) -> str:
    """Median (minimum) of a row; the first words of its note where it was not measured."""
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
    """A line per note of a row without a number; "" if all rows have one."""
    lines: dict[str, Any] = {}
    for row in rows:
        if row.get("note"):
            lines.setdefault(f"- {row['name']}: {row['note']}", []).append(row)
    return "\n".join(lines)
