"""A section as Markdown that is also a table in a terminal."""

from collections.abc import Sequence

from lstmx import tables
from lstmx.report import text
from lstmx.report.sections import Section

LEFT = ("model",)
# Kept to about 120 columns; the probability stands in the CSV and on the page.
LEFT_OUT = ("P(better)",)


def section(part: Section) -> str:
    """Title, result, ranked table, remarks and caption."""
    columns = [column for column in text.columns(part) if column not in LEFT_OUT]
    lines = [[row.cells[column] for column in columns] for row in text.table(part)]
    said = [f"## {part.title}", text.summary(part), tables.markdown(columns, lines, LEFT)]
    remarks = [f"- {remark}" for remark in text.remarks(part)]
    return "\n\n".join([*said, *(["\n".join(remarks)] if remarks else []), text.caption(part)])


def damage(remarks: Sequence[str]) -> list[str]:
    """What of the run directories is damaged, as a list with a title; nothing where nothing is."""
    return [f"## {text.DAMAGED}", "\n".join(f"- {line}" for line in remarks)] if remarks else []
