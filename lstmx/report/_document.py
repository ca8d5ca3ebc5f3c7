"""Self-contained HTML: styles, script and figures in one file, for light and dark themes."""

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from lstmx import plots


class Panel(NamedTuple):
    """A figure with its title and caption.

    Attributes:
        name: of the file, without suffix.
        title: heading.
        caption: what the figure shows.
        plot: (narrow) -> Figure; the narrow form is for a phone.
    """

    name: str
    title: str
    caption: str
    plot: Callable[[bool], plots.Figure]


def document(title: str, anchors: Mapping[str, str], parts: Sequence[str]) -> str:
    """A page as text.

    Args:
        title: of the page.
        anchors: id of a part -> its title; a navigation where there are several.
        parts: the parts, as HTML.
    """
    here = Path(__file__).parent
    links = [f'<a href="#{anchor}">{escape(name)}</a>' for anchor, name in anchors.items()]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{(here / 'style.css').read_text('utf-8')}</style>\n</head>\n<body>",
            f"<header><h1>{escape(title)}</h1></header>",
            f"<nav>{' '.join(links)}</nav>" if len(links) > 1 else "",
            *parts,
            f"<script>\n{(here / 'focus.js').read_text('utf-8')}</script>\n</body>\n</html>\n",
        ]
    )


def figure(panel: Panel, salt: str) -> str:
    """A figure with heading and caption, in a wide form and one for phones.

    Args:
        panel: the figure.
        salt: makes the ids of figures on one page different.
    """
    both = "".join(
        f'<div class="{name}">{_themed(plots.svg(panel.plot(narrow), salt=salt + name))}</div>'
        for name, narrow in (("broad", False), ("narrow", True))
    )
    return (
        f"<h3>{escape(panel.title)}</h3>\n"
        f'<p class="note">{escape(panel.caption)}</p>\n<figure>{both}</figure>'
    )


def table(
    heads: Sequence[str],
    lines: Sequence[Sequence[str]],
    left: Sequence[str] = (),
    series: Sequence[int] = (),
) -> str:
    """A table whose first column has names and whose others have numbers.

    Args:
        heads: of the columns.
        lines: the cells of every row.
        left: heads of further columns with words.
        series: number of the line of every row in figures, for its color; () for none.
    """

    def cell(tag: str, head: str, text: str) -> str:
        name = "name" if head == heads[0] else "left" if head in left else ""
        return f'<{tag} class="{name}">{escape(text)}</{tag}>'

    head = "".join(cell("th", name, name) for name in heads)
    body = []
    for number, line in enumerate(lines):
        cells = "".join(cell("td", name, text) for name, text in zip(heads, line))
        mark = f' data-series="series-{series[number]}"' if series else ""
        color = f'<td class="swatch">{swatch(series[number])}</td>' if series else ""
        body.append(f"<tr{mark}>{color}{cells}</tr>")
    corner = "<th></th>" if series else ""
    rows = "\n".join(body)
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr>{corner}{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def swatch(index: int) -> str:
    """A piece of the line of a series in figures, beside its name in a table."""
    turn, color = divmod(index, len(plots.SERIES))
    dashes = ' stroke-dasharray="5 2"' if turn else ""
    return (
        '<svg width="18" height="4" aria-hidden="true"><line x1="0" x2="18" y1="2" y2="2" '
        f'stroke="var(--s{color})" stroke-width="3"{dashes}/></svg>'
    )


def _themed(svg: str) -> str:
    """The figure with CSS variables for its colours, so that it follows the light or dark theme."""
    names = {color: f"var(--s{k})" for k, color in enumerate(plots.SERIES)}
    names |= {plots.INK: "var(--ink)", plots.MUTED: "var(--muted)", plots.FAINT: "var(--faint)"}
    names |= {"#ffffff": "var(--paper)"}
    return re.sub("|".join(names), lambda match: names[match.group()], svg)
