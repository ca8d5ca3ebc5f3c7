"""Configs as plain values: to JSON and back, and with overrides applied."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from lstmx import registry
from lstmx.config import _literals
from lstmx.config._base import MEMBERS, SECTIONS, base, own_options, reference, section, typed
from lstmx.config._literals import shown
from lstmx.config._renamed import current, hint
from lstmx.registry import Option

NESTED = (Mapping, ConfigDict)


def to_dict(config: Any) -> dict[str, Any]:
    """The config as a plain dict of what JSON knows: tuples become lists."""
    return {key: plain(value) for key, value in config.items()}


def from_dict(values: Any, *, trust: bool = False) -> ConfigDict:
    """The config that a plain dict describes; keys that it lacks have their defaults.

    Keys that were renamed are known by their former names too.

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
    config = base().unlock()
    _fill(config, current(values), "")
    return config.lock()


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
            value = section(SECTIONS[key], value, {})
        if parent in MEMBERS and last == "name":
            value, key = _rename(_at(values, parent, key), parent, value), parent
        parent, _, last = key.rpartition(".")
        owner = _at(values, parent, key)
        if not isinstance(owner, dict) or last not in owner:
            raise ValueError(_unknown_key(key, values))
        if isinstance(owner[last], dict) != isinstance(value, NESTED):
            kind = "a section" if isinstance(owner[last], dict) else "a single value"
            raise ValueError(f"{key}={shown(plain(value))} has the wrong type; expected {kind}")
        owner[last] = plain(value)
    return from_dict(values)


def parse(config: ConfigDict, key: str, text: str) -> Any:
    """The value that a flag's text means for a key of this config.

    True and false, numbers, text as it stands, `None` where the key may be None; tuples as
    `(1, 2)`, `1,2` or `()`; a section as the name of its member; `evals` as a literal dict.

    Raises:
        ValueError: an unknown key, or a text that does not fit its type or has over 10 000 letters.
    """
    if len(text) > _literals.LONGEST:
        raise ValueError(
            f"{shown(key)}: a value of {len(text)} letters; expected at most {_literals.LONGEST}"
        )
    values = to_dict(config)
    parent, _, last = key.rpartition(".")
    owner = _at(values, parent, key)
    if not isinstance(owner, dict) or last not in owner:
        raise ValueError(_unknown_key(key, values))
    if key in SECTIONS:
        return text
    option = _option(config, key, owner[last])
    if text == "None" and option.nullable:
        return None
    try:
        return READERS.get(option.type, _literals.literal)(text)
    except ValueError:
        expected = option.type.__name__ + (" or None" if option.nullable else "")
        raise ValueError(f"{key}={shown(text)} has the wrong type; expected {expected}") from None


def renames(key: str) -> bool:
    """Whether an override of this key brings other options along: a section, or its name."""
    return key in SECTIONS or any(key == f"{path}.name" for path in MEMBERS)


def plain(value: Any) -> Any:
    """The value as JSON knows it: dicts, lists, and what is neither."""
    if isinstance(value, NESTED):
        return {k: plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):  # NumPy scalars and arrays of a sweep
        return value.tolist()
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def _members(key: str, value: Any) -> Iterator[str]:
    """The names of members in the value of a dotted key; "" is the key of the whole config."""
    for part in reversed(key.split(".") if key else []):
        value = {part: value}
    for path in MEMBERS:
        found = value
        for part in path.split("."):
            found = found.get(part) if isinstance(found, NESTED) else None
        name = found.get("name") if isinstance(found, NESTED) else path in SECTIONS and found
        if isinstance(name, str):
            yield name


