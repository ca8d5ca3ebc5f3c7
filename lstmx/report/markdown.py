"""A section as Markdown that is also a table in a terminal."""

from collections.abc import Sequence

from lstmx.report import text
from lstmx.report.tables import Section

LEFT = ("model",)
# Kept to about 120 columns; the probability stands in the CSV and on the page.
LEFT_OUT = ("P(better)",)


def section(part: Section) -> str:
    """Title, result, ranked table, remarks and caption."""
    columns = [column for column in text.columns(part) if column not in LEFT_OUT]
    lines = [[row.cells[column] for column in columns] for row in text.table(part)]
    said = [f"## {part.title}", text.summary(part), grid(columns, lines)]
    remarks = [f"- {remark}" for remark in text.remarks(part)]
    return "\n\n".join([*said, *(["\n".join(remarks)] if remarks else []), text.caption(part)])


def damage(remarks: Sequence[str]) -> list[str]:
    """What of the run directories is damaged, as a list with a title; nothing where nothing is."""
    return [f"## {text.DAMAGED}", "\n".join(f"- {line}" for line in remarks)] if remarks else []


def grid(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table with its columns aligned."""
    table = [list(columns), *([c.replace("|", "\\|") for c in line] for line in lines)]
    widths = [max(2, *(len(line[k]) for line in table)) for k in range(len(columns))]
    left = [column in LEFT for column in columns]

    def row(cells: Sequence[str]) -> str:
        padded = [c.ljust(w) if l else c.rjust(w) for c, w, l in zip(cells, widths, left)]
        return f"| {' | '.join(padded)} |"

    rule = [f":{'-' * (w - 1)}" if l else f"{'-' * (w - 1)}:" for w, l in zip(widths, left)]
    return "\n".join([row(table[0]), row(rule), *map(row, table[1:])])
