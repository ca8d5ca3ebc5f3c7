"""Validation of the JSON files of a run: keys, their types, numbers in range."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lstmx import config as cfg
from lstmx.runs.files import read_json

if TYPE_CHECKING:
    from lstmx.runs.run import Run

Kind = type | tuple[type, ...]
Value = TypeVar("Value")
NUMBER = (int, float)
CONFIG = {"name": str, "seed": int, "steps": int, "log_every": int, "task": dict, "model": dict}
"""Required keys of a config.json with their types; `lstmx.config` checks the others."""
META = {"task": dict, "selection": str}
OPTIONAL: dict[str, Kind] = {
    **{"maximize": bool, "parameters": int, "evals": dict, "label": str, "identity": str},
    **{"replicas": int, "replicas_per_device": int, "init_from": (str, type(None))},
    **{"init_digest": (str, type(None)), "code": dict, "number": int},
}
"""Required keys of a meta.json, and keys that later versions added."""
TASK: dict[str, Kind] = {"baseline": NUMBER, "references": dict, "solved": (*NUMBER, type(None))}
TASK_OPTIONAL = {
    **{"metric": str, "maximize": bool, "unit": str, "length": int},
    **{"files": dict, "record": dict},
}
"""Keys of "task" in meta.json; in "evals" all are optional, as old versions stored options only."""


def config(path: Path) -> dict[str, Any]:
    """The config.json of a run, with the present names of keys, options and metrics.

    Raises:
        ValueError: it is missing, no JSON object, lacks a key or has one of another type; the
            message is one line with the remedy.
    """
    file = path / "config.json"
    content = _read(file)
    _check(file, content, CONFIG, {})
    if min(content["steps"], content["log_every"]) < 1:
        raise _damaged(file, "it has steps or log_every below 1")
    try:
        return cfg.current(content)
    except ValueError as error:
        raise _damaged(file, str(error)) from error


def meta(path: Path) -> dict[str, Any]:
    """The meta.json of a run, metrics under their present names; raises as `config` does."""
    file = path / "meta.json"
    content = _read(file)
    _check(file, content, META, OPTIONAL)
    _check(file, content["task"], TASK, TASK_OPTIONAL)
    for task in (content["task"], *content.get("evals", {}).values()):
        if not isinstance(task, dict):
            raise _damaged(file, "an evaluation is no object")
        _check(file, task, {}, {**TASK, **TASK_OPTIONAL})
        if not all(_is(value, NUMBER) for value in task.get("references", {}).values()):
            raise _damaged(file, "a reference is no number")
    return cfg.current_meta(content)


def needed(run: "Run", key: str, kind: type[Value]) -> Value:
    """The value of a key of a run's meta; raises ValueError in a run older than the key."""
    value = run.meta.get(key)
    if not isinstance(value, kind):
        raise _damaged(run.path / "meta.json", f"it has no {key}")
    return value


def is_point(value: object) -> bool:
    """Whether a JSON value is a log point: a dict of numbers or null with an integer "step"."""
    return (
        isinstance(value, dict)
        and _is(value.get("step"), int)
        and all(number is None or _is(number, NUMBER) for number in value.values())
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_json(file)
    except ValueError as error:
        raise ValueError(f"{error}; {REMEDY}") from error


def _check(
    file: Path,
    content: Mapping[str, Any],
    required: Mapping[str, Kind],
    optional: Mapping[str, Kind],
) -> None:
    if absent := [key for key in required if key not in content]:
        raise _damaged(file, f"it has no {', '.join(absent)}")
    for key, kind in {**required, **optional}.items():
        if key in content and not _is(content[key], kind):
            raise _damaged(file, f"its {key} is a {type(content[key]).__name__}")


def _is(value: object, kind: Kind) -> bool:
    """Whether a value is of a type; True is no number, and neither is an int above 64 bits."""
    if isinstance(value, bool) and kind is not bool:
        return False
    return isinstance(value, kind) and not (isinstance(value, int) and value.bit_length() > 64)


REMEDY = "the command that made the run writes it anew"


def _damaged(file: Path, reason: str) -> ValueError:
    return ValueError(f"{file} is damaged ({reason}); {REMEDY}")
