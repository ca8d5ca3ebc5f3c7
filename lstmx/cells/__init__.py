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
    """The cell `name` (or a dotted module of your own); equal options give the same object.

    Raises:
        ValueError: unknown name or option, an option of the wrong type, or whatever the cell
            itself refuses.
    """
    registry.trust(name)
    return registry.make("cells", name, **options)


def names() -> list[str]:
    """The names of all cells that lstmx ships, sorted."""
    return registry.names("cells")
