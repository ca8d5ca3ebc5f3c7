"""What a config must satisfy beyond its types, and its laptop mode."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from lstmx import registry
from lstmx.config._identity import ABSENT, difference, flatten
from lstmx.config._literals import shown
from lstmx.config._values import from_dict, resolve, to_dict

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
PRECISIONS = ("float32", "bfloat16", "float64")
SKIP_CONNECTIONS = ("none", "residual", "highway", "graves")
SCHEDULES = ("constant", "cosine", "linear", "step")
POSITIVE = ("steps", "log_every", "eval_every", "eval_batches", "model.layers")
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
    "hparams.learning_rate",
    "hparams.weight_decay",
    "hparams.clip_norm",
    "hparams.clip_value",
    "hparams.ar",
    "hparams.tar",
)
BELOW_ONE = ("model.dropout", "hparams.momentum", "hparams.b1", "hparams.b2", "hparams.decay")
SEEDS = 2**32  # jax keys take 32 bits
WHOLE = 2**31  # whole numbers become int32 in the programs
LARGEST = 3.4e38
"""The largest number that float32 holds, rounded down."""
LAYERS = 1000
"""Recurrent layers, each compiled on its own."""
LONGEST_NAME = 100
"""Letters of a folder's name; file systems allow 255 bytes."""


def validate(config: ConfigDict) -> None:
    """Refuse a config that could not run.

    Cells and tasks check their own options when they are made; here are the keys that belong to
    the config. Everything happens at log points: `steps`, `eval_every` and `checkpoint_every` are
    multiples of `log_every`.

    Raises:
        ValueError: one line with the key, its value and what was expected.
    """
    lacking = difference(config, from_dict(to_dict(config)))
    for key, (mine, _) in lacking.items():
        if mine == ABSENT:
            raise ValueError(f"config key {key!r} is missing; start from lstmx.config.base()")
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
    _choose("optimizer", config.optimizer.name, OPTIMIZERS)
    _choose("skip_connections", config.model.skip_connections, SKIP_CONNECTIONS)
    _choose("precision", config.model.precision, PRECISIONS)
    _choose("schedule", config.optimizer.schedule, SCHEDULES)
    for key in ("steps", "eval_every", "checkpoint_every", "stop_window"):
        if config[key] % config.log_every:
            raise ValueError(
                f"{key}={config[key]}; expected a multiple of log_every={config.log_every}"
            )
    _hidden_sizes(config.model.hidden_sizes, config.model.layers)
    _wrappers(config.model.wrappers)
    _stop(config.stop)
    _curriculum(config.curriculum, config.log_every)
    if not config.evals:
        raise ValueError("evals is empty; expected at least one, such as {'valid': {}}")
    for name in config.evals:
        if not name or not name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(
                f"evals: got the name {shown(name)}; expected letters, digits, '_', '-'"
            )
    odd = set(config.name) & set("/\\") or config.name in (".", "..")
    if odd or not config.name.isprintable() or len(config.name) > LONGEST_NAME:
        raise ValueError(f"name={shown(config.name)}; expected the name of one folder")


def shrink(config: ConfigDict) -> ConfigDict:
    """A copy for a laptop: 20 steps, batches of at most 8, lengths of at most 100, one eval batch.

    The model keeps its sizes, so that whatever its options demand of each other stays true.
    """
    small: dict[str, Any] = {
        "steps": 20,
        "log_every": 10,
        "eval_every": 10,
        "eval_batches": 1,
        "checkpoint_every": 0,
        "optimizer.warmup_steps": min(config.optimizer.warmup_steps, 2),
        "optimizer.decay_steps": 0,
        "curriculum": (),
        "stop": (),
        "stop_window": 0,
    }
    at_most = {"batch_size": 8, "length": 100}
    places = {"task": config.task, **{f"evals.{k}": v for k, v in config.evals.items()}}
    for place, options in places.items():
        for key, most in at_most.items():
            if key in options and isinstance(options[key], int):
                small[f"{place}.{key}"] = min(options[key], most)
    return resolve(config, small)


def _numbers(value: Any) -> Iterator[int | float]:
    """The numbers in a plain value, however deep."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def _check_number(key: str, number: int | float) -> None:
    """Refuse what no program of float32 and int32 can hold; seeds have 32 bits without a sign."""
    if isinstance(number, float):
        if not math.isfinite(number):
            raise ValueError(f"{key}={number}; expected a finite number")
        if abs(number) > LARGEST:
            raise ValueError(f"{key}={number}; expected at most {LARGEST}, for float32")
    elif key.rpartition(".")[2] != "seed" and not -WHOLE <= number < WHOLE:
        raise ValueError(f"{key}={shown(number)}; expected a whole number below 2**31 = {WHOLE}")


def _require(config: ConfigDict, key: str, holds: Callable[[Any], bool], expected: str) -> None:
    value: Any = config
    for part in key.split("."):
        value = value[part]
    if not holds(value):
        raise ValueError(f"{key}={shown(value)}; expected {expected}")


def _choose(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(registry.unknown(what, value, known))


def _wrappers(wrappers: tuple[Any, ...]) -> None:
    """Refuse what is no sequence of (name, options); building the cell checks these."""
    for pair in wrappers:
        fit = isinstance(pair, tuple) and len(pair) == 2
        if not fit or not isinstance(pair[0], str) or not isinstance(pair[1], Mapping | ConfigDict):
            raise ValueError(
                f"model.wrappers: got {shown(pair)}; expected pairs of a name and its options, "
                "such as (('zoneout', {'rates': {'h': 0.1}}),)"
            )


def _stop(stop: tuple[Any, ...]) -> None:
    """Refuse what is no sequence of (metric, value); building the task checks the metrics."""
    for pair in stop:
        fit = isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)
        if not fit or isinstance(pair[1], bool) or not isinstance(pair[1], int | float):
            raise ValueError(
                f"stop: got {shown(pair)}; expected pairs of a metric and the value it has to "
                "reach, such as (('train/accuracy', 0.99),)"
            )


def _curriculum(stages: tuple[Any, ...], log_every: int) -> None:
    """Refuse what is no sequence of (update, options), ascending; the task checks the options."""
    before = -1
    for pair in stages:
        fit = isinstance(pair, tuple) and len(pair) == 2 and type(pair[0]) is int
        if not fit or not isinstance(pair[1], Mapping | ConfigDict):
            raise ValueError(
                f"curriculum: got {shown(pair)}; expected pairs of an update and options of the "
                "task, such as ((0, {'length': 10}), (500, {}))"
            )
        if pair[0] <= before or pair[0] % log_every:
            raise ValueError(
                f"curriculum: a stage starts at {pair[0]}; expected ascending multiples of "
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
