"""The options of a factory: read from its source, or from the factory itself."""

import ast
import functools
import inspect
import re
from typing import Any, NamedTuple

MISSING = inspect.Parameter.empty
"""Stands for the default of an option that must be given."""

TYPES = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "tuple": tuple,
    "Mapping": dict,
}
"""The types that an option may have, as annotations spell them."""


class Option(NamedTuple):
    """One option of a factory.

    Attributes:
        default: its value when nothing is said; `MISSING` where it must be given.
        type: int, float, bool, str, tuple or dict; object where the annotation says something else.
        nullable: None is a value too.
    """

    default: Any
    type: type
    nullable: bool = False


@functools.lru_cache(maxsize=256)
def read(source: str | None, entry: str) -> tuple[tuple[str, Option], ...] | None:
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
            default = MISSING if value is None else ast.literal_eval(value)
        except ValueError:
            return None
        written = ast.unparse(argument.annotation) if argument.annotation else ""
        found.append((argument.arg, _option(default, written)))
    return tuple(found)


def defines(source: str | None, entry: str) -> bool:
    """Whether a source has a function of that name at its top level."""
    body = ast.parse(source or "").body
    return any(isinstance(node, ast.FunctionDef) and node.name == entry for node in body)


def functions(source: str, first: str) -> list[str]:
    """The public functions of a source whose first parameter has that name."""
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and [argument.arg for argument in node.args.args[:1]] == [first]
    ]


def literal(source: str, name: str) -> Any:
    """The value of a constant of a source; None where it has none, or one that is no literal."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [name]:
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None


def inspected(parameter: inspect.Parameter) -> Option:
    """The option that a parameter of a factory is."""
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
