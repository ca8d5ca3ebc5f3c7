"""Members by name: cells, models, tasks, wrappers, optimizers and schedules.

A member is a module with a factory, and its file alone registers it: `load("cells", "gru")`
returns the module `lstmx.cells.gru`, and a dotted name such as `"my_lab.cells.janet"` is a module
of the user. Either defines one factory, named after its kind. Wrappers are small, so those of lstmx
share a few modules: each public function of `lstmx/wrappers/*.py` with a first parameter `cell`.

The options of a member are the parameters of its factory, read from its source: configs and flags
need every key before jax is imported, and importing a member imports jax.

Importing a module runs its code, and run directories name members: a module outside of lstmx is
imported only after consent, see `trust`.
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
from lstmx.registry._cache import Frozen, Origin, bound, cached, hashable, is_own, once
from lstmx.registry._source import MISSING, Option, defines, functions, inspected, literal, read

__all__ = [
    "COMPLETE",
    "ENTRY",
    "GROUPED",
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
    "is_own",
    "load",
    "make",
    "names",
    "options",
    "trust",
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
"""Kind of member -> the package of lstmx's members, where it is not `lstmx.<kind>`."""

GROUPED = {"wrappers": "cell"}
"""Kinds with several members in a module -> the first parameter of their factories."""

COMPLETE = ("cells", "tasks")
"""Kinds whose options must all have defaults, so that a name alone is a valid section."""

OPTIONAL = ("constants",)
"""Kinds of further functions, which a module may define, named as their kind."""

ARGUMENTS = {"models": 1, "wrappers": 1, "constants": 1}
"""Kind of member -> number of positional arguments of its factory, which are not options."""

LONGEST = 200
"""The most characters of a module's name."""

_trusted: set[str] = set()
"""Names of modules outside of lstmx that the user of this process has consented to import."""


def trust(*names: Any) -> None:
    """Consent that this process imports these modules, which lstmx does not ship.

    For names from the user of this process: `make` of `cells`, `models` and `tasks`, `config.cell`,
    `config.task`, `config.wrapper` and `config.resolve` call it, because their caller has written
    the name. Code that reads names from files must not: the file may come from someone else.
    """
    _trusted.update(name for name in names if isinstance(name, str))


def names(kind: str) -> list[str]:
    """The names of lstmx's members of a kind, sorted; imports none of them."""
    return list(_shipped(kind))


@functools.cache
def _shipped(kind: str) -> dict[str, tuple[str, str]]:
    """Name -> (module, factory) of lstmx's members of a kind, sorted; imports none of them."""
    package = PACKAGES.get(kind, f"lstmx.{kind}")
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ValueError(f"lstmx has no members of kind {kind!r}")
    members = {}
    for module in pkgutil.iter_modules(spec.submodule_search_locations):
        if module.name.startswith("_"):
            continue
        factories = [(module.name, ENTRY.get(kind, kind))]
        if kind in GROUPED:
            # Several members in one module: only its source has their names.
            spec = module.module_finder.find_spec(module.name, None)
            source = spec.loader.get_source(module.name)  # type: ignore[union-attr]
            factories = [(name, name) for name in functions(source, GROUPED[kind])]
        members.update({name: (f"{package}.{module.name}", entry) for name, entry in factories})
    return dict(sorted(members.items()))


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
        line = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
        raise ValueError(f"{ENTRY.get(kind, kind)} {name!r} cannot be imported: {line}") from error
    if not callable(getattr(module, entry, None)):
        raise ValueError(f"module {target!r} defines no function {entry}(...)")
    return module


def find(kind: str, name: str) -> tuple[str, str]:
    """The dotted module of a member and the name of its factory there; imports neither.

    Raises:
        ValueError: no such member, or a module without consent, see `trust`.
    """
    target, entry = _target(kind, name)
    _find(kind, name, target)
    return target, entry


def constant(module: str, name: str) -> Any:
    """A constant of a module, read from its source without importing it.

    None where the module has no constant of that name, or one that is not a literal.
    """
    spec = importlib.util.find_spec(module)
    try:
        return literal(spec.loader.get_source(module), name)  # type: ignore[union-attr]
    except (AttributeError, OSError, ImportError, SyntaxError):
        return None


def factory(kind: str, name: str) -> Callable[..., Any]:
    """The factory of a member; imports its module. Raises ValueError as `load` does."""
    return getattr(load(kind, name), _target(kind, name)[1])


