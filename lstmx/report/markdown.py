"""A section as Markdown, aligned so that it also reads well in a terminal."""

from collections.abc import Sequence

from lstmx import tables
from lstmx.report import text
from lstmx.report.sections import Section

LEFT = ("model", "chosen")


def section(part: Section) -> str:
    """Title, result, ranked table, remarks and caption."""
    columns = [column for column in text.columns(part) if column.in_text]
    heads = [column.head for column in columns]
    lines = [[row.cells[column.name] for column in columns] for row in text.table(part)]
    found = "\n".join(f"- {line}" for line in text.found(part))
    lead = [text.summary(part), *([found] if found else [])]
    parts = [f"## {part.title}", *lead, tables.markdown(heads, lines, LEFT)]
    remarks = [f"- {remark}" for remark in text.remarks(part)]
    return "\n\n".join([*parts, *(["\n".join(remarks)] if remarks else []), text.caption(part)])


def damage(remarks: Sequence[str]) -> list[str]:
    """The damage in run directories as a list with a title; empty without any."""
    return [f"## {text.DAMAGED}", "\n".join(f"- {line}" for line in remarks)] if remarks else []
