"""lstmx: a functional LSTM research toolkit on JAX and Flax.

Importing the package imports no JAX: names arrive when they are first asked for, so that a
launcher can print its help or refuse a bad flag at once.

    >>> import lstmx
    >>> "jax" in dir(lstmx)
    False
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from lstmx.bibliography import citation as citation
    from lstmx.fitting import fit as fit
    from lstmx.planner import plan_memory as plan_memory
    from lstmx.sequence import scan as scan
    from lstmx.sequence import scan_plan as scan_plan
    from lstmx.sequence import unroll as unroll
    from lstmx.types import Cell as Cell
    from lstmx.types import Model as Model
    from lstmx.types import Task as Task

_HOME = {
    "Cell": "lstmx.types",
    "Model": "lstmx.types",
    "Task": "lstmx.types",
    "scan": "lstmx.sequence",
    "scan_plan": "lstmx.sequence",
    "unroll": "lstmx.sequence",
    "plan_memory": "lstmx.planner",
    "citation": "lstmx.bibliography",
    "fit": "lstmx.fitting",
}
_MODULES = (
    "analysis bibliography cells checks config constants data decoding embeddings engines"
    " experiment fitting forecasting initializers interop interrupt jaxprs machine models nn"
    " parallel planner plots precision programs registry report runs search sequence stats sweep"
    " tables tasks testing train types wrappers xla"
).split()

__all__ = [
    "Cell",
    "Model",
    "Task",
    "__version__",
    "citation",
    "fit",
    "plan_memory",
    "scan",
    "scan_plan",
    "unroll",
]


def __getattr__(name: str) -> Any:
    """The public name or submodule, imported on first use (PEP 562)."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"lstmx.{name}")
    raise AttributeError(f"module 'lstmx' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
