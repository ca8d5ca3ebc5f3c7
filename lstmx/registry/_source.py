"""The options of a factory, read from its source or from its signature."""

import ast
import functools
import inspect
import re
from typing import Any, NamedTuple

MISSING = inspect.Parameter.empty
"""The default of a required option."""

TYPES = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "tuple": tuple,
    "Mapping": dict,
}
"""Name in an annotation -> type of an option."""


class Option(NamedTuple):
    """One option of a factory.

    Attributes:
        default: its default; `MISSING` where it is required.
        type: int, float, bool, str, tuple or dict; object for any other annotation.
        nullable: whether None is allowed.
        texts: whether it is a tuple of texts, as a flag cannot tell 2016 from "2016".
    """

    default: Any
    type: type
    nullable: bool = False
    texts: bool = False


@functools.lru_cache(maxsize=256)
def read(source: str | None, entry: str) -> tuple[tuple[str, Option], ...] | None:
    """(name, option) of every parameter of a source's factory; None where the source is not enough.

    Raises:
        SyntaxError: the source is not Python.
    """
    if source is None:
        return None
    candidates = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == entry
    ]
    # The factory may be assigned or imported, and a decorator may change its signature.
    if len(candidates) != 1 or candidates[0].decorator_list:
        return None
    arguments = candidates[0].args
    if arguments.vararg or arguments.kwarg:  # options that the signature does not list
        return None
    positional = arguments.posonlyargs + arguments.args
    required = len(positional) - len(arguments.defaults)
    # `defaults` belongs to the last positional parameters, `kw_defaults` to all keyword-only ones.
    values = [None] * required + arguments.defaults + arguments.kw_defaults
    options = []
    for argument, value in zip(positional + arguments.kwonlyargs, values):
        try:
            default = MISSING if value is None else ast.literal_eval(value)
        except ValueError:  # an expression, such as the name of a constant
            return None
        annotation = ast.unparse(argument.annotation) if argument.annotation else ""
        options.append((argument.arg, _option(default, annotation)))
    return tuple(options)


def defines(source: str | None, entry: str) -> bool:
    """Whether a source has a function of that name at its top level."""
    body = ast.parse(source or "").body
    return any(isinstance(node, ast.FunctionDef) and node.name == entry for node in body)


def functions(source: str, first: str) -> list[str]:
    """The names of a source's public functions whose first parameter is called `first`."""
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and [argument.arg for argument in node.args.args[:1]] == [first]
    ]


def literal(source: str, name: str) -> Any:
    """The value of a source's constant; None where it has none, or one that is not a literal."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [name]:
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None


def inspected(parameter: inspect.Parameter) -> Option:
    """The option that a parameter of an imported factory describes."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return _option(parameter.default, "")
    return _option(parameter.default, inspect.formatannotation(annotation).strip("'"))


def _option(default: Any, annotation: str) -> Option:
    """The option with this default and the text of its annotation, such as `int | None`."""
    # Only the outer type counts: `tuple[int, ...]` is a tuple.
    parts = [part.strip() for part in re.sub(r"\[.*?\]", "", annotation).split("|")]
    nullable = default is None or "None" in parts
    types = [part for part in parts if part != "None"]
    if len(types) == 1 and types[0] in TYPES:
        texts = re.search(r"\btuple\[str, \.\.\.\]", annotation) is not None
        return Option(default, TYPES[types[0]], nullable, texts)
    # No annotation, or an alias: the default has the type. Of a union, any type is accepted.
    guess = type(default) if len(types) == 1 and type(default) in TYPES.values() else object
    return Option(default, guess, nullable)
