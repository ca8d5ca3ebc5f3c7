"""Checks that all cells, models and tasks of lstmx pass, for those of other packages too.

>>> import lstmx
>>> lstmx.testing.check_cell(lstmx.cells.make("gru", hidden_size=5))
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmx.testing import oracles as oracles
    from lstmx.testing.cells import check_cell as check_cell
    from lstmx.testing.models import check_model as check_model
    from lstmx.testing.tasks import check_task as check_task

__all__ = ["check_cell", "check_model", "check_task", "oracles"]

_HOME = {
    "check_cell": "lstmx.testing.cells",
    "check_model": "lstmx.testing.models",
    "check_task": "lstmx.testing.tasks",
}


def __getattr__(name: str) -> Any:
    """The public name, imported on first use (PEP 562)."""
    if name == "oracles":
        return importlib.import_module("lstmx.testing.oracles")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'lstmx.testing' has no attribute {name!r}")
