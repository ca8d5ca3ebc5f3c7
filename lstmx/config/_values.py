"""Configs as plain values: to JSON and back, and with overrides applied."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from lstmx import checks, registry
from lstmx.config import _renamed
from lstmx.config._base import (
    MEMBERS,
    SECTIONS,
    check_wrappers,
    defaults,
    member_keys,
    reference,
    section,
    section_values,
    typed,
)
from lstmx.config._literals import shown
from lstmx.registry import Option

NESTED = (Mapping, ConfigDict)
SIMPLE = frozenset((str, int, float, bool, type(None)))
"""Types of most values; this check is faster than one for a mapping."""


def to_dict(config: Any) -> dict[str, Any]:
    """The config as a plain dict of JSON's types: tuples become lists."""
    return {key: plain(value) for key, value in config.items()}


def from_dict(values: Any, *, trust: bool = False) -> ConfigDict:
    """The config that a plain dict describes; keys that it lacks have their defaults.

    Renamed keys, options and metrics are accepted under their former names too.

    `from_dict(to_dict(config)) == config`, tuples, floats and None included.

    Args:
        values: nested, such as the config.json of a run directory.
        trust: consent to import the members that it names, also those that lstmx does not ship.
            That runs their code: only for directories of a known origin.

    Raises:
        ValueError: an unknown key or member, a value of the wrong type, values that are no dict, or
            a module that needs consent.
    """
    if not isinstance(values, NESTED):
        raise ValueError(f"a config is a dict of its keys; got {shown(values)}")
    if trust:
        registry.trust(*_members("", values))
    return ConfigDict(_filled(_renamed.current(values))).lock()


def resolve(config: ConfigDict, overrides: Mapping[str, Any]) -> ConfigDict:
    """A copy of the config with dotted keys overridden and types checked.

    A whole section may be replaced by another (`{"model.cell": cell("gru")}`) or by a name alone,
    which means that member with its defaults. An override of its name only (`model.cell.name`)
    keeps the options that were set, and refuses a member that lacks one of them. Sections are
    applied first, then names, then the rest, in any order of `overrides`.

    Raises:
        ValueError: an unknown key or member, or a value of the wrong type.
    """
    values = to_dict(config)
    # Sections and names bring the keys that other overrides set, so they go first.
    for key in sorted(overrides, key=_rank):
        value = overrides[key]
        # An override is written by the user of this process, which is consent to import.
        registry.trust(*_members(key, value))
        parent, _, last = key.rpartition(".")
        if key in SECTIONS and isinstance(value, str):
            value = section_values(SECTIONS[key], value, {})
        if key in MEMBERS:
            _exchange(values, key, value)
        if parent in SECTIONS and last == "name":
            value, key = _rename(at(values, parent, key), parent, value), parent
        parent, _, last = key.rpartition(".")
        owner = at(values, parent, key)
        if not isinstance(owner, dict) or last not in owner:
            raise ValueError(unknown_key(key, values))
        if isinstance(owner[last], dict) != isinstance(value, NESTED):
            kind = "a section" if isinstance(owner[last], dict) else "a single value"
            raise ValueError(f"{key}={shown(plain(value))} has the wrong type; expected {kind}")
        owner[last] = plain(value)
    return from_dict(values)


def renames(key: str) -> bool:
    """Whether an override of this key changes which keys exist: a section, a member's name."""
    return key in MEMBERS or key in SECTIONS or any(key == f"{path}.name" for path in SECTIONS)


def plain(value: Any) -> Any:
    """The value in JSON's types: dicts, lists and single values."""
    if type(value) in SIMPLE:
        return value
    if isinstance(value, NESTED):
        return {k: plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):  # NumPy scalars and arrays of a sweep
        return value.tolist()
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def _members(key: str, value: Any) -> Iterator[str]:
    """The names of members in the value of a dotted key; with key "", of a whole config."""
    for part in reversed(key.split(".") if key else []):
        value = {part: value}
    for path in (*SECTIONS, *MEMBERS):
        inner = _under(value, path)
        name = inner.get("name") if isinstance(inner, NESTED) else inner
        if isinstance(name, str):
            yield name
    wrappers = _under(value, "model.wrappers")
    for pair in wrappers if isinstance(wrappers, list | tuple) else ():
        if isinstance(pair, list | tuple) and pair and isinstance(pair[0], str):
            yield pair[0]


