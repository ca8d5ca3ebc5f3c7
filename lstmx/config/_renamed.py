"""Options and metrics of tasks that were renamed after runs with the old names had been stored.

The configs of stored runs contain the old names, and a run's id is a hash of its config. Therefore
configs are read through `current`, and the canonical text is written through `stored`: a renaming
changes no id. The tables are keyed by task, because a task of a user may have an option or a
metric with one of these names and mean something else by it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from lstmx.config import _former

_STREAMS = {"stateful": "carry", "state_reset_prob": "restart"}
TASK_OPTIONS: Mapping[str, Mapping[str, str]] = {"characters": _STREAMS, "words": _STREAMS}
"""Task -> (name of an option -> its name in stored configs)."""

_SEQUENCES = {"sequence_accuracy": "whole"}
METRICS: Mapping[str, Mapping[str, str]] = {
    "copy_memory": {"accuracy": "recall"},
    "denoise": {"accuracy": "recall"},
    **dict.fromkeys(
        (
            "formal_language",
            "long_lag",
            "measure_spike_delay",
            "periodic_function",
            "reber",
            "selective_copying",
            "temporal_order",
            "timed_spikes",
        ),
        _SEQUENCES,
    ),
}
"""Task -> (name of a metric -> its name in stored configs and logs)."""


def current(values: Any) -> dict[str, Any]:
    """A copy of a config's dict with every old key, option or metric under its present name.

    Raises:
        ValueError: a former key beside the key that it stands for.
    """
    values = _former.current(values)
    task = _task(values)
    options = _inverse(TASK_OPTIONS.get(task, {}))
    return _renamed(values, options, lambda key: current_metric(task, key))


def stored(values: Any, *, whole: bool = False) -> dict[str, Any]:
    """A copy of a config's dict with the names that stored configs have: inverse of `current`.

    Args:
        whole: the dict has every key, and not only those that differ from their defaults.
    """
    values = _former.former(values, whole=whole)
    task = _task(values)
    metrics = METRICS.get(task, {})
    return _renamed(values, TASK_OPTIONS.get(task, {}), lambda key: _last_part(key, metrics))


def current_metric(task: str, key: str) -> str:
    """The present name of a key of a log or of `selection`: "eval/valid/recall" and the like."""
    return _last_part(key, _inverse(METRICS.get(_member(task), {})))


def current_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a run's meta.json whose metrics have their present names."""
    task = _task(meta)
    old = _inverse(METRICS.get(task, {}))
    result = {
        **meta,
        "selection": current_metric(task, meta["selection"]),
        "task": _measured(meta["task"], old),
    }
    if "evals" in meta:
        result["evals"] = {name: _measured(spec, old) for name, spec in meta["evals"].items()}
    return result


def current_points(task: str, points: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The log points of a run of this task, with present names."""
    return [{current_metric(task, key): value for key, value in p.items()} for p in points]


def hint(task: str, option: str) -> str:
    """The present name of an option that this task had under another name; "" if it had none."""
    return _inverse(TASK_OPTIONS.get(_member(task), {})).get(option, "")


def _task(values: Any) -> str:
    section = values.get("task")
    return _member(section.get("name")) if isinstance(section, Mapping | ConfigDict) else ""


def _member(name: Any) -> str:
    return name.removeprefix("lstmx.tasks.") if isinstance(name, str) else ""


def _inverse(names: Mapping[str, str]) -> dict[str, str]:
    return {old: new for new, old in names.items()}


def _last_part(key: Any, names: Mapping[str, str]) -> Any:
    """`key` with its part after the last "/" renamed; train/, eval/ and the eval's name stay."""
    if not isinstance(key, str):
        return key
    place, slash, metric = key.rpartition("/")
    return place + slash + names.get(metric, metric) if slash else key


def _renamed(
    values: Any, options: Mapping[str, str], metric: Callable[[Any], Any]
) -> dict[str, Any]:
    """The config with names of the task's options and of metrics replaced, everywhere they occur.

    Values of unexpected types are kept: the checks of the config's keys refuse them afterwards.
    """
    result = dict(values.items())
    for key, value in result.items():
        if key == "task":
            result[key] = _keys(value, options)
        elif key == "evals" and isinstance(value, Mapping | ConfigDict):
            result[key] = {name: _keys(overrides, options) for name, overrides in value.items()}
        elif key == "curriculum" and isinstance(value, list | tuple):
            result[key] = [_pair(pair, lambda phase: _keys(phase, options), 1) for pair in value]
        elif key == "stop" and isinstance(value, list | tuple):
            result[key] = [_pair(pair, metric, 0) for pair in value]
        elif key == "selection":
            result[key] = metric(value)
    return result


def _measured(spec: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A task as meta.json describes it, with the names of its metrics replaced."""
    result = dict(spec)
    if isinstance(metric := spec.get("metric"), str):
        result["metric"] = names.get(metric, metric)
    if isinstance(maximized := spec.get("maximized"), list | tuple):
        result["maximized"] = [names.get(name, name) for name in maximized]
    return result


def _pair(pair: Any, change: Callable[[Any], Any], place: int) -> Any:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return pair
    return [change(item) if number == place else item for number, item in enumerate(pair)]


def _keys(section: Any, names: Mapping[str, str]) -> Any:
    """The section with renamed keys; one that holds both names keeps the old key, to be refused."""
    if not names or not isinstance(section, Mapping | ConfigDict):
        return section
    return {
        key if names.get(key, key) in section else names.get(key, key): value
        for key, value in section.items()
    }
