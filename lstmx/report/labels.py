"""Config keys that vary between runs, and the labels of table rows made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from lstmx import checks

CELL = ("model.cell.name", "model.cell.variant")
# Runs of one row differ in the seed, and sections in the name; neither tells rows apart.
NOT_ROWS = ("seed", "name")


def varying(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The dotted keys in which flat configs differ, except the seed and the name.

    Options are compared only between configs that name the same member in their section: between an
    LSTM and a GRU the cell's name differs, and the LSTM's peepholes are no further difference.
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    return [key for key in keys if key not in NOT_ROWS and _differs(key, configs)]


def chosen(by: Sequence[str], configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys to group by: those in `by`, a section replaced by its keys that vary.

    Raises:
        ValueError: a name that is neither a key nor a section of the configs.
    """
    names = dict.fromkeys(key for config in configs for key in config)
    keys: list[str] = []
    for name in by:
        inside = [key for key in varying(configs) if key.startswith(f"{name}.")]
        if name not in names and not any(key.startswith(f"{name}.") for key in names):
            raise ValueError(checks.unknown("key to group by", name, names))
        keys += [name] if name in names else inside
    return list(dict.fromkeys(keys))


def label(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The label of a row: its cell's variant or name, then the other keys with their values.

    Args:
        config: a flat config.
        keys: the keys that rows are grouped by.
    """
    parts = []
    if any(key in CELL for key in keys):
        cell = config.get("model.cell.name", "")
        parts.append(str(config.get("model.cell.variant") or cell))
    shorts = [key.rpartition(".")[2] for key in keys]
    for key, short in zip(keys, shorts):
        if key in config and key not in CELL:
            name = short if shorts.count(short) == 1 else key
            parts.append(f"{name}={show(config[key])}")
    return " ".join(parts) or "all runs"


def show(value: Any) -> str:
    """A config value as short text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(show, value)) + "]"
    return str(value)


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
