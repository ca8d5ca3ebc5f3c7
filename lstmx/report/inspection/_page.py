"""Findings as one self-contained HTML page, and as Markdown."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from lstmx import tables
from lstmx.report._document import Panel, document, figure, table
from lstmx.report.inspection._findings import Finding


class Section(NamedTuple):
    """A part of the page.

    Attributes:
        title: label of a run, or what all of them share.
        facts: name -> value, of the run.
        findings: its figures.
    """

    title: str
    facts: dict[str, str]
    findings: Sequence[Finding]


def html(title: str, sections: Sequence[Section], remarks: Sequence[str]) -> str:
    """The page as text."""
    anchors = {f"part{k}": section.title for k, section in enumerate(sections)}
    parts = [_section(anchor, part) for anchor, part in zip(anchors, sections)]
    notes = "".join(f"<li>{escape(line)}</li>" for line in remarks)
    return document(title, anchors, [*parts, f'<ul class="remarks">{notes}</ul>' if notes else ""])


def markdown(title: str, sections: Sequence[Section], remarks: Sequence[str]) -> str:
    """The same as Markdown, with figures as files beside it."""
    lines = [f"# {title}"]
    for section in sections:
        lines.append(f"## {section.title}")
        if section.facts:
            lines.append(tables.markdown(["", ""], [[k, v] for k, v in section.facts.items()]))
        for one in section.findings:
            lines.append(f"### {one.title}")
            if one.plot is not None:
                lines.append(f"![{one.title}]({file(section, one)})")
            if one.table is not None:
                lines.append(tables.markdown(*one.table))
            lines += [line for line in (one.how, *one.says, *one.missing) if line]
    return "\n\n".join([*lines, *(f"- {line}" for line in remarks)]) + "\n"


def file(section: Section, finding: Finding) -> str:
    """The name of a figure's file."""
    return f"{tables.stems([section.title])[0]}_{finding.name}.png"


def _section(anchor: str, section: Section) -> str:
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in section.facts.items())
    return "\n".join(
        [
            f'<section id="{anchor}">',
            f"<h2>{escape(section.title)}</h2>",
            f"<dl>{facts}</dl>" if facts else "",
            *(_finding(one, f"{anchor}-{one.name}") for one in section.findings),
            "</section>",
        ]
    )


def _finding(one: Finding, salt: str) -> str:
    says = "".join(f"<p>{escape(line)}</p>" for line in one.says)
    missing = "".join(f'<p class="note">{escape(line)}</p>' for line in one.missing)
    if one.plot is None:
        head = f"<h3>{escape(one.title)}</h3>"
    else:
        head = figure(Panel(one.name, one.title, one.how, one.plot), salt)
    body = table(*one.table) if one.table is not None else ""
    return f"{head}\n{body}{says}{missing}"