def _fill(config: ConfigDict, values: Any, prefix: str) -> None:
    """Put values into an unlocked config, each in the type of its default."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        if type(key) is not str or key not in config:
            known = to_dict(base())
            if prefix == "model.":  # with the options of its model
                known["model"] = to_dict(config)
            raise ValueError(_unknown_key(path, known))
        if path == "evals":
            continue
        if isinstance(config[key], ConfigDict) and not isinstance(value, NESTED):
            raise ValueError(f"{path}={shown(value)} has the wrong type; expected a section")
        if path in SECTIONS:
            options = dict(value.items())
            name = typed(f"{path}.name", options.pop("name", None), Option("", str))
            config[key] = section(SECTIONS[path], name, options)
        elif isinstance(config[key], ConfigDict):
            if path == "model":
                _add_own_options(config[key], value)
            _fill(config[key], value, f"{path}.")
        else:
            config[key] = typed(path, value, Option(config[key], type(config[key])))
    if "evals" in values and not prefix:
        config.evals = _evals(values["evals"], config.task.name)


def _add_own_options(model: ConfigDict, values: Any) -> None:
    """Give an unlocked model section the options of the model that values name, at their defaults.

    Raises:
        ValueError: no such model.
    """
    name = typed("model.name", values.get("name", model.name), Option("", str))
    for key, option in own_options("model", name).items():
        model[key] = reference(option.default, option)


def _evals(values: Any, task: str) -> ConfigDict:
    """The evals, each a set of options of the task, in their types."""
    known = registry.options("tasks", task)
    result: dict[str, dict[str, Any]] = {}
    for name, overrides in values.items():
        if not isinstance(overrides, NESTED):
            raise ValueError(
                f"evals.{name}={shown(overrides)}; expected a dict of options of the task"
            )
        if type(name) is not str or "." in name:
            raise ValueError(
                f"evals: got the name {shown(name)}; expected letters, digits, '_', '-'"
            )
        for key in overrides:
            if key not in known:
                raise ValueError(
                    registry.unknown(f"option of task {task!r} in evals.{name}:", str(key), known)
                )
        result[name] = {
            key: typed(f"evals.{name}.{key}", value, known[key]) for key, value in overrides.items()
        }
    return ConfigDict(result)


def _rename(old: dict[str, Any], path: str, name: Any) -> Any:
    """The section of another member with the options that were set in the old one."""
    kind = MEMBERS[path]
    defaults = own_options(path, old["name"])
    known = own_options(path, typed(f"{path}.name", name, Option("", str)))
    kept = {k: v for k, v in old.items() if k in defaults and v != plain(defaults[k].default)}
    for key, value in kept.items():
        if key not in known:
            remedy = (
                f"replace the whole section: {path}={name}"
                if path in SECTIONS
                else f"set {path}.{key} to its default, {defaults[key].default!r}"
            )
            raise ValueError(
                f"{path}.name={name!r}: {registry.ENTRY[kind]} {name!r} has no option {key!r}, "
                f"which is set to {shown(value)}; {remedy}"
            )
    if path in SECTIONS:
        return section(kind, name, kept)
    common = {k: v for k, v in old.items() if k not in defaults}
    return {**common, "name": name, **{k: o.default for k, o in known.items()}, **kept}


def _option(config: ConfigDict, key: str, value: Any) -> Option:
    """Type and nullability of a key that exists."""
    parent, _, last = key.rpartition(".")
    if parent in MEMBERS:
        name = _at(to_dict(config), parent, key)["name"]
        own = registry.options(MEMBERS[parent], name)
        if last in own:
            return own[last]
    if parent.startswith("evals."):
        return registry.options("tasks", config.task.name)[last]
    return Option(value, tuple if isinstance(value, list) else type(value))


def _at(values: dict[str, Any], path: str, key: str) -> Any:
    """The value at a dotted path. Raises ValueError that names the whole key."""
    found: Any = values
    for part in path.split(".") if path else ():
        if not isinstance(found, dict) or part not in found:
            raise ValueError(_unknown_key(key, values))
        found = found[part]
    return found


def _rank(key: str) -> int:
    parent, _, last = key.rpartition(".")
    return 0 if key in SECTIONS else 1 if parent in MEMBERS and last == "name" else 2


def _unknown_key(key: str, values: dict[str, Any]) -> str:
    """One line on an unknown key: what was probably meant, else what there is beside it."""
    if now := hint(key):
        return f"unknown config key {shown(key)}; it is {now!r} now"
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


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


def _tuple(text: str) -> tuple[Any, ...]:
    """`(1, 2)`, `1,2`, `3` or words `full,none` as a tuple."""
    value = _literals.literal(text)
    if isinstance(value, str):
        return tuple(part.strip() for part in text.strip("()").split(",") if part.strip())
    return tuple(value) if isinstance(value, list | tuple) else (value,)


READERS: dict[type, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: _boolean,
    tuple: _tuple,
}
"""Type of an option -> what reads it from a flag's text; the rest are literals."""
