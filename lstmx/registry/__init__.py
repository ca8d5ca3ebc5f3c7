"""Members by name: cells, models, tasks, wrappers, optimizers, schedules; a file registers them.

`load("cells", "gru")` is the module `lstmx.cells.gru`; a dotted name such as
`"my_lab.cells.janet"` is anybody's own module. Either defines one factory, named for its kind.
Wrappers are small, so those of lstmx are functions of a few modules: any public function of
`lstmx/wrappers/*.py` whose first parameter is `cell`, under its own name.

The options of a member are read from its source, so that configs and flags know every key without
importing the member, and jax with it.

Importing a module runs its code. So only names that the user of this process has given are looked
up outside of lstmx, see `trust`: a name that stands in somebody's run directory is not.
"""

import functools
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from lstmx.checks import shown, unknown
from lstmx.registry._made import Frozen, Origin, bound, cached, hashable, once
from lstmx.registry._source import MISSING, Option, defines, functions, inspected, literal, read

__all__ = [
    "COMPLETE",
    "ENTRY",
    "GROUPED",
    "LONGEST",
    "MISSING",
    "OPTIONAL",
    "PACKAGES",
    "Frozen",
    "Option",
    "Origin",
    "bound",
    "cached",
    "constant",
    "factory",
    "find",
    "load",
    "make",
    "names",
    "options",
    "trust",
    "unknown",
    "wrap",
]

ENTRY = {
    "cells": "cell",
    "models": "model",
    "tasks": "task",
    "wrappers": "wrapper",
    "optimizers": "optimizer",
    "schedules": "schedule",
}
"""Kind of member -> the name of the factory that its module defines."""

PACKAGES = {
    "optimizers": "lstmx.train.optimizers",
    "schedules": "lstmx.train.schedules",
    "constants": "lstmx.models",
}
"""Kind of member -> the package of those that lstmx ships, where it is not `lstmx.<kind>`."""

GROUPED = {"wrappers": "cell"}
"""Kinds of which a module holds several -> the first parameter of their factories, no option."""

COMPLETE = ("cells", "tasks")
"""Kinds whose options all have defaults, so that the bare name is valid."""

OPTIONAL = ("constants",)
"""Further functions of a module, named as their kind: it may leave them out, and then reads none
of their options."""

ARGUMENTS = {"models": 1, "wrappers": 1, "constants": 1}
"""Kind of member -> how many positional arguments its factory is given; they are no options."""

LONGEST = 200
"""Characters of a name; longer ones are no module's."""

_trusted: set[str] = set()


def trust(*names: Any) -> None:
    """Consent that these modules, which lstmx does not ship, are imported by this process.

    To be called for names that its user has given. `make` of `cells`, `models` and `tasks`,
    `config.cell`, `config.task`, `config.wrapper` and `config.resolve` do so; what reads names from
    files leaves it to the user.
    """
    _trusted.update(name for name in names if isinstance(name, str))


def names(kind: str) -> list[str]:
    """The names of all members of a kind that lstmx ships, sorted; imports none of them."""
    return list(_shipped(kind))


@functools.cache
def _shipped(kind: str) -> dict[str, tuple[str, str]]:
    """Name -> (module, factory) of all members that lstmx ships, in order; imports none of them."""
    package = PACKAGES.get(kind, f"lstmx.{kind}")
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ValueError(f"lstmx has no members of kind {kind!r}")
    found = {}
    for module in pkgutil.iter_modules(spec.submodule_search_locations):
        if module.name.startswith("_"):
            continue
        factories = [(module.name, ENTRY.get(kind, kind))]
        if kind in GROUPED:
            own = module.module_finder.find_spec(module.name, None)
            source = own.loader.get_source(module.name)  # type: ignore[union-attr]
            factories = [(name, name) for name in functions(source, GROUPED[kind])]
        found.update({name: (f"{package}.{module.name}", entry) for name, entry in factories})
    return dict(sorted(found.items()))


def load(kind: str, name: str) -> ModuleType:
    """The module of a member.

    Raises:
        ValueError: no such member, a module that fails, or that does not define the kind's factory.
    """
    target, entry = _target(kind, name)
    _find(kind, name, target)
    try:
        module = importlib.import_module(target)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
        raise ValueError(f"{ENTRY.get(kind, kind)} {name!r} cannot be imported: {said}") from error
    if not callable(getattr(module, entry, None)):
        raise ValueError(f"module {target!r} defines no function {entry}(...)")
    return module


def find(kind: str, name: str) -> tuple[str, str]:
    """The dotted module of a member and the name of its factory there; imports neither.

    Raises:
        ValueError: no such member, or a module that nobody has consented to.
    """
    target, entry = _target(kind, name)
    _find(kind, name, target)
    return target, entry


def constant(module: str, name: str) -> Any:
    """A constant of a module, read from its source without importing it.

    None where the module has none of that name, or one that is no literal.
    """
    spec = importlib.util.find_spec(module)
    try:
        return literal(spec.loader.get_source(module), name)  # type: ignore[union-attr]
    except (AttributeError, OSError, ImportError, SyntaxError):
        return None


