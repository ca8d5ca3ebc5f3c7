"""Checks of values: each returns the value, or raises ValueError with a message of one line.

    a number or size    hidden_size=0; expected at least 1
    one of some names   unknown reset 'befor'; did you mean 'before'? known: after, before
    a type              cell 'lstm': hidden_size='a' has the wrong type; expected int

The argument `what` of a check names the value for the user: an option, a flag, a config key.
"""

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

LONGEST = 80
"""The most characters of a value in a message."""

MOST_KNOWN = 100
"""The most names that a message lists."""


def size(what: str, value: Any, least: int = 1) -> int:
    """The value as an int. Raises ValueError unless it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{what}={shown(value)}; expected a whole number of at least {least}")
    if value < least:
        raise ValueError(f"{what}={shown(value)}; expected at least {least}")
    return int(value)


def sizes(least: int = 1, **values: Any) -> None:
    """Check several whole numbers by name. Raises ValueError as `size`."""
    for what, value in values.items():
        size(what, value, least)


def number(
    what: str,
    value: Any,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> float:
    """The value as a float, if it is finite, `above < value < below` and `least <= value <= most`.

    Raises:
        ValueError: any other value, infinite numbers and NaN included.
    """
    fit = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not fit or not (above < value < below and least <= value <= most):
        bounds = {"above": above, "at least": least, "below": below, "at most": most}
        limits = [f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound)]
        kind = f"a number {' and '.join(limits)}" if limits else "a finite number"
        raise ValueError(f"{what}={shown(value)}; expected {kind}")
    return float(value)


def rate(what: str, value: Any) -> float:
    """The value as a float. Raises ValueError unless it is a probability in [0, 1)."""
    if not isinstance(value, Real) or not 0 <= float(value) < 1:
        raise ValueError(f"{what}={shown(value)}; expected a rate in [0, 1)")
    return float(value)


def one_of(what: str, value: Any, names: Iterable[str]) -> Any:
    """The value. Raises ValueError, with the nearest name, unless it is one of the names."""
    names = list(names)
    if value not in names:
        raise ValueError(unknown(what, value, names))
    return value


def unknown(what: str, name: Any, names: Iterable[str]) -> str:
    """The message for an unknown name, with the nearest of the valid names and a list of them."""
    names = sorted(names)
    # Comparing takes time quadratic in the length of the name, which may be any text.
    asked = str(name)[: 2 * LONGEST]
    near = difflib.get_close_matches(asked, names, n=1)
    near = near or difflib.get_close_matches(asked.lower(), names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if len(names) > MOST_KNOWN:  # a table may have thousands of columns
        names = [*names[:MOST_KNOWN], f"and {len(names) - MOST_KNOWN} more"]
    # `repr` without its quotes escapes line breaks: names may come from a file.
    return f"unknown {what} {shown(name)}; {hint}known: {repr(', '.join(names))[1:-1]}"


def typed(what: str, value: Any, kind: type, *, nullable: bool = False) -> Any:
    """The value in the type of an option: an int is converted to a float, a list to a tuple.

    Args:
        kind: int, float, bool, str or tuple; object accepts any value.
        nullable: whether None is allowed.

    Raises:
        ValueError: a value of another type.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a NumPy scalar of a sweep
        value = value.item()
    if kind is object or (value is None and nullable):
        return value
    if kind is tuple and isinstance(value, list | tuple):
        return tuple(value)
    is_bool = isinstance(value, bool)  # bool is a subclass of int, but no number of an option
    if kind is float and isinstance(value, int) and not is_bool:
        return float(value)
    if isinstance(value, kind) and (kind is bool or not is_bool):
        return value
    expected = kind.__name__ + (" or None" if nullable else "")
    if kind is tuple and isinstance(value, str):
        expected += f", such as ({shown(value)},)"
    raise ValueError(f"{what}={shown(value)} has the wrong type; expected {expected}")


def shown(value: Any) -> str:
    """The text of a value for a message, cut to `LONGEST` characters."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of over 4300 digits
        text = f"a number of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
