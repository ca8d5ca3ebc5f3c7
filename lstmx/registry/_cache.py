"""Calls factories with checked options, caches the results and records their origin."""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lstmx.checks import typed, unknown
from lstmx.registry._source import MISSING, inspected

_built: dict[Any, Any] = {}
"""(factory, typed options) -> what it returned."""


class Frozen(dict[str, Any]):
    """A hashable mapping, for the options of an `Origin`, which are part of a static value."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))


class Origin(NamedTuple):
    """The factory and options of a cell: enough to build it again, in another process too.

    Attributes:
        name: dotted name of the factory, such as "lstmx.cells.lstm.cell" or
            "lstmx.wrappers.noise._zoneout".
        options: (name, value) of every option, defaults included; a wrapper's has the inner cell.
    """

    name: str
    options: tuple[tuple[str, Any], ...]

    def make(self) -> Any:
        """The cell; the same object where this process has built it before.

        Raises:
            ValueError: a factory that cannot be imported by its name.
        """
        module, _, function = self.name.rpartition(".")
        try:
            build = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(
                f"no factory {self.name!r} can be imported ({error}); expected a function of a "
                "module that is on PYTHONPATH"
            ) from error
        return once(build, self.name, dict(self.options))


def cached(build: Callable[..., Any], what: str, **options: Any) -> Any:
    """`build(**options)`, called once per bound, defaulted and typed set of options.

    Jit and NNX compare static values by identity: two objects for equal options would compile
    twice. An `lru_cache` would distinguish f(64) from f(hidden_size=64), but not 1 from True.

    Raises:
        ValueError: unknown option or an option of the wrong type.
    """
    return once(build, f"{build.__module__}.{build.__qualname__}", bound(build, what, options))


def once(build: Callable[..., Any], name: str, complete: dict[str, Any]) -> Any:
    """`build(**complete)`, called once per set of options; a cell gets its `origin`."""
    # The factory itself, not its name, is part of the key: a module that was reloaded builds anew.
    identity = (build, tuple((k, _identity(v)) for k, v in complete.items()))
    if identity not in _built:
        result = build(**complete)
        # Only cells have an origin, from which `lstmx.interop` builds them again.
        if hasattr(result, "origin"):
            result = result._replace(origin=Origin(name, tuple(complete.items())))
        _built[identity] = result
    return _built[identity]


def is_own(cell: Any) -> bool:
    """Whether a cell, with all that it is made of, is as a factory of lstmx returned it."""
    origin = cell.origin
    return (
        isinstance(origin, Origin)
        and origin.name.startswith(("lstmx.cells.", "lstmx.wrappers."))
        and origin.make() is cell  # else somebody has replaced a part of it
        and all(is_own(value) for _, value in origin.options if hasattr(value, "origin"))
    )


def bound(
    build: Callable[..., Any],
    what: str,
    options: Mapping[str, Any],
    arguments: Sequence[Any] = (),
) -> dict[str, Any]:
    """The value of every parameter of a factory: the given options, checked, and defaults.

    Args:
        arguments: values of the first parameters, which are not options.

    Raises:
        ValueError: unknown option, a required one that is missing, or one of the wrong type.
    """
    parameters = inspect.signature(build).parameters
    # Defaults are filled in before caching: f() and f(hidden_size=64) are then one entry.
    first = dict(zip(parameters, arguments))
    available = {k: inspected(p) for k, p in parameters.items() if k not in first}
    for name in options:
        if name not in available:
            raise ValueError(unknown(f"option of {what}:", name, available))
    for name, option in available.items():
        if option.default is MISSING and name not in options:
            raise ValueError(f"{what} needs a value for {name!r}")
    return first | {
        name: typed(
            f"{what}: {name}",
            options.get(name, option.default),
            option.type,
            nullable=option.nullable,
        )
        for name, option in available.items()
    }


def _identity(value: Any) -> Any:
    """A key for an option's value that includes types, as 1 == 1.0 == True in Python."""
    if isinstance(value, tuple):
        return tuple(_identity(v) for v in value)
    if isinstance(value, Frozen):
        return (Frozen, tuple((k, _identity(v)) for k, v in sorted(value.items())))
    return (type(value), value)


def hashable(value: Any) -> Any:
    """An option's value as an `Origin` holds it: mappings `Frozen`, lists as tuples."""
    if isinstance(value, Mapping):
        return Frozen({key: hashable(item) for key, item in value.items()})
    return tuple(map(hashable, value)) if type(value) in (list, tuple) else value