def factory(kind: str, name: str) -> Callable[..., Any]:
    """The factory that a member's module defines. Raises ValueError as `load` does."""
    return getattr(load(kind, name), _target(kind, name)[1])


def options(kind: str, name: str) -> dict[str, Option]:
    """Every option of a member's factory, read from its source without importing the member.

    A source that does not tell (a default that is no literal, a factory made by a call, a member
    without source) is imported after all. The default of an option that must be given is
    `MISSING`; cells and tasks have none of these.

    Raises:
        ValueError: no such member, or an option of a cell or a task without a default.
    """
    # A sweep of hundreds of points asks thousands of times, and what lstmx ships stays as it is.
    shipped = isinstance(name, str) and name in _shipped(kind)
    return dict((_shipped_options if shipped else _options)(kind, name))


def _options(kind: str, name: str) -> dict[str, Option]:
    target, entry = _target(kind, name)
    spec = _find(kind, name, target)
    try:
        source = spec.loader.get_source(target)  # type: ignore[union-attr]
        if kind in OPTIONAL and not defines(source, entry):
            return {}
        found = read(source, entry)
    except SyntaxError as error:
        where = f"{spec.origin}, line {error.lineno}"
        raise ValueError(f"{ENTRY.get(kind, kind)} {name!r}: {where}: {error.msg}") from error
    except (AttributeError, OSError, ImportError):
        found = None
    if found is None:
        signature = inspect.signature(factory(kind, name))
        found = tuple((k, inspected(p)) for k, p in signature.parameters.items())
    known = dict(found[ARGUMENTS.get(kind, 0) :])
    for key, option in known.items():
        if option.default is MISSING and kind in COMPLETE:
            raise ValueError(f"{ENTRY[kind]} {name!r}: option {key!r} has no default; give it one")
    return known


_shipped_options = functools.cache(_options)


def make(kind: str, name: str, *arguments: Any, **options: Any) -> Any:
    """The member made with these options; equal ones give the same cell or model.

    Args:
        arguments: what a factory of this kind is given besides its options; see `ARGUMENTS`.

    Raises:
        ValueError: unknown name or option, an option of the wrong type, or whatever the factory
            itself refuses.
    """
    build, what = factory(kind, name), f"{ENTRY.get(kind, kind)} {name!r}"
    if kind == "tasks":  # what a task reads from files may change under the same options
        return build(**bound(build, what, options))
    complete = bound(build, what, options, arguments)
    return once(build, ".".join(_target(kind, name)), complete)


def wrap(cell: Any, name: str, options: Mapping[str, Any]) -> Any:
    """The cell in a wrapper of that name; equal options give the same object.

    Raises:
        ValueError: unknown name or option, an option that is missing, or whatever the wrapper
            refuses.
    """
    build, what = factory("wrappers", name), f"wrapper {name!r}"
    complete = bound(build, what, {GROUPED["wrappers"]: cell, **options})
    if name in _shipped("wrappers"):  # these cache themselves, being public functions
        return build(**complete)
    complete = {key: hashable(value) for key, value in complete.items()}
    return once(build, ".".join(_target("wrappers", name)), complete)


def _target(kind: str, name: str) -> tuple[str, str]:
    """The dotted module of a member, and the name of the factory there.

    Raises:
        ValueError: what is no name; one that lstmx does not ship; a module that nobody has
            consented to.
    """
    what = ENTRY.get(kind, kind)
    if not isinstance(name, str) or not name:
        example = names(kind)[0]
        raise ValueError(f"{what}: got {shown(name)}; expected a name, such as {example!r}")
    member = name.removeprefix(f"{PACKAGES.get(kind, f'lstmx.{kind}')}.")
    if member in _shipped(kind):
        return _shipped(kind)[member]
    if "." not in name:
        raise ValueError(unknown(what, name, names(kind)))
    if len(name) > LONGEST or not all(map(str.isidentifier, name.split("."))):
        raise ValueError(
            f"{what} {shown(name)} is no name of a module; expected one such as "
            f"my_lab.{kind}.mine, or one of lstmx: {', '.join(names(kind))}"
        )
    if name not in _trusted:
        raise ValueError(
            f"{what} {name!r} is a module that a file names and lstmx does not ship, and importing "
            "it runs its code; look at it, then consent with --trust (in Python, "
            f"lstmx.config.from_dict(..., trust=True), or lstmx.registry.trust({name!r}))"
        )
    return name, ENTRY.get(kind, kind)


def _find(kind: str, name: str, target: str) -> ModuleSpec:
    """Where a module is. Imports its parent packages, never the module itself."""
    try:
        spec = importlib.util.find_spec(target)
        missing = target
    except ModuleNotFoundError as error:
        if not f"{target}.".startswith(f"{error.name}."):
            raise
        spec, missing = None, str(error.name)
    if spec is None:
        raise ValueError(
            f"unknown {ENTRY.get(kind, kind)} {name!r}: no module {missing!r} can be imported; "
            "put its folder on PYTHONPATH"
        )
    return spec
