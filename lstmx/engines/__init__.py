"""How a cell is applied over time. `Cell.step` defines what is computed, an engine how.

Every engine is a module with two functions,

    run(cell, params, state, xs, noise, resets, mask, *, return_trace, remat_every) -> Unrolled
    refusal(cell, **requested) -> str | None

over time-major arrays (xs, noise [T, B, ...]; resets, mask [T, B] bool or None). It equals the
reference engine `scan` in values and gradients for every cell that it accepts; for another,
`refusal` returns the reason in one line.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import jax

from lstmx import checks, registry
from lstmx.engines._plan import Plan, parse, plan
from lstmx.types import Cell, Unrolled

__all__ = ["Plan", "choose", "get", "names", "parse", "plan", "refusal"]


def names() -> list[str]:
    """The names of all engines, the reference engine "scan" among them."""
    return registry.names("engines")


def choose(cell: Cell) -> str:
    """The name of the engine that "auto" stands for, for a cell on the backend of this process.

    "fused", but "associative" for a linear cell on an accelerator: it does twice the work, which a
    few cores cannot share. "cudnn" is never chosen, as it has not been measured to win.
    """
    if cell.linear is not None and jax.default_backend() != "cpu":
        return "associative"
    return "fused"


def get(name: str) -> Callable[..., Unrolled]:
    """The function `run` of an engine.

    Args:
        name: one of `names()`; "auto", for the engine that `choose` returns; or
            "fused:block=50,..." with fields of `Plan` that overrule the plan for the shapes.

    Raises:
        ValueError: unknown engine or setting.
    """
    if name == "auto":
        return lambda cell, *args, **options: get(choose(cell))(cell, *args, **options)
    engine, _, settings = name.partition(":")
    if engine not in names() or (settings and engine != "fused"):
        raise ValueError(checks.unknown("engine", name, ["auto", *names()]))
    run = _module(engine).run
    return functools.partial(run, settings=parse(settings)) if settings else run


def refusal(name: str, cell: Cell, **requested: bool) -> str | None:
    """Why an engine cannot run a cell in this process, in one line; None where it can.

    Args:
        requested: whether the unroll has `resets` and a `mask`, and whether its trace is returned
            (`return_trace`).
    """
    return _module(name).refusal(cell, **requested)


def _module(name: str) -> Any:
    return importlib.import_module(f"lstmx.engines.{name}")
