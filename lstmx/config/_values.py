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
    own_keys,
    reference,
    section,
    section_values,
    typed,
)
from lstmx.config._literals import shown
from lstmx.registry import Option

NESTED = (Mapping, ConfigDict)
SIMPLE = frozenset((str, int, float, bool, type(None)))
"""Types of most values; asking whether one is a mapping takes longer."""


def to_dict(config: Any) -> dict[str, Any]:
    """The config as a plain dict of what JSON knows: tuples become lists."""
    return {key: plain(value) for key, value in config.items()}


def from_dict(values: Any, *, trust: bool = False) -> ConfigDict:
    """The config that a plain dict describes; keys that it lacks have their defaults.

    Keys, options and metrics that have been renamed are known by their former names too.

    `from_dict(to_dict(config)) == config`, tuples, floats and None included.

    Args:
        values: what a run directory holds, for instance.
        trust: import the members that it names, also where lstmx does not ship them.
            That runs their code, so it is for directories whose origin you know.

    Raises:
        ValueError: an unknown key or member, a value of the wrong type, no dict, or a module that
            would have to be trusted.
    """
    if not isinstance(values, NESTED):
        raise ValueError(f"a config is a dict of its keys; got {shown(values)}")
    if trust:
        registry.trust(*_members("", values))
    return ConfigDict(_filled(_renamed.current(values))).lock()


def resolve(config: ConfigDict, overrides: Mapping[str, Any]) -> ConfigDict:
    """A copy of the config with dotted keys overridden and types checked.

    A whole section may be replaced by another (`{"model.cell": cell("gru")}`) or by a name alone,
    which stands for the section's defaults. To override only its name (`model.cell.name`) keeps
    the options that were set, and refuses a member that does not know one of them. Sections go
    first, then names, then the rest, whatever their order.

    Raises:
        ValueError: an unknown key or member, or a value of the wrong type.
    """
    values = to_dict(config)
    for key in sorted(overrides, key=_rank):
        value = overrides[key]
        registry.trust(*_members(key, value))  # whoever overrides has named it
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
    """Whether an override of this key brings other keys along: a section, or a member's name."""
    return key in MEMBERS or key in SECTIONS or any(key == f"{path}.name" for path in SECTIONS)


