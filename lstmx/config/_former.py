"""Keys that were renamed: stored configs still load, and ids of runs stay the same.

An id is a hash of the canonical text, so that text keeps the former keys.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict


class Renamed(NamedTuple):
    """A key `<section>.<key>` with another name than it had.

    Attributes:
        new: the key.
        old: its former name, in the same section.
        default: its default.
        values: value now -> value then, where they differ; one key may stand for several former
            ones. None: the values are the same.
    """

    new: str
    old: str
    default: Any
    values: Mapping[str, Any] | None = None

    def knows(self, value: Any) -> bool:
        """Whether the former key could say this value of the key."""
        return self.values is None or value in self.values

    def then(self, value: Any) -> Any:
        """The value of the former key that goes with a value of the key."""
        if self.values is None:
            return value
        return self.values.get(value, self.values[self.default])


RENAMED = (
    Renamed("model.hidden_sizes", "model.widths", ()),
    Renamed("model.skip_connections", "model.residual", "none", {"none": False, "residual": True}),
    Renamed(
        "model.skip_connections",
        "model.links",
        "none",
        {"none": "none", "highway": "highway", "graves": "skip"},
    ),
)

FIRST_MODEL = "sequence"
"""The model of configs from before there were several."""


def current(values: Any) -> Any:
    """A stored config, nested, with the keys of today and the name of the model that it meant.

    Raises:
        ValueError: a former key beside the key that it stands for.
    """
    model = values.get("model")
    if _is_section(model) and "name" not in model:
        values = {**dict(values.items()), "model": {"name": FIRST_MODEL, **dict(model.items())}}
    for renamed in RENAMED:
        section, _, old = renamed.old.rpartition(".")
        if _is_section(values.get(section)) and old in values[section]:
            values = {**dict(values.items()), section: _current(values[section], renamed)}
    return values


def former(values: Mapping[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """A config, or its differences from the defaults, nested, with the keys that it had at first.

    Args:
        whole: also former keys at their default, as in a config with every key.
    """
    result = dict(values)
    for new in dict.fromkeys(renamed.new for renamed in RENAMED):
        rules = [renamed for renamed in RENAMED if renamed.new == new]
        section, _, key = new.rpartition(".")
        inside = dict(result.get(section, {}))
        if key not in inside or not any(rule.knows(inside[key]) for rule in rules):
            continue
        value = inside.pop(key)
        for rule in rules:
            then = rule.then(value)
            if whole or then != rule.then(rule.default):
                inside[rule.old.rpartition(".")[2]] = then
        result[section] = inside
    return result


def hint(key: str) -> str | None:
    """The name that a former key has today."""
    return next((renamed.new for renamed in RENAMED if renamed.old == key), None)


def _current(section: Any, renamed: Renamed) -> dict[str, Any]:
    """The section with the value of the former key under the new one."""
    old, new = (key.rpartition(".")[2] for key in (renamed.old, renamed.new))
    inside = dict(section.items())
    then = inside.pop(old)
    names = renamed.values or {}
    value = next((name for name, known in names.items() if known == then), then)
    if (tuple(value) if isinstance(value, list) else value) == renamed.default:
        inside.setdefault(new, value)
    elif inside.get(new, renamed.default) != renamed.default:
        raise ValueError(
            f"{renamed.old}={then!r:.80} beside {renamed.new}={inside[new]!r:.80}; expected the "
            "latter only, which is its name now"
        )
    else:
        inside[new] = value
    return inside


def _is_section(value: Any) -> bool:
    return isinstance(value, Mapping | ConfigDict)
