"""Cells: recurrences of one layer, each a NamedTuple of pure functions.

A cell is a module with one factory `cell(hidden_size=64, *, ...) -> Cell`; the module's name is its
registration. Importing this package imports no jax; making a cell does.

>>> from lstmx import cells
>>> cells.make("gru", hidden_size=5).gates
('r', 'u', 'n')
>>> cells.make("lstm") is cells.make("lstm", hidden_size=64)
True
"""

from typing import TYPE_CHECKING, Any

from lstmx import registry

if TYPE_CHECKING:
    from lstmx.types import Cell


def make(name: str, **options: Any) -> "Cell":
    """Returns the cell `name`, or that of a dotted module; equal options return the same object.

    Raises:
        ValueError: an unknown name or option, an option of the wrong type, or options that the
            cell refuses.
    """
    registry.trust(name)
    return registry.make("cells", name, **options)


def names() -> list[str]:
    """Returns the names of all cells in lstmx, sorted."""
    return registry.names("cells")
