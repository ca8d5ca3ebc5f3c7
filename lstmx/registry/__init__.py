"""Members by name: a cell, a task or a wrapper is a module, and its file name is its registration.

`load("cells", "gru")` is the module `lstmx.cells.gru`; a dotted name such as
`"my_lab.cells.janet"` is anybody's own module. Either defines one factory, named for its kind.

The options of a member are read from its source, so that configs and flags know every key without
importing the member, and jax with it.
"""

import ast
import difflib
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

ENTRY = {"cells": "cell", "tasks": "task"}
"""Kind of member -> the name of the factory that its module defines."""

TYPES = {"int": int, "float": float, "bool": bool, "str": str, "tuple": tuple}
"""The types that an option may have, as annotations spell them."""

_made: dict[Any, Any] = {}


class Option(NamedTuple):
    """One option of a factory.

    Attributes:
        default: its value when nothing is said.
        type: int, float, bool, str or tuple; object where the annotation says something else.
        nullable: None is a value too.
    """

    default: Any
    type: type
    nullable: bool = False


def names(kind: str) -> list[str]:
    """The names of all members of a kind that lstmx ships, sorted; imports none of them."""
    return list(_shipped(kind))


@functools.cache
def _shipped(kind: str) -> tuple[str, ...]:
    """What `names` gives: a sweep of hundreds of points asks thousands of times."""
    package = importlib.util.find_spec(f"lstmx.{kind}")
    if package is None:
        raise ValueError(f"lstmx has no members of kind {kind!r}")
    found = pkgutil.iter_modules(package.submodule_search_locations)
    return tuple(sorted(m.name for m in found if not m.name.startswith("_")))


def load(kind: str, name: str) -> ModuleType:
    """The module of a member.

    Raises:
        ValueError: no such member, or a module that does not define the kind's factory.
    """
    target = _target(kind, name)
    _find(kind, name, target)
    module = importlib.import_module(target)
    if not callable(getattr(module, ENTRY[kind], None)):
        raise ValueError(f"module {target!r} defines no function {ENTRY[kind]}(...)")
    return module


def factory(kind: str, name: str) -> Callable[..., Any]:
    """The factory that a member's module defines. Raises ValueError as `load` does."""
    return getattr(load(kind, name), ENTRY[kind])


def options(kind: str, name: str) -> dict[str, Option]:
    """Every option of a member's factory, read from its source without importing the member.

    A source that does not tell (a default that is no literal, a factory made by a call, a member
    without source) is imported after all.

    Raises:
        ValueError: no such member, or an option without a default.
    """
    target = _target(kind, name)
    spec = _find(kind, name, target)
    try:
        found = _read(spec.loader.get_source(target), ENTRY[kind])  # type: ignore[union-attr]
    except (AttributeError, OSError, ImportError):
        found = None
    if found is None:
        signature = inspect.signature(factory(kind, name))
        found = tuple((k, _inspected(p)) for k, p in signature.parameters.items())
    for key, option in found:
        if option.default is inspect.Parameter.empty:
            raise ValueError(f"{ENTRY[kind]} {name!r}: option {key!r} has no default; give it one")
    return dict(found)


def make(kind: str, name: str, **options: Any) -> Any:
    """The member made with these options; equal options give the same cell.

    Raises:
        ValueError: unknown name or option, an option of the wrong type, or whatever the factory
            itself refuses.
    """
    build, what = factory(kind, name), f"{ENTRY[kind]} {name!r}"
    if kind == "tasks":  # what a task reads from files may change under the same options
        return build(**bound(build, what, options))
    return cached(build, what, **options)


def cached(build: Callable[..., Any], what: str, **options: Any) -> Any:
    """`build(**options)`, made once per bound, defaulted and typed set of options.

    Jit and NNX compare static values by identity, so equal options must give one object. A plain
    `lru_cache` would tell f(64) from f(hidden_size=64), and not tell 1 from True.

    Raises:
        ValueError: unknown option or an option of the wrong type.
    """
    complete = bound(build, what, options)
    identity = (build, tuple((k, _identity(v)) for k, v in complete.items()))
    if identity not in _made:
        _made[identity] = build(**complete)
    return _made[identity]


def bound(build: Callable[..., Any], what: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a factory: those given, checked, and the defaults of the others.

    Raises:
        ValueError: unknown option or an option of the wrong type.
    """
    known = {k: p.default for k, p in inspect.signature(build).parameters.items()}
    for option in options:
        if option not in known:
            raise ValueError(unknown(f"option of {what}:", option, known))
    return {k: checked(what, k, options.get(k, v), v) for k, v in known.items()}


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


def _target(kind: str, name: str) -> str:
    """The dotted module of a member. Raises ValueError for a name that lstmx does not ship."""
    if "." in name:
        return name
    if name not in names(kind):
        raise ValueError(unknown(ENTRY[kind], name, names(kind)))
    return f"lstmx.{kind}.{name}"


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
            f"unknown {ENTRY[kind]} {name!r}: no module {missing!r} can be imported; "
            "put its folder on PYTHONPATH"
        )
    return spec


@functools.lru_cache(maxsize=256)
def _read(source: str | None, entry: str) -> tuple[tuple[str, Option], ...] | None:
    """The options of a source's factory, or None where the source alone does not tell them."""
    if source is None:
        return None
    functions = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == entry
    ]
    if len(functions) != 1 or functions[0].decorator_list:
        return None
    arguments = functions[0].args
    if arguments.vararg or arguments.kwarg:
        return None
    positional = arguments.posonlyargs + arguments.args
    required = len(positional) - len(arguments.defaults)
    values = [None] * required + arguments.defaults + arguments.kw_defaults
    found = []
    for argument, value in zip(positional + arguments.kwonlyargs, values):
        try:
            default = inspect.Parameter.empty if value is None else ast.literal_eval(value)
        except ValueError:
            return None
        written = ast.unparse(argument.annotation) if argument.annotation else ""
        found.append((argument.arg, _option(default, written)))
    return tuple(found)


def _inspected(parameter: inspect.Parameter) -> Option:
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return _option(parameter.default, "")
    return _option(parameter.default, inspect.formatannotation(annotation).strip("'"))


def _option(default: Any, written: str) -> Option:
    """The option of a default and its annotation as written, such as `int | None`."""
    parts = [part.strip() for part in re.sub(r"\[.*?\]", "", written).split("|")]
    nullable = default is None or "None" in parts
    said = [part for part in parts if part != "None"]
    if len(said) == 1 and said[0] in TYPES:
        return Option(default, TYPES[said[0]], nullable)
    guess = type(default) if len(said) == 1 and type(default) in TYPES.values() else object
    return Option(default, guess, nullable)
