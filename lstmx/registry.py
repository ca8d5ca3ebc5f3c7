"""Members by name: a cell, a task or a wrapper is a module, and its file name is its registration.

`load("cells", "gru")` is the module `lstmx.cells.gru`; a dotted name such as
`"my_lab.cells.janet"` is anybody's own module. Either defines one factory, named for its kind.
"""

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

ENTRY = {"cells": "cell", "tasks": "task"}
"""Kind of member -> the name of the factory that its module defines."""

_made: dict[Any, Any] = {}


def names(kind: str) -> list[str]:
    """The names of all members of a kind that lstmx ships, sorted; imports none of them."""
    package = importlib.util.find_spec(f"lstmx.{kind}")
    assert package is not None
    found = pkgutil.iter_modules(package.submodule_search_locations)
    return sorted(m.name for m in found if not m.name.startswith("_"))


def load(kind: str, name: str) -> ModuleType:
    """The module of a member.

    Raises:
        ValueError: no such member, or a module that does not define the kind's factory.
    """
    dotted = "." in name
    target = name if dotted else f"lstmx.{kind}.{name}"
    if not dotted and name not in names(kind):
        raise ValueError(unknown(ENTRY[kind], name, names(kind)))
    try:
        module = importlib.import_module(target)
    except ModuleNotFoundError as error:
        if error.name is None or not target.startswith(error.name):
            raise
        raise ValueError(
            f"unknown {ENTRY[kind]} {name!r}: no module {error.name!r} can be imported; "
            "put its folder on PYTHONPATH"
        ) from None
    if not callable(getattr(module, ENTRY[kind], None)):
        raise ValueError(f"module {target!r} defines no function {ENTRY[kind]}(...)")
    return module


def factory(kind: str, name: str) -> Callable[..., Any]:
    """The factory that a member's module defines. Raises ValueError as `load` does."""
    return getattr(load(kind, name), ENTRY[kind])


def defaults(kind: str, name: str) -> dict[str, Any]:
    """Every option of a member's factory with its default value."""
    parameters = inspect.signature(factory(kind, name)).parameters
    return {k: p.default for k, p in parameters.items()}


def make(kind: str, name: str, **options: Any) -> Any:
    """The member made with these options; equal options give the same object.

    Raises:
        ValueError: unknown name or option, an option of the wrong type, or whatever the factory
            itself refuses.
    """
    return cached(factory(kind, name), f"{ENTRY[kind]} {name!r}", **options)


def cached(build: Callable[..., Any], what: str, **options: Any) -> Any:
    """`build(**options)`, made once per bound, defaulted and typed set of options.

    Jit and NNX compare static values by identity, so equal options must give one object. A plain
    `lru_cache` would tell f(64) from f(hidden_size=64), and not tell 1 from True.

    Raises:
        ValueError: unknown option or an option of the wrong type.
    """
    known = {k: p.default for k, p in inspect.signature(build).parameters.items()}
    for option in options:
        if option not in known:
            raise ValueError(unknown(f"option of {what}:", option, known))
    bound = {k: checked(what, k, options.get(k, v), v) for k, v in known.items()}
    identity = (build, tuple((k, _identity(v)) for k, v in bound.items()))
    if identity not in _made:
        _made[identity] = build(**bound)
    return _made[identity]


def checked(what: str, option: str, value: Any, default: Any) -> Any:
    """The value in the type of its default: an int passes as a float, a list as a tuple.

    Raises:
        ValueError: a value of another type.
    """
    if default is None or value is None or default is inspect.Parameter.empty:
        return value
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        return tuple(value)
    kind = type(default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise ValueError(f"{what}: {option}={value!r} has the wrong type; expected {kind.__name__}")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One line that says that a name is unknown, what was probably meant, and what there is."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {name!r}; {hint}known: {', '.join(known)}"


def _identity(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_identity(v) for v in value)
    return (type(value), value)