def options(kind: str, name: str) -> dict[str, Option]:
    """Every option of a member's factory, read from its source without importing the member.

    Where the source is not enough (a default that is not a literal, a factory that a call returns,
    a member without source), the member is imported. The default of a required option is `MISSING`;
    cells and tasks have no required options.

    Raises:
        ValueError: no such member, or an option of a cell or a task without a default.
    """
    # A sweep of hundreds of points calls this thousands of times. Sources of lstmx do not change in
    # a process, so they are cached; a user's module may be edited in a session, so it is read anew.
    shipped = isinstance(name, str) and name in _shipped(kind)
    return dict((_shipped_options if shipped else _options)(kind, name))


def _options(kind: str, name: str) -> dict[str, Option]:
    target, entry = _target(kind, name)
    spec = _find(kind, name, target)
    # 1. Read the parameters from the source; None means that it alone is not enough.
    try:
        source = spec.loader.get_source(target)  # type: ignore[union-attr]
        if kind in OPTIONAL and not defines(source, entry):
            return {}
        parameters = read(source, entry)
    except SyntaxError as error:
        where = f"{spec.origin}, line {error.lineno}"
        raise ValueError(f"{ENTRY.get(kind, kind)} {name!r}: {where}: {error.msg}") from error
    except (AttributeError, OSError, ImportError):  # a loader without source
        parameters = None
    # 2. Else import the member, and inspect the factory.
    if parameters is None:
        signature = inspect.signature(factory(kind, name))
        parameters = tuple((k, inspected(p)) for k, p in signature.parameters.items())
    # 3. The first parameters take what lstmx passes, such as the layers of a model.
    result = dict(parameters[ARGUMENTS.get(kind, 0) :])
    for key, option in result.items():
        if option.default is MISSING and kind in COMPLETE:
            raise ValueError(f"{ENTRY[kind]} {name!r}: option {key!r} has no default; give it one")
    return result


_shipped_options = functools.cache(_options)


def make(kind: str, name: str, *arguments: Any, **options: Any) -> Any:
    """The member built with these options; for equal options, the same cell or model.

    Args:
        arguments: the positional arguments of a factory of this kind, see `ARGUMENTS`.

    Raises:
        ValueError: unknown name or option, an option of the wrong type, or what the factory
            refuses.
    """
    build, what = factory(kind, name), f"{ENTRY.get(kind, kind)} {name!r}"
    if kind == "tasks":  # not cached: the data files of a task may change
        return build(**bound(build, what, options))
    complete = bound(build, what, options, arguments)
    return once(build, ".".join(_target(kind, name)), complete)


def wrap(cell: Any, name: str, options: Mapping[str, Any]) -> Any:
    """The cell in a wrapper of that name; for equal options, the same object.

    Raises:
        ValueError: unknown name or option, an option that is missing, or what the wrapper
            refuses.
    """
    build, what = factory("wrappers", name), f"wrapper {name!r}"
    complete = bound(build, what, {GROUPED["wrappers"]: cell, **options})
    if name in _shipped("wrappers"):  # these call `cached` themselves
        return build(**complete)
    complete = {key: hashable(value) for key, value in complete.items()}
    return once(build, ".".join(_target("wrappers", name)), complete)


def _target(kind: str, name: str) -> tuple[str, str]:
    """The dotted module of a member, and the name of its factory there.

    Raises:
        ValueError: a value that is not a name; a name without a dot that lstmx does not ship; a
            module without consent, see `trust`.
    """
    what = ENTRY.get(kind, kind)
    if not isinstance(name, str) or not name:
        example = names(kind)[0]
        raise ValueError(f"{what}: got {shown(name)}; expected a name, such as {example!r}")
    # The dotted name of a member of lstmx means the same as its short name, and needs no consent.
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
    # Consent is checked before anything is imported, parent packages included.
    if name not in _trusted:
        raise ValueError(
            f"{what} {name!r} is a module that a file names and lstmx does not ship, and importing "
            "it runs its code; look at it, then consent with --trust (in Python, "
            f"lstmx.config.from_dict(..., trust=True), or lstmx.registry.trust({name!r}))"
        )
    return name, ENTRY.get(kind, kind)


def _find(kind: str, name: str, target: str) -> ModuleSpec:
    """The spec of a module. Imports its parent packages, not the module itself.

    Raises:
        ValueError: the module or one of its parent packages does not exist.
    """
    try:
        spec = importlib.util.find_spec(target)
        missing = target
    except ModuleNotFoundError as error:
        # Other modules are missing inside a parent package: an error of its code, not of the name.
        if not f"{target}.".startswith(f"{error.name}."):
            raise
        spec, missing = None, str(error.name)
    if spec is None:
        raise ValueError(
            f"unknown {ENTRY.get(kind, kind)} {name!r}: no module {missing!r} can be imported; "
            "put its folder on PYTHONPATH"
        )
    return spec
