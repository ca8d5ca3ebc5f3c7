"""The value of a flag's text for a key of a config."""

import itertools
from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from lstmx import registry
from lstmx.config import _literals
from lstmx.config._base import SECTIONS, member_keys
from lstmx.config._literals import shown
from lstmx.config._values import at, to_dict, unknown_key
from lstmx.registry import Option


def parse(config: ConfigDict, key: str, text: str) -> Any:
    """The value of a flag's text for a key of this config.

    True and false, numbers, text unquoted, `None` where the key may be None; tuples as
    `(1, 2)`, `1,2` or `()`, their texts unquoted unless they hold a comma; a section as the name of
    its member; `evals` as a literal dict.

    Raises:
        ValueError: an unknown key, or a text that does not fit its type or has over 10 000
            characters.
    """
    if len(text) > _literals.LONGEST:
        raise ValueError(
            f"{shown(key)}: a value of {len(text)} characters; expected at most {_literals.LONGEST}"
        )
    values = to_dict(config)
    parent, _, last = key.rpartition(".")
    owner = at(values, parent, key)
    if not isinstance(owner, dict) or last not in owner:
        raise ValueError(unknown_key(key, values))
    if key in SECTIONS:
        return text
    option = _option(config, key, owner[last])
    if text == "None" and option.nullable:
        return None
    if option.texts:
        return _texts(text)
    try:
        return READERS.get(option.type, _literals.literal)(text)
    except ValueError:
        expected = option.type.__name__ + (" or None" if option.nullable else "")
        raise ValueError(f"{key}={shown(text)} has the wrong type; expected {expected}") from None


def _option(config: ConfigDict, key: str, value: Any) -> Option:
    """The type and nullability of a key that exists."""
    parent, _, last = key.rpartition(".")
    if parent in SECTIONS and last != "name":
        name = at(to_dict(config), parent, key)["name"]
        return registry.options(SECTIONS[parent], name)[last]
    if parent.startswith("evals."):
        return registry.options("tasks", config.task.name)[last]
    keys = member_keys(config)
    if (parent, last) in keys:
        return keys[parent, last]
    return Option(value, tuple if isinstance(value, list) else type(value))


def _boolean(text: str) -> bool:
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise ValueError(text)
    return values[text.lower()]


def _tuple(text: str) -> tuple[Any, ...]:
    """`(1, 2)`, `1,2`, `3` or words `full,none` as a tuple."""
    value = _literals.literal(text)
    if isinstance(value, str):
        return tuple(part.strip() for part in text.strip("()").split(",") if part.strip())
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _texts(text: str) -> tuple[str, ...]:
    """`a,T (degC)`, `('a', 'b')`, `2016` or `()` as a tuple of texts: names of columns."""
    if "'" in text or '"' in text:
        value = _literals.literal(text)
        items = value if isinstance(value, list | tuple) else (value,)
        if value != text and all(isinstance(item, str) for item in items):
            return tuple(items)
    inner = text.strip()
    # Brackets around all of it, not those of the first and the last name.
    depths = list(itertools.accumulate({"(": 1, ")": -1}.get(letter, 0) for letter in inner))
    if inner[:1] == "(" and depths[-1] == 0 and 0 not in depths[:-1]:
        inner = inner[1:-1]
    return tuple(part.strip() for part in inner.split(",") if part.strip())


READERS: dict[type, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: _boolean,
    tuple: _tuple,
}
"""Type of an option -> the function that reads it from text; other types are literals."""
