"""Members by name: a cell, a task or a model is a module, and its file name is its registration.

`load("cells", "gru")` is the module `lstmx.cells.gru`; a dotted name such as
`"my_lab.cells.janet"` is anybody's own module. Either defines one factory, named for its kind.

The options of a member are read from its source, so that configs and flags know every key without
importing the member, and jax with it.

Importing a module runs its code. So only names that the user of this process has given are looked
up outside of lstmx, see `trust`: a name that stands in somebody's run directory is not.
"""

import difflib
import functools
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

from lstmx.registry._source import Option, inspected, read

ENTRY = {"cells": "cell", "models": "model", "tasks": "task"}
"""Kind of member -> the name of the factory that its module defines."""

ARGUMENTS = {"models": 1}
"""Kind of member -> how many positional arguments its factory is given; they are no options."""

LONGEST = 200
"""Characters of a name; longer ones are shown in part, and are no module's."""

MOST_KNOWN = 100
"""Names that a message lists, at most."""

_made: dict[Any, Any] = {}
_trusted: set[str] = set()


class Origin(NamedTuple):
    """How a cell was made, so that it can be made again, in another process too.

    Attributes:
        name: of its factory, such as "lstmx.cells.lstm.cell" or "lstmx.wrappers.noise._zoneout".
        options: every option by name, defaults included; of a wrapper, the cell inside too.
    """

    name: str
    options: tuple[tuple[str, Any], ...]

    def make(self) -> Any:
        """The cell; the same object as before where it was made here already.

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
        return _once(build, self.name, dict(self.options))


def trust(*names: Any) -> None:
    """Consent that these modules, which lstmx does not ship, are imported by this process.

    To be called for names that its user has given. `make` of `cells`, `models` and `tasks`,
    `config.cell`, `config.task` and `config.resolve` do so; what reads names from files leaves it
    to the user.
    """
    _trusted.update(name for name in names if isinstance(name, str))


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
        ValueError: no such member, a module that fails, or that does not define the kind's factory.
    """
    target = _target(kind, name)
    _find(kind, name, target)
    try:
        module = importlib.import_module(target)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
        raise ValueError(f"{ENTRY[kind]} {name!r} cannot be imported: {said}") from error
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
        found = read(spec.loader.get_source(target), ENTRY[kind])  # type: ignore[union-attr]
    except SyntaxError as error:
        where = f"{spec.origin}, line {error.lineno}"
        raise ValueError(f"{ENTRY[kind]} {name!r}: {where}: {error.msg}") from error
    except (AttributeError, OSError, ImportError):
        found = None
    if found is None:
        signature = inspect.signature(factory(kind, name))
        found = tuple((k, inspected(p)) for k, p in signature.parameters.items())
    found = found[ARGUMENTS.get(kind, 0) :]
    for key, option in found:
        if option.default is inspect.Parameter.empty:
            raise ValueError(f"{ENTRY[kind]} {name!r}: option {key!r} has no default; give it one")
    return dict(found)


def make(kind: str, name: str, *arguments: Any, **options: Any) -> Any:
    """The member made with these options; equal ones give the same cell or model.

    Args:
        arguments: what a factory of this kind is given besides its options; see `ARGUMENTS`.

    Raises:
        ValueError: unknown name or option, an option of the wrong type, or whatever the factory
            itself refuses.
    """
    build, what = factory(kind, name), f"{ENTRY[kind]} {name!r}"
    if kind == "tasks":  # what a task reads from files may change under the same options
        return build(**bound(build, what, options))
    complete = bound(build, what, options, arguments)
    return _once(build, f"{_target(kind, name)}.{ENTRY[kind]}", complete)


def cached(build: Callable[..., Any], what: str, **options: Any) -> Any:
    """`build(**options)`, made once per bound, defaulted and typed set of options.

    Jit and NNX compare static values by identity, so equal options must give one object. A plain
    `lru_cache` would tell f(64) from f(hidden_size=64), and not tell 1 from True.

    Raises:
        ValueError: unknown option or an option of the wrong type.
    """
    return _once(build, f"{build.__module__}.{build.__qualname__}", bound(build, what, options))


def _once(build: Callable[..., Any], name: str, complete: dict[str, Any]) -> Any:
    """What `build` makes of its complete options, made once; a cell is told of its origin."""
    identity = (build, tuple((k, _identity(v)) for k, v in complete.items()))
    if identity not in _made:
        made = build(**complete)
        if hasattr(made, "origin"):
            made = made._replace(origin=Origin(name, tuple(complete.items())))
        _made[identity] = made
    return _made[identity]


def bound(
    build: Callable[..., Any],
    what: str,
    options: Mapping[str, Any],
    arguments: Sequence[Any] = (),
) -> dict[str, Any]:
    """Every parameter of a factory: those given, checked, and the defaults of the others.

    Args:
        arguments: values of its first parameters, which are no options.

    Raises:
        ValueError: unknown option or an option of the wrong type.
    """
    parameters = {k: p.default for k, p in inspect.signature(build).parameters.items()}
    first = dict(zip(parameters, arguments))
    known = {k: v for k, v in parameters.items() if k not in first}
    for option in options:
        if option not in known:
            raise ValueError(unknown(f"option of {what}:", option, known))
    return first | {k: checked(what, k, options.get(k, v), v) for k, v in known.items()}


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
    near = difflib.get_close_matches(name[:LONGEST], known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if len(known) > MOST_KNOWN:  # the columns of a table may be thousands
        known = [*known[:MOST_KNOWN], f"and {len(known) - MOST_KNOWN} more"]
    return f"unknown {what} {_shown(name)}; {hint}known: {repr(', '.join(known))[1:-1]}"


def _identity(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_identity(v) for v in value)
    return (type(value), value)


def _target(kind: str, name: str) -> str:
    """The dotted module of a member.

    Raises:
        ValueError: what is no name; one that lstmx does not ship; a module that nobody has
            consented to.
    """
    what = ENTRY[kind]
    if not isinstance(name, str) or not name:
        raise ValueError(f"{what}: got {_shown(name)}; expected a name, such as {names(kind)[0]!r}")
    member = name.removeprefix(f"lstmx.{kind}.")
    if member in names(kind):
        return f"lstmx.{kind}.{member}"
    if "." not in name:
        raise ValueError(unknown(what, name, names(kind)))
    if len(name) > LONGEST or not all(map(str.isidentifier, name.split("."))):
        raise ValueError(
            f"{what} {_shown(name)} is no name of a module; expected one such as "
            f"my_lab.{kind}.mine, or one of lstmx: {', '.join(names(kind))}"
        )
    if name not in _trusted:
        raise ValueError(
            f"{what} {name!r} is a module that a file names and lstmx does not ship, and importing "
            "it runs its code; look at it, then consent with --trust (in Python, "
            "lstmx.config.from_dict(..., trust=True))"
        )
    return name


def _shown(name: Any) -> str:
    """A name for a message of one line, however long."""
    text = repr(name)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


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
