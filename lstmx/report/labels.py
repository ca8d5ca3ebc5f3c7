"""Config keys that rows of a table are grouped by, and the labels made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from lstmx import checks
from lstmx import config as cfg

CELL = ("model.cell.name", "model.cell.variant")


def chosen(by: Sequence[str], configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys to group by: those in `by`, a section replaced by its keys that vary.

    Raises:
        ValueError: a name that is neither a key nor a section of the configs.
    """
    names = dict.fromkeys(key for config in configs for key in config)
    keys: list[str] = []
    for name in by:
        inside = [key for key in cfg.varying(configs) if key.startswith(f"{name}.")]
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
    return setting(config, keys) or "all runs"


def setting(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The same of keys that make no row; "" without any."""
    parts = []
    if any(key in CELL for key in keys):
        cell = config.get("model.cell.name", "")
        parts.append(str(config.get("model.cell.variant") or cell))
    shorts = [key.rpartition(".")[2] for key in keys]
    for key, short in zip(keys, shorts):
        if key in config and key not in CELL:
            name = short if shorts.count(short) == 1 else key
            parts.append(f"{name}={show(config[key])}")
    return " ".join(parts)


def show(value: Any) -> str:
    """A config value as short text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(show, value)) + "]"
    return str(value)
