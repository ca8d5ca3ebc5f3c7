"""Tables, numbers, durations and sizes as text, for reports and the terminal.

markdown    a grid as Markdown            number      three digits, for a column of a table
aligned     a grid as plain text          score       the same, a fourth digit just below 1
                                          brief       four digits at most, for a sentence
duration    "3.5 min"                     p_value     "<0.001"
clock       "1:02:03"                     size        "1.5 MiB"
widths      how hidden sizes were chosen      stems      names as parts of names of files
"""

import itertools
import math
from collections.abc import Collection, Sequence

NONE = "–"
"""The text of a missing number."""

NARROWEST = 2
"""Least width of a column in characters: the rule below the head needs a dash and a colon."""


def markdown(
    columns: Sequence[str], lines: Sequence[Sequence[str]], left: Collection[str] | None = None
) -> str:
    """A Markdown table, padded to be readable in a terminal too; "" without columns.

    Args:
        columns: the head.
        lines: the cells of every line, one per column.
        left: the columns that are aligned to the left, the first one if None; the others, for
            numbers, to the right.
    """
    if not columns:
        return ""
    table = [list(columns), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    widths = [max(NARROWEST, *(len(cells[k]) for cells in table)) for k in range(len(columns))]
    is_left = [column in (columns[:1] if left is None else left) for column in columns]
    dashes = ["-" * (width - 1) for width in widths]
    rule = [f":{dash}" if l else f"{dash}:" for dash, l in zip(dashes, is_left)]
    padded = [_padded(cells, widths, is_left) for cells in (table[0], rule, *table[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def aligned(lines: Sequence[Sequence[str]], left: int = 1) -> str:
    """Plain text with aligned columns, two spaces between them.

    Args:
        lines: the cells of every line, equally many; a head is a line like the others.
        left: the number of columns that are aligned to the left; the others to the right.
    """
    widths = [max(map(len, column)) for column in zip(*lines)]
    is_left = [k < left for k in range(len(widths))]
    return "\n".join("  ".join(_padded(cells, widths, is_left)).rstrip() for cells in lines)


def stems(names: Sequence[str]) -> list[str]:
    """Each name as part of the name of a file, a number behind those that would be equal.

    >>> stems(["temp (C)", "temp [C]", "Temp__C_"])
    ['temp__C_', 'temp__C__2', 'Temp__C__3']
    """
    found: list[str] = []
    taken: set[str] = set()  # in lower case: some file systems do not tell A from a
    for name in names:
        plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
        choices = itertools.chain([plain], (f"{plain}_{n}" for n in itertools.count(2)))
        found.append(next(one for one in choices if one.lower() not in taken))
        taken.add(found[-1].lower())
    return found


def number(value: float | None) -> str:
    """Three significant digits; from 100 on all integer digits; a dash for None and NaN."""
    return _significant(value, 3)


def score(value: float | None) -> str:
    """As `number`, with a fourth digit between 0.9 and 1, where accuracies differ in it."""
    near_one = value is not None and 0.9 < abs(value) < 1
    return _significant(value, 4 if near_one else 3)


def brief(value: float | None, digits: int = 4, none: str = NONE) -> str:
    """Significant digits without trailing zeros; whole and large numbers with all their digits.

    Args:
        value: may be None or not finite.
        digits: the most significant digits, except for whole and large numbers.
        none: the text of a missing number.
    """
    if value is None or not math.isfinite(value):
        return none
    in_full = abs(value) >= 10 ** (digits - 1) or value == int(value)
    return f"{value:,.0f}" if in_full else f"{value:.{digits}g}"


def p_value(value: float) -> str:
    """A p value with two digits; "<0.001" below that."""
    if not math.isfinite(value):
        return NONE
    return "<0.001" if value < 0.001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def counted(count: int, noun: str) -> str:
    """A number and its noun: "1 run", "12 runs"."""
    return f"{count} {noun}{'s' if count != 1 else ''}"


def duration(seconds: float) -> str:
    """Seconds in the largest unit of which there are two: "8.2 s", "3.5 min", "2.1 h", "4.0 d"."""
    if not math.isfinite(seconds):
        return NONE
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss; "?" where unknown."""
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(count: float) -> str:
    """Bytes in B, KiB, MiB or GiB, with three digits: "1.5 MiB"."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.3g} GiB" if count < 1000 else f"{count:.0f} GiB"


def widths(by: str | None, sizes: Collection[int | None]) -> str:
    """How the hidden sizes of compared runs were chosen, as a sentence.

    Args:
        by: "searched", "budget_params=N" or "budget_state=N"; None as the configs have them.
        sizes: of the runs; None for a run without a single one.
    """
    known = sorted({size for size in sizes if size is not None})
    spread = f"{known[0]} to {known[-1]}" if len(known) > 1 else str(*known)
    kind, _, most = (by or "").partition("=")
    if kind.startswith("budget_"):
        unit = "parameters" if kind == "budget_params" else "floats of state"
        which = f", {spread}" if known else ""
        return f"Equal budget: the largest hidden size with at most {int(most):,} {unit}{which}."
    if by == "searched":
        return f"Searched hidden sizes{f', {spread}' if known else ''}."
    if not known or None in sizes:
        return "Hidden sizes as configured."
    if len(known) == 1:
        return f"Equal hidden size, {spread}."
    return f"Hidden sizes as configured, {spread}."


def _significant(value: float | None, digits: int) -> str:
    if value is None or not math.isfinite(value):
        return NONE
    if abs(value) >= 100:
        return f"{value:,.0f}"
    # "#" keeps trailing zeros, so that a column has equally many digits; 99.96 becomes "100.".
    return f"{value:#.{digits}g}".rstrip(".") if value else "0"


def _padded(cells: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> list[str]:
    return [c.ljust(w) if l else c.rjust(w) for c, w, l in zip(cells, widths, left)]
