"""Every key of a config, with its default and its meaning."""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import FieldReference, placeholder

from lstmx import checks, registry
from lstmx.config import _literals, _renamed
from lstmx.registry import Option

SECTIONS = {"task": "tasks", "model.cell": "cells"}
"""Section that holds the options of a member -> the kind of that member."""
MEMBERS = {
    "model.name": "models",
    "optimizer.name": "optimizers",
    "optimizer.schedule": "schedules",
}
"""Key that names a member whose options are keys of the config -> the kind of that member."""
READERS = (*MEMBERS.items(), ("model.name", "constants"))
"""Pairs of such a key and a kind of factory whose options the named module reads."""


def base() -> ConfigDict:
    """A new config with every key at its default, locked: to set a misspelt key is an error."""
    c = ConfigDict()
    c.name = ""  # folder of the runs below the workdir; "" = the config file's name
    c.seed = 0  # of initial values, batches and noise; traced: swept inside one compilation
    c.steps = 1000  # updates of the whole run, a multiple of log_every
    c.log_every = 50  # updates per log point; the compiled chunk
    c.eval_every = 250  # updates between evaluations, a multiple of log_every; also at the end
    c.eval_batches = 10  # batches per evaluation of an endless task; stored splits go whole
    c.checkpoint_every = 0  # updates between checkpoints, a multiple of log_every; 0 = eval_every
    c.task = task("adding")  # source of the batches; its options are those of the factory

    # curriculum: (update, options of the task from then on): ((0, {"length": 10}), (500, {}))
    c.curriculum = ()

    c.model = ConfigDict()
    c.model.name = "sequence"  # how the layers are used; the options of a model are keys here
    c.model.cell = cell("lstm")  # the recurrence; its options are those of the cell's factory
    # wrappers: around the cell, from the inside out, such as (("zoneout", {"rates": {"h": 0.1}}),)
    c.model.wrappers = ()
    c.model.layers = 1  # recurrent layers on top of each other
    c.model.hidden_sizes = ()  # hidden size of each layer; () = cell.hidden_size in all
    c.model.bidirectional = False  # each layer is a pair of cells, one per direction
    # skip_connections: none, residual (input added to output), highway (learned gates), graves
    # (every layer reads the inputs, the readout every layer); residual and highway need one size
    c.model.skip_connections = "none"
    c.model.dropout = 0.0  # probability of dropping a feature between layers, in training
    c.model.readout = ConfigDict()  # the linear layer at the end
    c.model.readout.bias = True  # whether output units have a bias
    c.model.readout.weight_range = 0.0  # initial weights and biases in U(-r, r); 0 = LeCun normal
    c.model.readout.shortcut = False  # output units read the inputs too
    c.model.readout.activation = "identity"  # of the layers' outputs: identity, relu
    c.model.embed_features = 0  # width of the embedding of token inputs; 0 = one-hot
    c.model.remat_every = 0  # steps per rematerialised block: less memory, more time; 0 = off
    c.model.engine = "auto"  # implementation of the unroll; does not change the results
    c.model.precision = "float32"  # float32, bfloat16 (in products only), float64

    c.optimizer = ConfigDict()
    c.optimizer.name = "adam"  # a file of lstmx/train/optimizers, or a dotted module
    c.optimizer.schedule = "constant"  # of the learning rate: a file of lstmx/train/schedules
    c.optimizer.warmup_steps = 0  # updates of linear rise before the schedule starts
    c.optimizer.decay_steps = 0  # length of the schedule, or of one step; 0 = the whole run
    c.optimizer.decay_factor = 0.1  # factor of each step of the step schedule
    c.optimizer.nesterov = False  # Nesterov's form of sgd's momentum
    # pruning: while training, of the smallest weights in matrices: none, matrix (the same share of
    # each), global (of all); hparams.sparsity is the final share
    c.optimizer.pruning = "none"
    c.optimizer.pruning_start = 0  # update from which the share of zeros rises
    c.optimizer.pruning_end = 0  # update from which it is the final one; 0 = half of the run
    c.optimizer.pruning_every = 100  # updates between two prunings

    c.hparams = ConfigDict()  # traced: swept inside one compilation
    c.hparams.learning_rate = 1e-3  # peak of the schedule
    c.hparams.momentum = 0.9  # of sgd
    c.hparams.b1 = 0.9  # of adam and adamw: decay of the mean of the gradients
    c.hparams.b2 = 0.999  # of adam and adamw: decay of the mean of their squares
    c.hparams.decay = 0.9  # of rmsprop: decay of the mean of the squared gradients
    c.hparams.weight_decay = 0.0  # decoupled in adamw, an L2 penalty in the others
    c.hparams.clip_norm = 1.0  # largest global norm of the gradients; 0 = off
    c.hparams.clip_value = 0.0  # largest size of one gradient; 0 = off
    c.hparams.sparsity = 0.0  # final share of the weights that optimizer.pruning sets to zero
    c.hparams.ar = 0.0  # weight of the mean of h^2 in the objective (Merity 2017); 0 = off
    c.hparams.tar = 0.0  # weight of the mean of (h_t - h_{t-1})^2; 0 = off

    c.evals = ConfigDict({"valid": {"split": "valid"}})  # name -> overrides of the task's options
    # selection: metric that selects the best checkpoint; "" = the task's metric on evals.valid,
    # else on the first eval that is not of the test split
    c.selection = ""
    c.patience = 0  # evaluations without improvement before the run stops; 0 = never
    # stop: ends a run at the first log point where all hold, such as (("train/accuracy", 0.99),);
    # metrics of training are means over the last stop_window updates, 0 = the last log point
    c.stop = ()
    c.stop_window = 0
    # eval_fail_fast: an evaluation whose criterion in stop is 1.0, of a metric that is a fraction,
    # ends with its first batch below; its metrics are then means over the batches that were read
    c.eval_fail_fast = False
    c.replicas_per_vmap = 0  # replicas side by side; 0 = by size on a CPU, all on an accelerator
    return c.lock()


