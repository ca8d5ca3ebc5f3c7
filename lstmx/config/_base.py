"""Every key of a config, with its default and what it means."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import FieldReference, placeholder

from lstmx import registry
from lstmx.config import _literals
from lstmx.registry import Option

SECTIONS = {"task": "tasks", "model.cell": "cells"}
"""The sections whose options are those of a member -> the kind of that member."""
MEMBERS = {**SECTIONS, "model": "models"}
"""The sections that name a member -> its kind. A model's own options are among keys that all models
have."""


def base() -> ConfigDict:
    """A new config with every key at its default; locked, so that a misspelt key is an error."""
    c = ConfigDict()
    c.name = ""  # folder of the runs below the workdir; "" = the config file's own name
    c.seed = 0  # of initial values, batches and noise; traced: swept inside one compilation
    c.steps = 1000  # updates of the whole run, a multiple of log_every
    c.log_every = 50  # updates per log point; the compiled chunk
    c.eval_every = 250  # updates between evaluations, a multiple of log_every; also at the end
    c.eval_batches = 10  # batches per evaluation of an endless task; stored splits go whole
    c.checkpoint_every = 0  # updates between checkpoints, a multiple of log_every; 0 = eval_every
    c.task = task("adding")  # what is learned; its options are those of the task's factory

    # curriculum: from an update on, other options of the task: ((0, {"length": 10}), (500, {}))
    c.curriculum = ()

    c.model = ConfigDict()
    c.model.name = "sequence"  # what is made of the layers; its own options are among these keys
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
    c.model.readout.bias = True  # whether output units have one
    c.model.readout.weight_range = 0.0  # they start in U(-r, r), biases too; 0 = LeCun normal
    c.model.readout.shortcut = False  # output units see the inputs besides the layers
    c.model.readout.activation = "identity"  # of what the layers give: identity, relu
    c.model.embed_features = 0  # width of the embedding of token inputs; 0 = one-hot
    c.model.remat_every = 0  # steps per rematerialised block: less memory, more time; 0 = off
    c.model.engine = "auto"  # how the unroll is computed; never changes what is computed
    c.model.precision = "float32"  # float32, bfloat16 (in products only), float64

    c.optimizer = ConfigDict()
    c.optimizer.name = "adam"  # sgd, adam, adamw, rmsprop
    c.optimizer.schedule = "constant"  # of the learning rate: constant, cosine, linear, step
    c.optimizer.warmup_steps = 0  # updates of linear rise before the schedule starts
    c.optimizer.decay_steps = 0  # length of the schedule, or between its steps; 0 = all the run
    c.optimizer.decay_factor = 0.1  # what each step of the step schedule multiplies by
    c.optimizer.nesterov = False  # Nesterov's form of sgd's momentum

    c.hparams = ConfigDict()  # traced: swept inside one compilation
    c.hparams.learning_rate = 1e-3  # peak of the schedule
    c.hparams.momentum = 0.9  # of sgd
    c.hparams.b1 = 0.9  # of adam and adamw: decay of the mean of the gradients
    c.hparams.b2 = 0.999  # of adam and adamw: decay of the mean of their squares
    c.hparams.decay = 0.9  # of rmsprop: decay of the mean of the squared gradients
    c.hparams.weight_decay = 0.0  # decoupled in adamw, an L2 penalty in the others
    c.hparams.clip_norm = 1.0  # largest global norm of the gradients; 0 = off
    c.hparams.clip_value = 0.0  # largest size of one gradient; 0 = off
    c.hparams.ar = 0.0  # weight of the mean of h^2 in the objective (Merity 2017); 0 = off
    c.hparams.tar = 0.0  # weight of the mean of (h_t - h_{t-1})^2; 0 = off

    c.evals = ConfigDict({"valid": {"split": "valid"}})  # name -> overrides of the task's options
    # selection: metric that says which checkpoint is best; "" = the task's metric on evals.valid,
    # else on the first eval that is not of the test split
    c.selection = ""
    c.patience = 0  # evaluations without improvement before the run stops; 0 = never
    # stop: ends a run at the first log point where all hold, such as (("train/accuracy", 0.99),);
    # metrics of training are means over the last stop_window updates, 0 = the last log point
    c.stop = ()
    c.stop_window = 0
    c.replicas_per_vmap = 0  # replicas computed side by side; 0 = 1 on a CPU, all on an accelerator
    return c.lock()


def task(name: str, **options: Any) -> ConfigDict:
    """The section of a task: its name, and every option of its factory.

    Raises:
        ValueError: unknown task or option, or an option of the wrong type.
    """
    registry.trust(name)
    return section("tasks", name, options)


def cell(name: str, **options: Any) -> ConfigDict:
    """The section of a cell: its name, and every option of its factory.

    Raises:
        ValueError: unknown cell or option, or an option of the wrong type.
    """
    registry.trust(name)
    return section("cells", name, options)


def section(kind: str, name: str, options: dict[str, Any]) -> ConfigDict:
    """The section of a member of a kind. Raises ValueError as `task` and `cell` do."""
    known = registry.options(kind, name)
    what = f"{registry.ENTRY[kind]} {name!r}"
    for key in options:
        if key not in known:
            raise ValueError(registry.unknown(f"option of {what}:", key, known))
    result = ConfigDict({"name": name})
    for key, option in known.items():
        value = typed(f"{what}: {key}", options.get(key, option.default), option)
        result[key] = reference(value, option)
    return result.lock()


def own_options(section: str, name: str) -> dict[str, Option]:
    """The options of the member that a section names, without the keys that all models have.

    Raises:
        ValueError: no such member, or an option that takes the place of a common key.
    """
    own = registry.options(MEMBERS[section], name)
    common = base()[section] if section not in SECTIONS else {}
    for key in own:
        if key in common:
            raise ValueError(
                f"{registry.ENTRY[MEMBERS[section]]} {name!r}: option {key!r} is a key that every "
                "model has; give it another name"
            )
    return own


def reference(value: Any, option: Option) -> Any:
    """The value, or where it may be None a typed reference to it: the key keeps its type."""
    if not option.nullable or option.type is object:
        return value
    return placeholder(option.type) if value is None else FieldReference(value, option.type)


def typed(what: str, value: Any, option: Option) -> Any:
    """The value in the type of an option: an int passes as a float, a list as a tuple.

    Raises:
        ValueError: a value of another type, or one that holds what no config can store.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a NumPy scalar of a sweep
        value = value.item()
    if value is None and (option.nullable or option.type is object):
        return None
    if isinstance(value, list | tuple) and option.type in (tuple, object):
        return _literals.check(what, _tuples(value))
    number = isinstance(value, int) and not isinstance(value, bool)
    if option.type is float and number:
        return float(value)
    if option.type is object or (
        isinstance(value, option.type) and (number or option.type is not int)
    ):
        return _literals.check(what, value)
    expected = option.type.__name__ + (" or None" if option.nullable else "")
    raise ValueError(f"{what}={_literals.shown(value)} has the wrong type; expected {expected}")


def _tuples(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy scalars and arrays of a sweep
        value = value.tolist()
    if isinstance(value, Mapping | ConfigDict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
