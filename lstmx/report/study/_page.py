"""The parts of a study as one self-contained HTML page, and as Markdown."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from lstmx import tables
from lstmx.report._document import Panel, document, figure, table
from lstmx.report.study._parts import Part


class Page(NamedTuple):
    """The content of the page.

    Attributes:
        title: heading.
        lead: the main result.
        warnings: what a reader must know before reading on.
        follows: what follows, a sentence each.
        does_not: what does not.
        parts: tables and figures.
        facts: name -> text, of how it was run.
    """

    title: str
    lead: str
    warnings: Sequence[str]
    follows: Sequence[str]
    does_not: Sequence[str]
    parts: Sequence[Part]
    facts: Mapping[str, str]


def html(page: Page) -> str:
    """The page as text."""
    anchors = {part.name: part.title for part in page.parts}
    warnings = "".join(f"<li>{escape(line)}</li>" for line in page.warnings)
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in page.facts.items())
    body = [
        '<section id="study">',
        f"<h2>{escape(page.title)}</h2>",
        f'<p class="lead">{escape(page.lead)}</p>',
        f'<ul class="remarks">{warnings}</ul>' if warnings else "",
        _list("What follows", page.follows),
        _list("What does not follow", page.does_not),
        *(_part(part) for part in page.parts),
        f"<h3>How this was run</h3><dl>{facts}</dl>",
        "</section>",
    ]
    return document(f"lstmx study: {page.title}", {}, body) if anchors else ""


def markdown(page: Page) -> str:
    """The same as Markdown, with figures as files beside it."""
    lines = [f"# {page.title}", page.lead]
    for title, said in (
        ("Before reading on", page.warnings),
        ("What follows", page.follows),
        ("What does not follow", page.does_not),
    ):
        if said:
            lines += [f"## {title}", "\n".join(f"- {line}" for line in said)]
    for part in page.parts:
        lines += [f"## {part.title}", part.how]
        if part.table is not None:
            lines.append(tables.markdown(part.table.heads, part.table.lines, part.table.left))
        if part.plot is not None:
            lines.append(f"![{part.title}]({part.name}.png)")
        lines += [line for line in part.says if line]
    facts = "\n".join(f"- {name}: {text}" for name, text in page.facts.items())
    return "\n\n".join([*lines, "## How this was run", facts]) + "\n"


def _part(part: Part) -> str:
    says = "".join(f"<p>{escape(line)}</p>" for line in part.says if line)
    head = f'<h3 id="{part.name}">{escape(part.title)}</h3><p class="note">{escape(part.how)}</p>'
    if part.plot is not None:
        head = figure(Panel(part.name, part.title, part.how, part.plot), part.name)
    if part.table is None:
        return f"{head}\n{says}"
    listed = table(part.table.heads, part.table.lines, part.table.left, part.table.series)
    if part.table.folded:
        summary = f"<summary>{escape(part.title)} ({len(part.table.lines)})</summary>"
        return f"<details>{summary}<p class='note'>{escape(part.how)}</p>{listed}{says}</details>"
    return f"{head}\n{listed}{says}"


def _list(title: str, said: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in said)
    return f"<h3>{title}</h3><ul>{items}</ul>" if items else ""