@functools.cache
def defaults() -> Mapping[str, Any]:
    """The values of `base()` as nested read-only mappings; computed once."""
    return _frozen(base().to_dict())


def member_keys(values: Mapping[str, Any]) -> dict[tuple[str, str], Option]:
    """(section, key) -> option, of the keys that members read beyond those of `base()`.

    Args:
        values: the values of a config; its sections "model" and "optimizer" name the members.

    Raises:
        ValueError: an unknown member; one that reads a key without a default; an option of a model
            with the name of a key that all models have; a traced constant that is no float, or has
            the name of another key of `hparams`.
    """
    keys: dict[tuple[str, str], Option] = {}
    for path, kind in READERS:
        section, _, last = path.rpartition(".")
        name = values[section][last]
        for key, option in registry.options(kind, name).items():
            if kind == "models" and key in defaults()["model"]:
                raise ValueError(
                    f"model {name!r}: option {key!r} is a key that every model has; "
                    "give it another name"
                )
            if kind == "constants":
                _check_constant(f"model {name!r}: constant {key!r}", key, option, keys)
            # Optimizers and schedules name their parameters after keys of `base()`.
            elif kind != "models" and place(key):
                continue
            if option.default is registry.MISSING:
                raise ValueError(
                    f"{registry.ENTRY.get(kind, kind)} {name!r} reads {key!r}, "
                    "which no config has; give it a default"
                )
            # A number of an optimizer is traced: a sweep over it compiles once.
            traced = kind == "constants" or (kind == "optimizers" and option.type is float)
            keys["hparams" if traced else section, key] = option
    return keys


def _check_constant(
    what: str, key: str, option: Option, found: Mapping[tuple[str, str], Option]
) -> None:
    """Refuse a traced constant that is no float, or whose key an optimizer could read.

    Args:
        found: what optimizer and schedule read beyond the keys of `base()`.
    """
    if place(key) or not {("hparams", key), ("optimizer", key)}.isdisjoint(found):
        raise ValueError(
            f"{what} is a key of hparams or of the optimizer already; give it another name"
        )
    if option.type is not float or option.nullable:
        raise ValueError(f"{what} is traced; expected a float")


