"""A figure with what it says of a run."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lstmx.plots import Figure


class Value(NamedTuple):
    """One number of a figure, a row of numbers.csv.

    Attributes:
        run: label of the run.
        quantity: what it is, with the layer or part where there are several.
        value: the number.
        unit: such as "steps"; "" for none.
    """

    run: str
    quantity: str
    value: float
    unit: str = ""


class Finding(NamedTuple):
    """A figure of the page.

    Attributes:
        name: of the file, without suffix.
        title: heading.
        how: a sentence that says how to read it.
        says: a sentence for each run, with its numbers.
        plot: (narrow) -> Figure; None where no run has it.
        values: the numbers.
        missing: why a run has no such figure, a sentence each.
        table: heads and lines of a table beside the figure; None for none.
    """

    name: str
    title: str
    how: str
    says: tuple[str, ...]
    plot: Callable[[bool], Figure] | None
    values: tuple[Value, ...] = ()
    missing: tuple[str, ...] = ()
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None
