"""Axes of a space of hyperparameters: ranges, choices, and the number of the trial.

An axis has *searched* values, which the sampler draws and the study stores, and *settings*, which
the config gets: `one_minus` searches 1 - momentum, a choice of whole cells searches their names.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from lstmx import checks
from lstmx.config import ConfigDict

MOST_VALUES = 1000
"""The most values of one axis of a grid."""
NAMES = (bool, int, float, str, type(None))
"""Types of choices that are their own names."""

Searched = bool | int | float | str | None


@dataclasses.dataclass(frozen=True)
class Range:
    """An interval of numbers, both ends included.

    Attributes:
        low: the least searched value.
        high: the largest one.
        log: whether the logarithm is searched evenly.
        whole: whether only whole numbers are searched.
        complement: whether the setting is 1 minus the searched value.
        num: number of values on a grid; None is all whole numbers.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    complement: bool = False
    num: int | None = None


@dataclasses.dataclass(frozen=True)
class Choice:
    """Some values, each with a name.

    Attributes:
        names: what is searched and shown in tables.
        settings: what the config gets, in the order of `names`.
        balanced: whether trials take them in turn, so that each has equally many.
    """

    names: tuple[Searched, ...]
    settings: tuple[Any, ...]
    balanced: bool = False


@dataclasses.dataclass(frozen=True)
class Numbered:
    """The number of the trial, counted from `first`; nothing is searched.

    Attributes:
        first: the setting of trial 0.
    """

    first: int


Axis = Range | Choice | Numbered


def uniform(low: float, high: float, *, num: int | None = None) -> Range:
    """Numbers from `low` to `high`; on a grid `num` of them, evenly spaced.

    Raises:
        ValueError: not low < high, both finite.
    """
    return _range(low, high, num)


def log_uniform(low: float, high: float, *, num: int | None = None) -> Range:
    """Numbers whose logarithm is uniform; on a grid `num` of them, each the same factor apart.

    Raises:
        ValueError: not 0 < low < high, both finite.
    """
    return _range(low, high, num, log=True)


def integer(low: int, high: int, *, num: int | None = None) -> Range:
    """Whole numbers from `low` to `high`; on a grid all, or `num` of them, evenly spaced.

    Raises:
        ValueError: not low < high, or no whole numbers.
    """
    return _range(low, high, num, whole=True)


def log_integer(low: int, high: int, *, num: int | None = None) -> Range:
    """Whole numbers, rounded from a uniform logarithm.

    Raises:
        ValueError: not 1 <= low < high, or no whole numbers.
    """
    return _range(low, high, num, log=True, whole=True)


def choice(values: Iterable[Any] | Mapping[str, Any], *, balanced: bool = False) -> Choice:
    """Some values, all equally likely: simple ones, or whole sections such as `cfg.cell("gru")`.

    Args:
        values: in a dict, under the names that tables show; in a list a section has the name of
            its member, and any other value its text.
        balanced: give them to the trials in turn instead of by chance: what is compared then has
            equally many trials. Not for sampler "tpe", which chooses.

    Raises:
        ValueError: no values, or two of one name.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ValueError(f"got {checks.shown(values)}; expected a list of choices")
    pairs = list(values.items() if isinstance(values, Mapping) else ((_name(v), v) for v in values))
    if not pairs:
        raise ValueError("a choice without values")
    seen: set[str] = set()
    for name, _ in pairs:
        if repr(name) in seen:
            raise ValueError(f"two choices are called {name!r}; give a dict of names and values")
        seen.add(repr(name))
    names, settings = zip(*pairs)
    return Choice(tuple(names), tuple(settings), balanced)


def one_minus(axis: Range) -> Range:
    """1 minus the values of a range: `one_minus(log_uniform(0.01, 1.0))` for a momentum.

    Raises:
        ValueError: a range of whole numbers, or no range.
    """
    if not isinstance(axis, Range) or axis.whole or axis.complement:
        raise ValueError(f"one_minus: got {checks.shown(axis)}; expected uniform or log_uniform")
    return dataclasses.replace(axis, complement=True)


def numbered(first: int = 0) -> Numbered:
    """The trial's number, for the key "seed": every trial is another sample."""
    return Numbered(checks.size("first", first, 0))


