"""What the page is made of: a heading, how to read it, what it says, a table or a figure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lstmx.plots import Figure


class Table(NamedTuple):
    """A table of text.

    Attributes:
        heads: of the columns.
        lines: the cells of every row.
        left: heads of the columns with words.
        series: number of the variant of every row, for its color; () for none.
        folded: whether the page shows it on demand only.
    """

    heads: Sequence[str]
    lines: Sequence[Sequence[str]]
    left: Sequence[str]
    series: Sequence[int] = ()
    folded: bool = False


class Part(NamedTuple):
    """A part of the page.

    Attributes:
        name: of the figure's file, without suffix.
        title: heading.
        how: a sentence that says how to read it.
        says: what this study has there, a sentence each.
        table: a table; None for none.
        plot: (narrow) -> Figure; None for none.
    """

    name: str
    title: str
    how: str
    says: Sequence[str] = ()
    table: Table | None = None
    plot: Callable[[bool], Figure] | None = None