def place(key: str) -> str:
    """The section of `base()` that holds a key of an optimizer or a schedule; "" if none does."""
    return next((name for name in ("hparams", "optimizer") if key in defaults()[name]), "")


def task(name: str, **options: Any) -> ConfigDict:
    """The config section of a task: its name, and every option of its factory.

    Raises:
        ValueError: unknown task or option, or an option of the wrong type.
    """
    registry.trust(name)
    return ConfigDict(section("tasks", name, options)).lock()


def cell(name: str, **options: Any) -> ConfigDict:
    """The config section of a cell: its name, and every option of its factory.

    Raises:
        ValueError: unknown cell or option, or an option of the wrong type.
    """
    registry.trust(name)
    return ConfigDict(section("cells", name, options)).lock()


def wrapper(name: str, **options: Any) -> tuple[str, dict[str, Any]]:
    """An entry of `model.wrappers`: a wrapper's name and the options that were given.

    Raises:
        ValueError: unknown wrapper or option, one that is missing, or of the wrong type.
    """
    registry.trust(name)
    check_wrappers(((name, options),))
    return name, options


def check_wrappers(wrappers: tuple[Any, ...]) -> None:
    """Refuse a value that is not a sequence of wrappers, each a pair of a name and its options.

    The pairs are checked, not changed: they enter the identity of a run as they were given.

    Raises:
        ValueError: as `wrapper`.
    """
    for pair in wrappers:
        fit = isinstance(pair, tuple) and len(pair) == 2
        if not fit or not isinstance(pair[0], str) or not isinstance(pair[1], Mapping | ConfigDict):
            raise ValueError(
                f"model.wrappers: got {_literals.shown(pair)}; expected pairs of a name and its "
                "options, such as (('zoneout', {'rates': {'h': 0.1}}),)"
            )
        name, options = pair
        what = f"model.wrappers: wrapper {name!r}"
        try:
            available = registry.options("wrappers", name)
        except ValueError as error:
            raise ValueError(f"model.wrappers: {error}") from error
        for key, value in options.items():
            if key not in available:
                line = checks.unknown(f"option of wrapper {name!r}:", str(key), available)
                raise ValueError(f"model.wrappers: {line}")
            typed(f"{what}: {key}", value, available[key])
        for key, option in available.items():
            if option.default is registry.MISSING and key not in options:
                raise ValueError(f"{what} needs a value for {key!r}")


def section(kind: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a member's section for a ConfigDict; typed references where None is allowed.

    Raises ValueError as `task` and `cell` do.
    """
    values, available = section_values(kind, name, options), registry.options(kind, name)
    return {k: reference(v, available[k]) if k in available else v for k, v in values.items()}


def section_values(kind: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a member's section: its name, and every option in its type."""
    available = registry.options(kind, name)
    what = f"{registry.ENTRY[kind]} {name!r}"
    for key in options:
        if key not in available:
            if kind == "tasks" and (present := _renamed.present_option(name, key)):
                raise ValueError(f"unknown option of {what}: {key!r}; it is now {present!r}")
            raise ValueError(checks.unknown(f"option of {what}:", key, available))
    typed_values = {
        key: typed(f"{what}: {key}", options.get(key, option.default), option)
        for key, option in available.items()
    }
    return {"name": name, **typed_values}


def reference(value: Any, option: Option) -> Any:
    """The value, or a typed reference to it where it may be None.

    A ConfigDict takes the type of a key from its value, and None has none; a reference keeps it.
    """
    if not option.nullable or option.type is object:
        return value
    return placeholder(option.type) if value is None else FieldReference(value, option.type)


def typed(what: str, value: Any, option: Option) -> Any:
    """The value in the type of an option: an int passes as a float, a list as a tuple.

    Raises:
        ValueError: a value of another type, or one with a part that no config can store.
    """
    value = checks.typed(what, value, option.type, nullable=option.nullable)
    return _literals.check(what, _tuples(value) if isinstance(value, list | tuple) else value)


def _tuples(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy scalars and arrays of a sweep
        value = value.tolist()
    if isinstance(value, Mapping | ConfigDict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _frozen(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(
        {k: _frozen(v) if isinstance(v, Mapping) else v for k, v in values.items()}
    )
