"""Conditions on a config beyond its types, and its shrunk form for a laptop."""

import functools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from lstmx import checks, registry
from lstmx.config import _pruning
from lstmx.config._base import MEMBERS, defaults, place
from lstmx.config._identity import ABSENT, difference, flatten
from lstmx.config._literals import shown
from lstmx.config._values import from_dict, resolve, to_dict

PRECISIONS = ("float32", "bfloat16", "float64")
SKIP_CONNECTIONS = ("none", "residual", "highway", "graves")
POSITIVE = (
    "steps",
    "log_every",
    "eval_every",
    "eval_batches",
    "model.layers",
    "optimizer.pruning_every",
)
NOT_NEGATIVE = (
    "seed",
    "checkpoint_every",
    "patience",
    "stop_window",
    "replicas_per_vmap",
    "model.embed_features",
    "model.remat_every",
    "model.readout.weight_range",
    "optimizer.warmup_steps",
    "optimizer.decay_steps",
    "optimizer.pruning_start",
    "optimizer.pruning_end",
    "hparams.learning_rate",
    "hparams.weight_decay",
    "hparams.clip_norm",
    "hparams.clip_value",
    "hparams.ar",
    "hparams.tar",
)
BELOW_ONE = (
    "model.dropout",
    "hparams.momentum",
    "hparams.b1",
    "hparams.b2",
    "hparams.decay",
    "hparams.sparsity",
)
SEEDS = 2**32  # jax keys take 32 bits
WHOLE = 2**31  # whole numbers become int32 in the programs
LARGEST = 3.4e38
"""The largest number that float32 holds, rounded down."""
LAYERS = 1000
"""The most recurrent layers; each is compiled separately."""
LONGEST_NAME = 100
"""Characters of a folder's name; file systems allow 255 bytes."""


def checked(config: ConfigDict, overrides: Mapping[str, Any]) -> ConfigDict:
    """The copy of a config that `resolve` returns, validated.

    Raises:
        ValueError: as `resolve` and `validate`.
    """
    resolved = resolve(config, overrides)
    _validate(resolved, resolved)
    return resolved


def validate(config: ConfigDict) -> None:
    """Refuse a config that could not run, or that sets a key which nothing reads.

    Cells and tasks check their options when they are built; this checks the other keys. A run is
    cut at its log points: `steps`, `eval_every` and `checkpoint_every` are multiples of
    `log_every`. A config that was valid is not checked again.

    Raises:
        ValueError: one line with the key, its value and what was expected.
    """
    _validate(config, None)


_valid: set[str] = set()
"""Texts of valid configs: a sweep checks its points when it resolves them, and `runs.train` checks
its configs again."""
MOST_VALID = 10_000
"""The most texts that are cached, of some 2 kB each."""


def _validate(config: ConfigDict, typed: ConfigDict | None) -> None:
    """Check a config, unless its text is among those of valid ones.

    Args:
        typed: the config as `from_dict` returns it; None if it has yet to be computed.
    """
    values = to_dict(config)
    # The text is far cheaper than the checks; `repr` is for values that the checks refuse.
    text = json.dumps(values, default=repr)
    if text in _valid:
        return
    if typed is None:
        typed = from_dict(values)
        for key, (value, _) in difference(config, typed).items():
            if value == ABSENT:  # `from_dict` has filled in the default
                raise ValueError(f"config key {key!r} is missing; start from lstmx.config.base()")
    _check(typed)
    if len(_valid) >= MOST_VALID:
        _valid.clear()
    _valid.add(text)


def _check(config: ConfigDict) -> None:
    """Refuse a config that could not run; every key must be present in its type."""
    for key, value in flatten(config).items():
        for number in _numbers(value):
            _check_number(key, number)
    _require(config, "model.layers", lambda v: v <= LAYERS, f"at most {LAYERS}")
    for key in POSITIVE:
        _require(config, key, lambda v: v >= 1, "at least 1")
    for key in NOT_NEGATIVE:
        _require(config, key, lambda v: v >= 0, "0 or more")
    for key in BELOW_ONE:
        _require(config, key, lambda v: 0 <= v < 1, "0 or more and below 1")
    _require(config, "seed", lambda v: v < SEEDS, f"below 2**32 = {SEEDS}")
    _require(config, "optimizer.decay_factor", lambda v: 0 < v <= 1, "above 0, at most 1")
    checks.one_of("skip_connections", config.model.skip_connections, SKIP_CONNECTIONS)
    checks.one_of("precision", config.model.precision, PRECISIONS)
    for key in ("steps", "eval_every", "checkpoint_every", "stop_window"):
        if config[key] % config.log_every:
            raise ValueError(
                f"{key}={config[key]}; expected a multiple of log_every={config.log_every}"
            )
    _hidden_sizes(config.model.hidden_sizes, config.model.layers)
    _stop(config.stop)
    _unread(config)
    _pruning.check(config)
    _curriculum(config.curriculum, config.log_every)
    if not config.evals:
        raise ValueError("evals is empty; expected at least one, such as {'valid': {}}")
    invalid = set(config.name) & set("/\\") or config.name in (".", "..")
    if invalid or not config.name.isprintable() or len(config.name) > LONGEST_NAME:
        raise ValueError(f"name={shown(config.name)}; expected the name of one folder")