def _under(value: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for part in path.split("."):
        value = value.get(part) if isinstance(value, NESTED) else None
    return value


def _filled(values: Any) -> dict[str, Any]:
    """All values of a config, each in its type: `values`, and the defaults of the other keys."""
    config = _copied(defaults())
    # The names of models, optimizers and schedules first: they determine which keys exist.
    for path in MEMBERS:
        name = _under(values, path)
        if name is not None:
            parent, _, last = path.rpartition(".")
            config[parent][last] = typed(path, name, Option("", str))
    added = member_keys(config)
    for (place, key), option in added.items():
        config[place][key] = reference(option.default, option)
    for path in SECTIONS:  # their options may be references, which no two configs share
        if _under(values, path) is not None:
            continue
        parent, _, last = path.rpartition(".")
        owner = config[parent] if parent else config
        owner[last] = section(SECTIONS[path], owner[last]["name"], {})
    _fill(config, values, "", {".".join(path): option for path, option in added.items()})
    return config


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copied(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def _fill(config: dict[str, Any], values: Any, prefix: str, added: Mapping[str, Option]) -> None:
    """Write values into a config's dict, each in the type of its default.

    Args:
        added: dotted key -> option, of the keys that members read beyond those of `base()`.
    """
    for key, value in values.items():
        path = f"{prefix}{key}"
        if type(key) is not str or key not in config:
            keys = plain(defaults())
            for place, _, name in (dotted.rpartition(".") for dotted in added):
                keys[place][name] = None
            raise ValueError(unknown_key(path, keys))
        if path == "evals":  # read last: its options are those of the task
            continue
        if isinstance(config[key], dict) and not isinstance(value, NESTED):
            raise ValueError(f"{path}={shown(value)} has the wrong type; expected a section")
        if path in SECTIONS:
            options = dict(value.items())
            name = typed(f"{path}.name", options.pop("name", None), Option("", str))
            config[key] = section(SECTIONS[path], name, options)
        elif isinstance(config[key], dict):
            _fill(config[key], value, f"{path}.", added)
        elif path in added:
            config[key] = reference(typed(path, value, added[path]), added[path])
        else:
            config[key] = typed(path, value, Option(config[key], type(config[key])))
        if path == "model.wrappers":
            check_wrappers(config[key])
    if "evals" in values and not prefix:
        config["evals"] = _evals(values["evals"], config["task"]["name"])


def _exchange(values: dict[str, Any], path: str, name: Any) -> None:
    """Replace the keys of a model, optimizer or schedule by those of another one.

    Raises:
        ValueError: a key that is set and that the new member lacks.
    """
    section, _, last = path.rpartition(".")
    before = member_keys(values)
    after = member_keys(
        {**values, section: {**values[section], last: typed(path, name, Option("", str))}}
    )
    for (place, key), option in before.items():
        if (place, key) in after:
            continue
        value = values[place].pop(key, None)
        if value != plain(option.default):
            raise ValueError(
                f"{path}={name!r}: {registry.ENTRY[MEMBERS[path]]} {name!r} has no option {key!r}, "
                f"which is set to {shown(value)}; set {place}.{key} to its default, "
                f"{option.default!r}"
            )
    for (place, key), option in after.items():
        values[place].setdefault(key, plain(option.default))


def _evals(values: Any, task: str) -> dict[str, Any]:
    """The evals, each a set of options of the task, in their types."""
    available = registry.options("tasks", task)
    result: dict[str, dict[str, Any]] = {}
    for name, overrides in values.items():
        if type(name) is not str or not name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(
                f"evals: got the name {shown(name)}; expected letters, digits, '_', '-'"
            )
        if not isinstance(overrides, NESTED):
            raise ValueError(
                f"evals.{name}={shown(overrides)}; expected a dict of options of the task"
            )
        for key in overrides:
            if key not in available:
                raise ValueError(
                    checks.unknown(f"option of task {task!r} in evals.{name}:", str(key), available)
                )
        result[name] = {
            key: typed(f"evals.{name}.{key}", value, available[key])
            for key, value in overrides.items()
        }
    return result


def _rename(old: dict[str, Any], path: str, name: Any) -> dict[str, Any]:
    """The section of another member, with the options that differ from the old one's defaults."""
    kind = SECTIONS[path]
    defaults = registry.options(kind, old["name"])
    available = registry.options(kind, typed(f"{path}.name", name, Option("", str)))
    changed = {k: v for k, v in old.items() if k != "name" and v != plain(defaults[k].default)}
    for key, value in changed.items():
        if key not in available:
            raise ValueError(
                f"{path}.name={name!r}: {registry.ENTRY[kind]} {name!r} has no option {key!r}, "
                f"which is set to {shown(value)}; replace the whole section: {path}={name}"
            )
    return section_values(kind, name, changed)


def at(values: dict[str, Any], path: str, key: str) -> Any:
    """The value at a dotted path. Raises ValueError, whose message names the whole key."""
    inner: Any = values
    for part in path.split(".") if path else ():
        if not isinstance(inner, dict) or part not in inner:
            raise ValueError(unknown_key(key, values))
        inner = inner[part]
    return inner


def _rank(key: str) -> int:
    """The order of overrides: 0 for a section, 1 for a member's name, 2 for another key."""
    parent, _, last = key.rpartition(".")
    is_name = key in MEMBERS or (parent in SECTIONS and last == "name")
    return 0 if key in SECTIONS else 1 if is_name else 2


def unknown_key(key: str, values: dict[str, Any]) -> str:
    """The message for an unknown key, with its present name, the nearest key or its siblings."""
    parent, _, last = key.rpartition(".")
    task = values["task"]["name"] if parent == "task" or parent.startswith("evals.") else ""
    option = _renamed.present_option(task, last)
    if present := f"{parent}.{option}" if option else _renamed.present_key(key):
        return f"unknown config key {shown(key)}; it is now {present!r}"
    near = difflib.get_close_matches(key, list(_paths(values, "")), n=1)
    if near:
        return f"unknown config key {shown(key)}; did you mean {near[0]!r}?"
    siblings: Any = values
    for part in key.split(".")[:-1]:
        if not isinstance(siblings, dict) or not isinstance(siblings.get(part), dict):
            break
        siblings = siblings[part]
    return f"unknown config key {shown(key)}; known here: {', '.join(sorted(siblings))}"


def _paths(values: dict[str, Any], prefix: str) -> list[str]:
    """The dotted keys of nested values, sections included."""
    paths = []
    for key, value in values.items():
        paths.append(prefix + key)
        if isinstance(value, dict):
            paths.extend(_paths(value, f"{prefix}{key}."))
    return paths
