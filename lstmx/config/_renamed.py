"""Keys, options and metrics that were renamed after runs with the former names had been stored.

Stored configs contain the former names, and a run's id is a hash of its config. Therefore configs
are read through `current`, and the canonical text is written through `stored`: a renaming changes
no id. Keys of the config have one table, `KEYS`. Options and metrics are keyed by task, because a
user's task may have an option or a metric with one of these names and another meaning.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict


class RenamedKey(NamedTuple):
    """A key `<section>.<key>` of the config that had another name.

    Attributes:
        new: its present name.
        old: its former name, in the same section.
        default: its default.
        values: present value -> former value, where they differ; one key may replace several
            former ones. None: the values are the same.
    """

    new: str
    old: str
    default: Any
    values: Mapping[str, Any] | None = None

    def has_former(self, value: Any) -> bool:
        """Whether the former key has a value for this present value."""
        return self.values is None or value in self.values

    def former(self, value: Any) -> Any:
        """The former value for a present one; the default's where the former key has none."""
        if self.values is None:
            return value
        return self.values.get(value, self.values[self.default])


KEYS = (
    RenamedKey("model.hidden_sizes", "model.widths", ()),
    RenamedKey(
        "model.skip_connections", "model.residual", "none", {"none": False, "residual": True}
    ),
    RenamedKey(
        "model.skip_connections",
        "model.links",
        "none",
        {"none": "none", "highway": "highway", "graves": "skip"},
    ),
)

FIRST_MODEL = "sequence"
"""The model of configs that were stored before `model.name` was a key."""

_STREAMS = {"stateful": "carry", "state_reset_prob": "restart"}
TASK_OPTIONS: Mapping[str, Mapping[str, str]] = {"characters": _STREAMS, "words": _STREAMS}
"""Task -> (present name of an option -> its name in stored configs)."""

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
"""Task -> (present name of a metric -> its name in stored configs and logs)."""


def current(values: Any) -> dict[str, Any]:
    """A copy of a config's dict with every former key, option or metric under its present name.

    Raises:
        ValueError: a former key and its present one are both set.
    """
    values = _current_keys(values)
    task = _task(values)
    options = _inverse(TASK_OPTIONS.get(task, {}))
    return _with_names(values, options, lambda key: current_metric(task, key))


def stored(values: Any, *, whole: bool = False) -> dict[str, Any]:
    """A copy of a config's dict with the names that stored configs have: inverse of `current`.

    Args:
        whole: the dict has every key, and not only those that differ from their defaults.
    """
    values = _stored_keys(values, whole=whole)
    task = _task(values)
    metrics = METRICS.get(task, {})
    return _with_names(values, TASK_OPTIONS.get(task, {}), lambda key: _last_part(key, metrics))


def current_metric(task: str, key: str) -> str:
    """The present name of a key of a log or of `selection`: "eval/valid/recall" and the like."""
    return _last_part(key, _inverse(METRICS.get(_member(task), {})))


def current_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a run's meta.json whose metrics have their present names."""
    task = _task(meta)
    names = _inverse(METRICS.get(task, {}))
    result = {
        **meta,
        "selection": current_metric(task, meta["selection"]),
        "task": _current_spec(meta["task"], names),
    }
    if "evals" in meta:
        result["evals"] = {name: _current_spec(spec, names) for name, spec in meta["evals"].items()}
    return result


def current_points(task: str, points: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The log points of a run of this task, with present names."""
    return [{current_metric(task, key): value for key, value in p.items()} for p in points]


def present_key(old: str) -> str | None:
    """The present name of a former key of the config; None where no key had this name."""
    return next((key.new for key in KEYS if key.old == old), None)


def present_option(task: str, old: str) -> str:
    """The present name of a former option of this task; "" where none had this name."""
    return _inverse(TASK_OPTIONS.get(_member(task), {})).get(old, "")


def _current_keys(values: Any) -> Any:
    """The config with the present keys, and with the model's name where it has none.

    Raises:
        ValueError: a former key and its present one are both set.
    """
    model = values.get("model")
    if _is_section(model) and "name" not in model:
        values = {**dict(values.items()), "model": {"name": FIRST_MODEL, **dict(model.items())}}
    for key in KEYS:
        section, _, old = key.old.rpartition(".")
        if _is_section(values.get(section)) and old in values[section]:
            values = {**dict(values.items()), section: _current_section(values[section], key)}
    return values


def _current_section(section: Any, key: RenamedKey) -> dict[str, Any]:
    """The section with the value of the former key under the present one."""
    old, new = (name.rpartition(".")[2] for name in (key.old, key.new))
    result = dict(section.items())
    former = result.pop(old)
    # A former value without a present one is kept: the checks of the present key refuse it.
    value = next((now for now, then in (key.values or {}).items() if then == former), former)
    if (tuple(value) if isinstance(value, list) else value) == key.default:
        # A second former key, or the present one, may hold the value that was set.
        result.setdefault(new, value)
    elif result.get(new, key.default) != key.default:
        raise ValueError(
            f"{key.old}={former!r:.80} and {key.new}={result[new]!r:.80} are both set; expected "
            "only the latter, the present name"
        )
    else:
        result[new] = value
    return result


def _stored_keys(values: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """The config, or its differences from the defaults, nested, with the former keys."""
    result = dict(values)
    for new in dict.fromkeys(key.new for key in KEYS):
        keys = [key for key in KEYS if key.new == new]
        section, _, last = new.rpartition(".")
        inside = dict(result.get(section, {}))
        # A value that no former key had was never stored under one: it stays where it is.
        if last not in inside or not any(key.has_former(inside[last]) for key in keys):
            continue
        value = inside.pop(last)
        for key in keys:
            former = key.former(value)
            if whole or former != key.former(key.default):
                inside[key.old.rpartition(".")[2]] = former
        result[section] = inside
    return result


def _with_names(
    values: Any, options: Mapping[str, str], metric: Callable[[Any], Any]
) -> dict[str, Any]:
    """The config with names of the task's options and of metrics replaced, everywhere they occur.

    Values of unexpected types are kept: the checks of the config's keys refuse them afterwards.
    """
    result = dict(values.items())
    for key, value in result.items():
        if key == "task":
            result[key] = _keys(value, options)
        elif key == "evals" and _is_section(value):
            result[key] = {name: _keys(overrides, options) for name, overrides in value.items()}
        elif key == "curriculum" and isinstance(value, list | tuple):
            result[key] = [_pair(pair, lambda phase: _keys(phase, options), 1) for pair in value]
        elif key == "stop" and isinstance(value, list | tuple):
            result[key] = [_pair(pair, metric, 0) for pair in value]
        elif key == "selection":
            result[key] = metric(value)
    return result


def _current_spec(spec: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
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
    if not names or not _is_section(section):
        return section
    return {
        key if names.get(key, key) in section else names.get(key, key): value
        for key, value in section.items()
    }


def _last_part(key: Any, names: Mapping[str, str]) -> Any:
    """`key` with its part after the last "/" renamed; train/, eval/ and the eval's name stay."""
    if not isinstance(key, str):
        return key
    place, slash, metric = key.rpartition("/")
    return place + slash + names.get(metric, metric) if slash else key


def _task(values: Any) -> str:
    section = values.get("task")
    return _member(section.get("name")) if _is_section(section) else ""


def _member(name: Any) -> str:
    return name.removeprefix("lstmx.tasks.") if isinstance(name, str) else ""


def _inverse(names: Mapping[str, str]) -> dict[str, str]:
    return {old: new for new, old in names.items()}


def _is_section(value: Any) -> bool:
    return isinstance(value, Mapping | ConfigDict)
