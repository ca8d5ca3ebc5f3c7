"""The identity of a run: canonical text, ids, and the differences of two configs."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from lstmx import registry
from lstmx.config._base import SECTIONS, defaults, member_keys
from lstmx.config._renamed import stored
from lstmx.config._values import plain, to_dict

SCHEMA = 1
"""To be increased when a key changes its meaning or its default; not for a new key."""
PENALTIES = ("ar", "tar")
"""The weights of penalties on activations; computing these takes time unless all are 0."""
ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
ABSENT = "(absent)"
"""The value in a difference of a key that one of the two configs lacks."""


def canonical(config: ConfigDict) -> str:
    """JSON of what differs from the defaults, keys sorted; `name` is not in it.

    A section always names its member and lists the options that differ from the member's
    defaults: a new key, or a new option of a member, does not change the text of old configs. A
    renamed key has its former name.
    """
    return _text({"schema": SCHEMA, "config": changes(config)})


def changes(config: ConfigDict) -> dict[str, Any]:
    """The values that differ from the defaults, nested, without `name`; see `canonical`.

    Options and metrics have the names of stored configs, so that a renaming changes no id.
    """
    values = to_dict(config)
    # Keys that only this config's members read have their defaults from these members.
    usual = to_dict(defaults())
    for (section, key), option in member_keys(values).items():
        usual[section][key] = plain(option.default)
    result = _changed(values, usual, "")
    result.pop("name", None)
    return stored(result)


def identity(config: ConfigDict, files: Mapping[str, str] | None = None) -> str:
    """The id of a run: the first 10 hex digits of the SHA-256 of its canonical text.

    Args:
        config: the resolved config, seed included.
        files: name -> SHA-256 of the data files that the task reads.
    """
    text = canonical(config) + (_text(dict(files)) if files else "")
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def static_part(config: ConfigDict) -> str:
    """The canonical text without traced values; configs with equal text share a compilation.

    Hyperparameters are traced; whether any penalty is computed is static.
    """
    static = {k: v for k, v in changes(config).items() if k not in ("hparams", "seed")}
    return _text(static | ({"regularized": True} if regularized(config) else {}))


def regularized(config: ConfigDict) -> bool:
    """Whether training adds a penalty on activations to the loss."""
    return any(config.hparams[name] for name in PENALTIES)


def difference(a: Any, b: Any) -> dict[str, tuple[Any, Any]]:
    """Dotted key -> (value in a, value in b) where two configs, or plain dicts, differ."""
    flat_a, flat_b = flatten(a), flatten(b)
    pairs = {k: (flat_a.get(k, ABSENT), flat_b.get(k, ABSENT)) for k in {**flat_a, **flat_b}}
    return {k: pair for k, pair in pairs.items() if _differ(*pair)}


def flatten(config: Any) -> dict[str, Any]:
    """Dotted key -> plain value."""
    return _flatten(to_dict(config), "")


def _flatten(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        nested = isinstance(value, dict) and value
        flat.update(_flatten(value, f"{prefix}{key}.") if nested else {prefix + key: value})
    return flat


def _changed(values: dict[str, Any], usual: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The values that differ from the usual ones, and the name of every section's member."""
    changes = {}
    for key, value in values.items():
        path = prefix + key
        if path in SECTIONS:
            options = registry.options(SECTIONS[path], value["name"])
            inner = {k: plain(option.default) for k, option in options.items()}
            # The name is in neither defaults nor options, so it always counts as changed.
            changes[key] = {"name": value["name"], **_changed(value, inner, f"{path}.")}
        elif path != "evals" and isinstance(value, dict):
            below = _changed(value, usual[key], f"{path}.")
            changes.update({key: below} if below else {})
        elif key not in usual or _differ(value, usual[key]):
            changes[key] = value
    return changes


def _differ(a: Any, b: Any) -> bool:
    """Whether the texts of two plain values differ; most pairs are one object, which is faster."""
    return a is not b and _text(a) != _text(b)


def _text(value: Any) -> str:
    """JSON with sorted keys and no spaces; 1, 1.0 and True have different texts."""
    return ENCODER.encode(value)
