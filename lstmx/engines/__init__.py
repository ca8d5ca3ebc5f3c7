"""How a cell is applied over time. What is computed is `lstmx.types.step`; an engine says how.

Every engine is a module with one function

    run(cell, params, state, xs, noise, resets, mask, *, collect, remat_every) -> Unrolled

over time-major arrays (xs, noise [T, B, ...]; resets, mask [T, B] bool or None), and equals the
reference engine `scan` in values and gradients for every cell that it accepts.
"""

import importlib
from collections.abc import Callable

from lstmx import registry
from lstmx.types import Unrolled


def names() -> list[str]:
    """The engines there are, the reference engine "scan" among them."""
    return registry.names("engines")


def get(name: str) -> Callable[..., Unrolled]:
    """The `run` of an engine; "auto" takes the one measured to be fastest.

    Raises:
        ValueError: unknown engine.
    """
    if name == "auto":
        name = "scan"
    if name not in names():
        raise ValueError(registry.unknown("engine", name, ["auto", *names()]))
    return importlib.import_module(f"lstmx.engines.{name}").run
