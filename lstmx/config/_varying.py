"""The keys in which the configs of several runs differ."""

from collections.abc import Mapping, Sequence
from typing import Any

# Runs of one row of a table differ in the seed, sections of a report in the name.
_NOT_ROWS = ("seed", "name")


def varying(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The dotted keys in which flat configs differ, except the seed and the name.

    Options are compared only between configs that name the same member in their section: between an
    LSTM and a GRU the cell's name differs, and the LSTM's peepholes are no further difference.
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    return [key for key in keys if key not in _NOT_ROWS and _differs(key, configs)]


def _differs(key: str, configs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a key differs between configs that select the same members in its sections."""
    parts = key.split(".")
    owners = [".".join(parts[:n]) + ".name" for n in range(1, len(parts))]
    seen: dict[Any, Any] = {}  # names of the members -> value of the key
    for config in configs:
        if key not in config:
            continue
        family = tuple(config.get(owner) for owner in owners if owner != key)
        if seen.setdefault(family, config[key]) != config[key]:
            return True
    return key.endswith(".name") and len({config.get(key) for config in configs}) > 1
