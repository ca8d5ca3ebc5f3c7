"""Config keys that rows of a table are grouped by, and the labels made from them."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from lstmx import checks, registry
from lstmx import config as cfg

VARIANT = "model.cell.variant"
CELL = ("model.cell.name", VARIANT)
DIGITS = 4
"""Significant digits of a number where they suffice; zeros at the end are not written."""


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


def digits(configs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, int]:
    """Key -> significant digits of its numbers with which its different values differ as text."""
    found = {}
    for key in keys:
        values = [config[key] for config in configs if key in config]
        exact = len({show(value, 17) for value in values})
        found[key] = next(
            n for n in range(DIGITS, 18) if len({show(value, n) for value in values}) == exact
        )
    return found


def label(
    config: Mapping[str, Any],
    keys: Sequence[str],
    tried: Sequence[str] = (),
    digits: Mapping[str, int] = {},
) -> str:
    """The label of a row: its cell, then the other keys with their values.

    The cell is its variant's name where variants are compared, else its own, with the variant if
    that is not the default: `LSTM` is what every framework calls so.

    Args:
        config: a flat config.
        keys: the keys that rows are grouped by.
        tried: keys of which a row shows the best values, so that they are not in its label.
        digits: of the numbers of a key, see `digits`: runs with one label are runs of one row.
    """
    return _parts(config, keys, tried, digits) or "all runs"


def setting(config: Mapping[str, Any], keys: Sequence[str], digits: Mapping[str, int] = {}) -> str:
    """The same of the keys that a row has the best values of; "" without any."""
    return _parts(config, keys, CELL, digits)


def meanings(labels: Sequence[str]) -> dict[str, str]:
    """Label of a row that is the name of an LSTM variant -> what that is."""
    known = registry.constant("lstmx.cells._lstm_spec", "MEANINGS") or {}
    return {name: known[name] for name in labels if name in known}


def _parts(
    config: Mapping[str, Any],
    keys: Sequence[str],
    tried: Sequence[str],
    digits: Mapping[str, int],
) -> str:
    parts = []
    if any(key in CELL for key in keys):
        parts.append(_cell(config, VARIANT in keys, VARIANT in tried))
    # The name of an optimizer is the optimizer.
    shorts = [key.removesuffix(".name").rpartition(".")[2] for key in keys]
    for key, short in zip(keys, shorts):
        if key in config and key not in CELL:
            name = short if shorts.count(short) == 1 else key
            parts.append(f"{name}={show(config[key], digits.get(key, DIGITS))}")
    return " ".join(parts)


def _cell(config: Mapping[str, Any], compared: bool, tried: bool) -> str:
    name, variant = str(config.get("model.cell.name", "")), config.get(VARIANT)
    if variant and compared:
        return str(variant)
    # One of another package is not read: its name may be from a run that nobody trusts.
    own = _own(name) if name.isidentifier() else None
    default = registry.options("cells", name)["variant"].default if own and variant else None
    parts = [own or name, *([str(variant)] if variant != default and not tried else [])]
    return " ".join(parts)


@functools.cache
def _own(name: str) -> str | None:
    """What the file of a cell says that people call it."""
    found = registry.constant(f"lstmx.cells.{name}", "LABEL")
    return found if found is None else str(found)


def show(value: Any, digits: int = DIGITS) -> str:
    """A config value as short text, floats with so many significant digits."""
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(show(each, digits) for each in value) + "]"
    return str(value)
