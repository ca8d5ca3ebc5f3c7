"""What tells one run from another: canonical text, ids, differences."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from lstmx import registry
from lstmx.config._base import SECTIONS, defaults, own_keys
from lstmx.config._renamed import stored
from lstmx.config._values import plain, to_dict

SCHEMA = 1
"""Raised when a key changes its meaning or its default; a new key with a default needs nothing."""
PENALTIES = ("ar", "tar")
"""The hyperparameters that cost time unless all of them are 0."""
ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
ABSENT = "(absent)"
"""Stands in a difference for a key that one of the two lacks."""


def canonical(config: ConfigDict) -> str:
    """JSON of what differs from the defaults, keys sorted; `name` is not in it.

    Sections always say which member they describe, and of its options those that differ from its
    own defaults: a new key, or a new option of a member, leaves the text of old configs alone. A
    key that was renamed has its former name there.
    """
    return _text({"schema": SCHEMA, "config": changes(config)})


def changes(config: ConfigDict) -> dict[str, Any]:
    """What differs from the defaults, nested plain values, without `name`; see `canonical`.

    Options and metrics have the names under which configs are stored, so that none changes its id.
    """
    values = to_dict(config)
    known = to_dict(defaults())
    for (place, key), option in own_keys(values).items():
        known[place][key] = plain(option.default)
    found = _changed(values, known, "")
    found.pop("name", None)
    return stored(found)


def identity(config: ConfigDict, files: Mapping[str, str] | None = None) -> str:
    """The id of a run: the first 10 hex digits of the SHA-256 of its canonical text.

    Args:
        config: the resolved config, seed included.
        files: name -> SHA-256 of the data files that the task reads.
    """
    text = canonical(config) + (_text(dict(files)) if files else "")
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def static_part(config: ConfigDict) -> str:
    """The canonical text without what is traced: where it is equal, a compilation is shared.

    Hyperparameters are traced, but whether there is a penalty at all is compiled in.
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


def _changed(values: dict[str, Any], known: dict[str, Any], prefix: str) -> dict[str, Any]:
    changes = {}
    for key, value in values.items():
        path = prefix + key
        if path in SECTIONS:
            own = registry.options(SECTIONS[path], value["name"])
            shown = {k: plain(option.default) for k, option in own.items()}
            changes[key] = {"name": value["name"], **_changed(value, shown, f"{path}.")}
        elif path != "evals" and isinstance(value, dict):
            below = _changed(value, known[key], f"{path}.")
            changes.update({key: below} if below else {})
        elif key not in known or _differ(value, known[key]):
            changes[key] = value
    return changes


def _differ(a: Any, b: Any) -> bool:
    """Whether two plain values are written in two ways; most are one object."""
    return a is not b and _text(a) != _text(b)


def _text(value: Any) -> str:
    """JSON, one way to write it; tells 1 from 1.0 and True."""
    return ENCODER.encode(value)
