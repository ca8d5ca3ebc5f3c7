"""What was made of options: checked, made once, and told how it can be made again."""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lstmx.checks import typed, unknown
from lstmx.registry._source import MISSING, inspected

_made: dict[Any, Any] = {}


class Frozen(dict[str, Any]):
    """A mapping that can be hashed, as the options of a cell's origin must be."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))


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
        return once(build, self.name, dict(self.options))


def cached(build: Callable[..., Any], what: str, **options: Any) -> Any:
    """`build(**options)`, made once per bound, defaulted and typed set of options.

    Jit and NNX compare static values by identity, so equal options must give one object. A plain
    `lru_cache` would tell f(64) from f(hidden_size=64), and not tell 1 from True.

    Raises:
        ValueError: unknown option or an option of the wrong type.
    """
    return once(build, f"{build.__module__}.{build.__qualname__}", bound(build, what, options))


def once(build: Callable[..., Any], name: str, complete: dict[str, Any]) -> Any:
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
        ValueError: unknown option, one that is missing, or one of the wrong type.
    """
    parameters = inspect.signature(build).parameters
    first = dict(zip(parameters, arguments))
    known = {k: inspected(p) for k, p in parameters.items() if k not in first}
    for name in options:
        if name not in known:
            raise ValueError(unknown(f"option of {what}:", name, known))
    for name, option in known.items():
        if option.default is MISSING and name not in options:
            raise ValueError(f"{what} needs a value for {name!r}")
    return first | {
        name: typed(
            f"{what}: {name}",
            options.get(name, option.default),
            option.type,
            nullable=option.nullable,
        )
        for name, option in known.items()
    }


def _identity(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_identity(v) for v in value)
    if isinstance(value, Frozen):
        return (Frozen, tuple((k, _identity(v)) for k, v in sorted(value.items())))
    return (type(value), value)


def hashable(value: Any) -> Any:
    """An option as `Origin` can hold it."""
    if isinstance(value, Mapping):
        return Frozen({key: hashable(item) for key, item in value.items()})
    return tuple(map(hashable, value)) if type(value) in (list, tuple) else value