def at(axis: Range | Choice, share: float) -> Searched:
    """The searched value below which a share of the axis lies, `0 <= share < 1`."""
    if isinstance(axis, Choice):
        return axis.names[int(share * len(axis.names))]
    low, high = float(axis.low), float(axis.high)
    if axis.whole:  # every number has one bin, on the searched scale
        low, high = low - 0.5, high + 0.5
    width = high - low
    value = low * math.exp(share * math.log(high / low)) if axis.log else low + share * width
    if axis.whole:
        return int(min(max(math.floor(value + 0.5), axis.low), axis.high))
    return min(max(value, low), high)  # exp and log may round beyond a bound


def setting(axis: Range | Choice, value: Searched) -> Any:
    """What the config gets for a searched value.

    Raises:
        ValueError: a name that the choice does not have.
    """
    if isinstance(axis, Choice):
        for name, chosen in zip(axis.names, axis.settings):
            if name == value and type(name) is type(value):
                return chosen
        raise ValueError(checks.unknown("choice", value, map(str, axis.names)))
    return 1 - float(value) if axis.complement else value  # type: ignore[arg-type]


def grid_values(key: str, axis: Range | Choice) -> list[Searched]:
    """The searched values of one axis of a grid.

    Raises:
        ValueError: a range of numbers without `num`, or too many values.
    """
    if isinstance(axis, Choice):
        return list(axis.names)
    count = axis.num
    if count is None and axis.whole:
        count = int(axis.high - axis.low) + 1
        if count <= MOST_VALUES:
            return list(range(int(axis.low), int(axis.high) + 1))
    if count is None or count > MOST_VALUES:
        raise ValueError(f"{key}: a grid needs the number of its values; set num= of the range")
    ratio, width = axis.high / axis.low if axis.log else 0.0, axis.high - axis.low
    shares = [k / (count - 1) for k in range(count)]
    values = [axis.low * ratio**s if axis.log else axis.low + width * s for s in shares]
    values[-1] = axis.high  # not beyond it by rounding
    return list(dict.fromkeys(map(round, values))) if axis.whole else list(values)


def described(axis: Any) -> str:
    """The axis in one line."""
    if isinstance(axis, Choice):
        turns = " in turn" if axis.balanced else ""
        return f"choice of {', '.join(map(str, axis.names))}{turns}"
    if isinstance(axis, Numbered):
        return f"number of the trial + {axis.first}" if axis.first else "number of the trial"
    if not isinstance(axis, Range):
        return f"fixed at {axis['name'] if isinstance(axis, ConfigDict) else axis}"
    kind = f"{'log-' if axis.log else ''}{'integer' if axis.whole else 'uniform'}"
    return f"{'1 - ' if axis.complement else ''}{kind} {axis.low:g} .. {axis.high:g}"


def recorded(axis: Any) -> Any:
    """The axis as plain values, for a study to remember."""
    if isinstance(axis, Range | Numbered):
        return {"kind": type(axis).__name__, **dataclasses.asdict(axis)}
    if not isinstance(axis, Choice):
        return axis
    found = dict(zip(map(str, axis.names), axis.settings))
    return {"balanced": found} if axis.balanced else found


def _name(value: Any) -> Searched:
    if isinstance(value, ConfigDict | Mapping):
        return str(value["name"]) if "name" in value else str(dict(value))
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a NumPy scalar
        value = value.item()
    return value if isinstance(value, NAMES) else str(value)


def _range(
    low: float, high: float, num: int | None, *, log: bool = False, whole: bool = False
) -> Range:
    if whole:
        for name, value in (("low", low), ("high", high)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{name}={checks.shown(value)}; expected a whole number")
    else:
        low, high = checks.number("low", low), checks.number("high", high)
    if not low < high:
        raise ValueError(f"got low={low}, high={high}; expected low < high")
    if log and low <= 0:
        raise ValueError(f"got low={low}; a logarithmic range starts above 0")
    if num is not None:
        checks.size("num", num, 2)
    return Range(low, high, log, whole, num=num)