def shrink(config: ConfigDict) -> ConfigDict:
    """A copy for a laptop: 20 steps, batches of at most 8, lengths of at most 100, 8 eval batches.

    The model keeps its sizes, so that conditions between its options still hold.
    """
    small: dict[str, Any] = {
        "steps": 20,
        "log_every": 10,
        "eval_every": 10,
        "eval_batches": 8,
        "checkpoint_every": 0,
        "optimizer.warmup_steps": min(config.optimizer.warmup_steps, 2),
        "optimizer.decay_steps": 0,
        "optimizer.pruning_start": 0,
        "optimizer.pruning_end": 0,
        "curriculum": (),
        "stop": (),
        "stop_window": 0,
        "eval_fail_fast": False,
    }
    at_most = {"batch_size": 8, "length": 100}
    sections = {"task": config.task, **{f"evals.{k}": v for k, v in config.evals.items()}}
    for where, options in sections.items():
        for key, most in at_most.items():
            if key in options and isinstance(options[key], int):
                small[f"{where}.{key}"] = min(options[key], most)
    return resolve(config, small)


def _numbers(value: Any) -> Iterator[int | float]:
    """The numbers in a plain value, at any depth."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def _check_number(key: str, number: int | float) -> None:
    """Refuse a number beyond float32 and int32; a seed may have 32 bits without a sign."""
    if isinstance(number, float):
        if not math.isfinite(number):
            raise ValueError(f"{key}={number}; expected a finite number")
        if abs(number) > LARGEST:
            raise ValueError(f"{key}={number}; expected at most {LARGEST}, for float32")
    elif key.rpartition(".")[2] != "seed" and not -WHOLE <= number < WHOLE:
        raise ValueError(f"{key}={shown(number)}; expected a whole number below 2**31 = {WHOLE}")


def _at(config: ConfigDict, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value[part]
    return value


def _require(config: ConfigDict, key: str, holds: Callable[[Any], bool], expected: str) -> None:
    value = _at(config, key)
    if not holds(value):
        raise ValueError(f"{key}={shown(value)}; expected {expected}")


def _unread(config: ConfigDict) -> None:
    """Refuse a key that was set and that nothing reads: runs that differ in it would be equal.

    An optimizer or a schedule reads the keys of its parameters' names.
    """
    named = {path: _at(config, path) for path in MEMBERS}
    read = {key for path, kind in MEMBERS.items() for key in registry.options(kind, named[path])}
    for path, kind in MEMBERS.items():
        for key, readers in _readers(kind).items():
            section = place(key)
            value, default = config[section][key], defaults()[section][key]
            if key in read or value == default:
                continue
            who = f"{registry.ENTRY[kind]} {' and '.join(map(repr, readers))}"
            raise ValueError(
                f"{section}.{key}={value} is read by {who}, not by {named[path]!r}; leave it at "
                f"{default}, or set {path}={readers[0]}"
            )
    if config.stop_window and not config.stop:
        raise ValueError(
            f"stop_window={config.stop_window} is read by the criteria of stop, and there are "
            "none; leave it at 0, or set stop=(('train/<metric>', <value>),)"
        )
    ends = any(metric.startswith("eval/") and value == 1 for metric, value in config.stop)
    if config.eval_fail_fast and not ends:
        raise ValueError(
            "eval_fail_fast=True is read by criteria of 1.0 on an evaluation, and there are none; "
            "leave it at False, or set stop=(('eval/valid/accuracy', 1.0),)"
        )


@functools.cache
def _readers(kind: str) -> dict[str, list[str]]:
    """Key of `base()` -> the members of a kind that read it, of those that lstmx ships."""
    readers: dict[str, list[str]] = {}
    for name in registry.names(kind):
        for key in registry.options(kind, name):
            if place(key):
                readers.setdefault(key, []).append(name)
    return readers


def _stop(stop: tuple[Any, ...]) -> None:
    """Refuse a value that is not a sequence of (metric, value); `experiment` checks the metrics."""
    for pair in stop:
        fit = isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)
        if not fit or isinstance(pair[1], bool) or not isinstance(pair[1], int | float):
            raise ValueError(
                f"stop: got {shown(pair)}; expected pairs of a metric and the value it has to "
                "reach, such as (('train/accuracy', 0.99),)"
            )


def _curriculum(phases: tuple[Any, ...], log_every: int) -> None:
    """Refuse a value that is not a sequence of (update, options) with ascending updates.

    The task checks the options.
    """
    before = -1
    for pair in phases:
        fit = isinstance(pair, tuple) and len(pair) == 2 and type(pair[0]) is int
        if not fit or not isinstance(pair[1], Mapping | ConfigDict):
            raise ValueError(
                f"curriculum: got {shown(pair)}; expected pairs of an update and options of the "
                "task, such as ((0, {'length': 10}), (500, {}))"
            )
        if pair[0] <= before or pair[0] % log_every:
            raise ValueError(
                f"curriculum: a phase starts at {pair[0]}; expected ascending multiples of "
                f"log_every={log_every}"
            )
        before = pair[0]


def _hidden_sizes(sizes: tuple[int, ...], layers: int) -> None:
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(
                f"model.hidden_sizes={shown(sizes)}; expected whole numbers of at least 1"
            )
    if sizes and len(sizes) != layers:
        raise ValueError(
            f"model.hidden_sizes={sizes} names {len(sizes)} layers; expected model.layers={layers}"
        )
