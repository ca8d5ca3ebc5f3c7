"""How a cell is applied over time. What is computed is `lstmx.types.step`; an engine says how.

Every engine is a module with two functions,

    run(cell, params, state, xs, noise, resets, mask, *, return_trace, remat_every) -> Unrolled
    refusal(cell, **asked) -> str | None

over time-major arrays (xs, noise [T, B, ...]; resets, mask [T, B] bool or None). It equals the
reference engine `scan` in values and gradients for every cell that it accepts, and says in one line
why it refuses another.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import jax

from lstmx import registry
from lstmx.engines._plan import Plan, parse, plan
from lstmx.types import Cell, Unrolled

__all__ = ["Plan", "choose", "get", "names", "plan", "refusal"]


def names() -> list[str]:
    """The engines there are, the reference engine "scan" among them."""
    return registry.names("engines")


def choose(cell: Cell) -> str:
    """The engine that "auto" is for a cell, on the backend of this process.

    "fused", but "associative" for a linear cell on an accelerator: it does twice the work, which a
    few cores cannot share. "cudnn" is never chosen, as it has not been measured to win.
    """
    if cell.linear is not None and jax.default_backend() != "cpu":
        return "associative"
    return "fused"


def get(name: str) -> Callable[..., Unrolled]:
    """The `run` of an engine by name.

    Args:
        name: one of `names()`; "auto", which is `choose` of the cell; or "fused:block=50,..." with
            settings of `Plan` that overrule what the engine would choose.

    Raises:
        ValueError: unknown engine or setting.
    """
    if name == "auto":
        return lambda cell, *args, **options: get(choose(cell))(cell, *args, **options)
    engine, _, settings = name.partition(":")
    if engine not in names() or (settings and engine != "fused"):
        raise ValueError(registry.unknown("engine", name, ["auto", *names()]))
    run = _module(engine).run
    return functools.partial(run, settings=parse(settings)) if settings else run


def refusal(name: str, cell: Cell, **asked: bool) -> str | None:
    """Why an engine cannot run a cell here, in one line; None where it can.

    Args:
        asked: whether there will be `resets` and a `mask`, and whether the trace is to be returned
            (`return_trace`).
    """
    return _module(name).refusal(cell, **asked)


def _module(name: str) -> Any:
    return importlib.import_module(f"lstmx.engines.{name}")