def plain(value: Any) -> Any:
    """The value as JSON knows it: dicts, lists, and what is neither."""
    if type(value) in SIMPLE:
        return value
    if isinstance(value, NESTED):
        return {k: plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):  # NumPy scalars and arrays of a sweep
        return value.tolist()
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def _members(key: str, value: Any) -> Iterator[str]:
    """The names of members in the value of a dotted key; "" is the key of the whole config."""
    for part in reversed(key.split(".") if key else []):
        value = {part: value}
    for path in (*SECTIONS, *MEMBERS):
        found = _under(value, path)
        name = found.get("name") if isinstance(found, NESTED) else found
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
    """All values of a config, each in its type: those given, and the defaults of the others."""
    config = _copied(defaults())
    for path in MEMBERS:
        name = _under(values, path)
        if name is not None:
            parent, _, last = path.rpartition(".")
            config[parent][last] = typed(path, name, Option("", str))
    own = own_keys(config)
    for (place, key), option in own.items():
        config[place][key] = reference(option.default, option)
    for path in SECTIONS:  # their options may be references, which no two configs share
        if _under(values, path) is not None:
            continue
        parent, _, last = path.rpartition(".")
        owner = config[parent] if parent else config
        owner[last] = section(SECTIONS[path], owner[last]["name"], {})
    _fill(config, values, "", {".".join(path): option for path, option in own.items()})
    return config


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copied(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def _fill(
    config: dict[str, Any], values: Any, prefix: str, own: Mapping[str, Option] | None = None
) -> None:
    """Put values into those of a config, each in the type of its default."""
    own = own or {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if type(key) is not str or key not in config:
            known = plain(defaults())
            for place, _, name in (owned.rpartition(".") for owned in own):
                known[place][name] = None
            raise ValueError(unknown_key(path, known))
        if path == "evals":
            continue
        if isinstance(config[key], dict) and not isinstance(value, NESTED):
            raise ValueError(f"{path}={shown(value)} has the wrong type; expected a section")
        if path in SECTIONS:
            options = dict(value.items())
            name = typed(f"{path}.name", options.pop("name", None), Option("", str))
            config[key] = section(SECTIONS[path], name, options)
        elif isinstance(config[key], dict):
            _fill(config[key], value, f"{path}.", own)
        elif path in own:
            config[key] = reference(typed(path, value, own[path]), own[path])
        else:
            config[key] = typed(path, value, Option(config[key], type(config[key])))
        if path == "model.wrappers":
            check_wrappers(config[key])
    if "evals" in values and not prefix:
        config["evals"] = _evals(values["evals"], config["task"]["name"])


def _exchange(values: dict[str, Any], path: str, name: Any) -> None:
    """Put the keys of another model, optimizer or schedule in the place of those of the old one.

    Raises:
        ValueError: a key that is set and that the new one has not.
    """
    section, _, last = path.rpartition(".")
    before = own_keys(values)
    after = own_keys(
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
    known = registry.options("tasks", task)
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
            if key not in known:
                raise ValueError(
                    checks.unknown(f"option of task {task!r} in evals.{name}:", str(key), known)
                )
        result[name] = {
            key: typed(f"evals.{name}.{key}", value, known[key]) for key, value in overrides.items()
        }
    return result


def _rename(old: dict[str, Any], path: str, name: Any) -> dict[str, Any]:
    """The section of another member with the options that were set in the old one."""
    kind = SECTIONS[path]
    defaults = registry.options(kind, old["name"])
    known = registry.options(kind, typed(f"{path}.name", name, Option("", str)))
    kept = {k: v for k, v in old.items() if k != "name" and v != plain(defaults[k].default)}
    for key, value in kept.items():
        if key not in known:
            raise ValueError(
                f"{path}.name={name!r}: {registry.ENTRY[kind]} {name!r} has no option {key!r}, "
                f"which is set to {shown(value)}; replace the whole section: {path}={name}"
            )
    return section_values(kind, name, kept)


def at(values: dict[str, Any], path: str, key: str) -> Any:
    """The value at a dotted path. Raises ValueError that names the whole key."""
    found: Any = values
    for part in path.split(".") if path else ():
        if not isinstance(found, dict) or part not in found:
            raise ValueError(unknown_key(key, values))
        found = found[part]
    return found


def _rank(key: str) -> int:
    parent, _, last = key.rpartition(".")
    names = key in MEMBERS or (parent in SECTIONS and last == "name")
    return 0 if key in SECTIONS else 1 if names else 2


def unknown_key(key: str, values: dict[str, Any]) -> str:
    """One line on an unknown key: its present name, the nearest known key, or its neighbors."""
    parent, _, last = key.rpartition(".")
    task = values["task"]["name"] if parent == "task" or parent.startswith("evals.") else ""
    option = _renamed.present_option(task, last)
    if present := f"{parent}.{option}" if option else _renamed.present_key(key):
        return f"unknown config key {shown(key)}; it is now {present!r}"
    near = difflib.get_close_matches(key, list(_paths(values, "")), n=1)
    if near:
        return f"unknown config key {shown(key)}; did you mean {near[0]!r}?"
    beside: Any = values
    for part in key.split(".")[:-1]:
        if not isinstance(beside, dict) or not isinstance(beside.get(part), dict):
            break
        beside = beside[part]
    return f"unknown config key {shown(key)}; known here: {', '.join(sorted(beside))}"


def _paths(values: dict[str, Any], prefix: str) -> list[str]:
    found = []
    for key, value in values.items():
        found.append(prefix + key)
        if isinstance(value, dict):
            found.extend(_paths(value, f"{prefix}{key}."))
    return found
