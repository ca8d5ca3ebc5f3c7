"""One vocabulary of refusals: each check gives its value back, or says in one line what is wrong.

    a number or size    hidden_size=0; expected at least 1
    one of some names   unknown reset 'befor'; did you mean 'before'? known: after, before
    a type              cell 'lstm': hidden_size='a' has the wrong type; expected int

What a check is called with is the name that the user knows: an option, a flag, a key of a config.
"""

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

LONGEST = 80
"""Characters of a value in a message."""

MOST_KNOWN = 100
"""Names that a message lists."""


def size(what: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{what}={shown(value)}; expected a whole number of at least {least}")
    if value < least:
        raise ValueError(f"{what}={shown(value)}; expected at least {least}")
    return int(value)


def sizes(least: int = 1, **values: Any) -> None:
    """Several whole numbers by name, each at least `least`. Raises ValueError."""
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
    """A finite number within bounds, of which `above` and `below` are not numbers themselves.

    Raises:
        ValueError: anything else; infinite numbers and NaN too.
    """
    fit = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not fit or not (above < value < below and least <= value <= most):
        bounds = {"above": above, "at least": least, "below": below, "at most": most}
        said = [f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound)]
        kind = f"a number {' and '.join(said)}" if said else "a finite number"
        raise ValueError(f"{what}={shown(value)}; expected {kind}")
    return float(value)


def rate(what: str, value: Any) -> float:
    """How often something is dropped, in [0, 1). Raises ValueError."""
    if not isinstance(value, Real) or not 0 <= float(value) < 1:
        raise ValueError(f"{what}={shown(value)}; expected a rate in [0, 1)")
    return float(value)


def one_of(what: str, value: Any, known: Iterable[str]) -> Any:
    """One of some names. Raises ValueError, which names the nearest of them."""
    known = list(known)
    if value not in known:
        raise ValueError(unknown(what, value, known))
    return value


def unknown(what: str, name: Any, known: Iterable[str]) -> str:
    """One line that says that a name is unknown, what was probably meant, and what there is."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name)[: 2 * LONGEST], known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if len(known) > MOST_KNOWN:  # the columns of a table may be thousands
        known = [*known[:MOST_KNOWN], f"and {len(known) - MOST_KNOWN} more"]
    return f"unknown {what} {shown(name)}; {hint}known: {repr(', '.join(known))[1:-1]}"


def typed(what: str, value: Any, kind: type, *, nullable: bool = False) -> Any:
    """A value in the type of an option: an int passes as a float, a list as a tuple.

    Args:
        kind: int, float, bool, str or tuple; object for what may be anything.
        nullable: None is a value too.

    Raises:
        ValueError: a value of another type.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a NumPy scalar of a sweep
        value = value.item()
    if kind is object or (value is None and nullable):
        return value
    if kind is tuple and isinstance(value, list | tuple):
        return tuple(value)
    is_bool = isinstance(value, bool)
    if kind is float and isinstance(value, int) and not is_bool:
        return float(value)
    if isinstance(value, kind) and (kind is bool or not is_bool):
        return value
    expected = kind.__name__ + (" or None" if nullable else "")
    raise ValueError(f"{what}={shown(value)} has the wrong type; expected {expected}")


def shown(value: Any) -> str:
    """A value in a message, however long it is."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of over 4300 digits
        text = f"a number of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
