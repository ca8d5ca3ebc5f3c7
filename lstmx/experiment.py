"""A config made callable: `build(config)` -> Experiment(init, chunk, evaluate), all pure.

Everything here is for one replica. The runner maps it over replicas and shards it over a mesh.
"""

import inspect
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import cells, precision, registry, shards, tasks, wrappers
from lstmx.config import penalised
from lstmx.nn import functional
from lstmx.train import loop, optimizer
from lstmx.train import step as training
from lstmx.types import Cell, Key, Metrics, Model, Task, TrainState

TAG_INIT, TAG_TRAIN, TAG_EVAL = 0, 1, 2
"""What a run's key is folded with: initial values, training steps, evaluations."""
OF_INPUTS = {
    "decay_to_mean": "observed",
    "elapsed_decay": "elapsed",
    "impute": "observed",
    "mask_as_feature": "observed",
}
"""Wrapper -> the field of `lstmx.wrappers.Inputs` without which it means nothing. (A time gate
without elapsed times counts steps.)"""


class Experiment(NamedTuple):
    """Pure functions of one experiment.

    They are to be called inside `lstmx.precision.scope(config.model.precision)`, which only makes
    a difference to float64.

    Attributes:
        task: what is trained on.
        evals: name -> what is evaluated on.
        model: see `lstmx.types.Model`.
        init: (hparams, key) -> TrainState.
        chunk: (train_state, hparams, key) -> (TrainState, metrics [log_every]).
        evaluate: (params, key) -> {eval name: metrics}.
        selection: name of the metric that says which step is best, "eval/<name>/<metric>".
        maximize: whether more of it is better.
    """

    task: Task
    evals: Mapping[str, Task]
    model: Model
    init: Callable[[Mapping[str, Any], Key], TrainState]
    chunk: Callable[[TrainState, Mapping[str, Any], Key], tuple[TrainState, Metrics]]
    evaluate: Callable[[Any, Key], dict[str, Metrics]]
    selection: str
    maximize: bool


def build(config: Any) -> Experiment:
    """The experiment that a config describes.

    Only the static part is read: `hparams` and `seed` reach the functions as arguments. Whether
    there is a penalty on activations is static, how large it is is not.

    Raises:
        ValueError: whatever the cell, the task or the optimizer refuses.
    """
    mode = config.model.precision
    task = _in_precision(mode, make_task(config.task))
    evals = {
        name: _in_precision(mode, make_task(config.task, over))
        for name, over in config.evals.items()
    }
    for name, other in evals.items():
        _check_fits(task, name, other)
    model = make_model(config.model, task)
    optimizer.make(config.optimizer, dict(config.hparams), config.steps)
    splits = {
        name: over.get("split", _held_out(config.task)) for name, over in config.evals.items()
    }
    with precision.scope(mode):
        selection, maximize = _selection(config.selection, evals, splits, task)

    def init(hparams: Mapping[str, Any], key: Key) -> TrainState:
        params = model.init(key)
        opt_state = optimizer.make(config.optimizer, hparams, config.steps).init(params)
        rows = task.spec.batch_size // shards.position()[0]
        state = model.initial_state(params, (rows,))
        return TrainState(jnp.int32(0), params, opt_state, state)

    def chunk(
        state: TrainState, hparams: Mapping[str, Any], key: Key
    ) -> tuple[TrainState, Metrics]:
        return loop.chunk(
            task,
            model,
            config.optimizer,
            config.steps,
            state,
            hparams,
            key,
            config.log_every,
            penalised(config),
        )

    def evaluate(params: Any, key: Key) -> dict[str, Metrics]:
        sums = {
            name: training.evaluate(
                other,
                model,
                params,
                eval_key(key, name),
                other.spec.num_batches or config.eval_batches,
            )
            for name, other in evals.items()
        }
        return shards.total(sums)  # of all evaluations at once: see there

    return Experiment(task, evals, model, init, chunk, evaluate, selection, maximize)


def keys(seed: Any) -> tuple[Key, Key, Key]:
    """The three keys of a run, from its seed alone: (initialisation, training, evaluation)."""
    run_key = jax.random.key(seed)
    initial, train, evaluation = (
        jax.random.fold_in(run_key, tag) for tag in (TAG_INIT, TAG_TRAIN, TAG_EVAL)
    )
    return initial, train, evaluation


def eval_key(key: Key, name: str) -> Key:
    """The key of one evaluation: other evaluations, added or removed, do not change its batches."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def make_task(section: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Task:
    """The task of a config's section.

    Args:
        overrides: options that an evaluation changes. An evaluation that does not name its split
            gets "test": never the data that were trained on.
    """
    options = dict(section)
    if overrides is not None:
        split = _held_out(section)
        options = {**options, **({} if split is None else {"split": split}), **overrides}
    return tasks.make(options.pop("name"), **options)


def make_layers(section: Mapping[str, Any]) -> tuple[Cell | tuple[Cell, Cell], ...]:
    """The cells of a model's section: `layers` of `cell`, of `widths` if given, maybe in pairs.

    Raises:
        ValueError: whatever the cell or a wrapper refuses.
    """
    options = dict(section["cell"])
    name = options.pop("name")
    if not section["widths"]:
        made = [cells.make(name, **options)] * section["layers"]
    elif "hidden_size" in options:
        made = [cells.make(name, **{**options, "hidden_size": w}) for w in section["widths"]]
    else:
        raise ValueError(f"model.widths needs a cell with a hidden_size, which {name!r} has not")
    made = [_wrapped(cell, section["wrappers"]) for cell in made]
    return tuple((cell, cell) if section["bidirectional"] else cell for cell in made)


def _wrapped(cell: Cell, named: Sequence[tuple[str, Mapping[str, Any]]]) -> Cell:
    """The cell in its wrappers, the first of them the innermost."""
    known = [name for name in wrappers.__all__ if name != "Inputs"]
    for name, options in named:
        if name not in known:
            raise ValueError(f"model.wrappers: {registry.unknown('wrapper', name, known)}")
        wrap = getattr(wrappers, name)
        parameters = list(inspect.signature(wrap).parameters.values())[1:]
        names = [parameter.name for parameter in parameters]
        for key in options:
            if key not in names:
                line = registry.unknown(f"option of wrapper {name!r}:", key, names)
                raise ValueError(f"model.wrappers: {line}")
        for parameter in parameters:
            if parameter.default is inspect.Parameter.empty and parameter.name not in options:
                raise ValueError(f"model.wrappers: {name!r} needs a value for {parameter.name!r}")
        try:
            cell = wrap(cell, **options)
        except TypeError as error:
            raise ValueError(f"model.wrappers: {name!r} with {dict(options)}: {error}") from None
    return cell


def _check_observed(section: Mapping[str, Any], task: Task) -> None:
    """Refuse a wrapper that would find nothing to do, as the task says nothing of it."""
    for name, _ in section["wrappers"]:
        if name not in OF_INPUTS:
            continue
        inputs = jax.eval_shape(task.batch, jax.random.key(0), 0).inputs
        if getattr(inputs, OF_INPUTS[name], None) is None:
            raise ValueError(
                f"model.wrappers: {name!r} reads {OF_INPUTS[name]!r} of the inputs, which this "
                "task does not give; expected a task whose batches hold lstmx.wrappers.Inputs"
            )


def make_model(section: Mapping[str, Any], task: Task) -> Model:
    """The model of a config's section, for a task's inputs and outputs."""
    spec = task.spec
    _check_observed(section, task)
    return functional.sequence_model(
        make_layers(section),
        spec.in_features,
        spec.out_features,
        inputs=spec.inputs,
        embed_features=section["embed_features"],
        residual=section["residual"],
        links=section["links"],
        dropout=section["dropout"],
        remat_every=section["remat_every"] or None,
        engine=section["engine"],
        precision=section["precision"],
    )


def _in_precision(mode: str, task: Task) -> Task:
    """The task with its batches' floats in the type of the mode."""
    return task._replace(batch=precision.drawn(mode, task.batch))


def _held_out(section: Mapping[str, Any]) -> str | None:
    """The split of an evaluation that names none; None for a task without splits."""
    return "test" if "split" in section else None


def _check_fits(task: Task, name: str, other: Task) -> None:
    """An evaluation must feed the model that the training task made."""
    for field in ("in_features", "out_features", "inputs"):
        have, want = getattr(other.spec, field), getattr(task.spec, field)
        if have != want:
            raise ValueError(
                f"evals.{name} changes {field} from {want} to {have}; an evaluation may change "
                "lengths, splits and batch sizes, not what the model reads and writes"
            )


def _selection(
    asked: str, evals: Mapping[str, Task], splits: Mapping[str, Any], task: Task
) -> tuple[str, bool]:
    """(metric, maximize) by which a step is best; by default the metric of "valid".

    Never of a test split unless asked for: what chooses the checkpoint is not what the checkpoint
    is judged by.

    Args:
        splits: eval -> the split it is on, None where its task has no splits.
    """
    if not evals and not asked:
        return f"train/{task.spec.metric}", task.spec.maximize
    if not asked:
        fit = [name for name, split in splits.items() if split != "test"]
        if not fit:
            raise ValueError(
                f"all evaluations ({', '.join(evals)}) are on the test split, which must not "
                'choose the checkpoint; add evals.valid={"split": "valid"}, or set selection'
            )
        name = "valid" if "valid" in fit else fit[0]
        asked = f"eval/{name}/{evals[name].spec.metric}"
    parts = asked.split("/")
    if len(parts) != 3 or parts[0] != "eval" or parts[1] not in evals:
        known = ", ".join(f"eval/{name}/<metric>" for name in evals)
        raise ValueError(f"selection={asked!r} names no evaluation; expected one of {known}")
    _check_metric(f"selection={asked!r}", parts[2], evals[parts[1]])
    spec = evals[parts[1]].spec
    more = spec.maximize if parts[2] == spec.metric else parts[2] in spec.maximized
    return asked, more


def _check_metric(what: str, metric: str, task: Task) -> None:
    """Refuse a metric that a task's loss does not give; traces it, and computes nothing."""

    def measure() -> Metrics:
        spec = task.spec
        outputs = jnp.zeros((spec.batch_size, spec.length, spec.out_features))
        return task.loss(outputs, task.batch(jax.random.key(0), 0))

    known = jax.eval_shape(measure)
    if metric not in known:
        raise ValueError(f"{what}: {registry.unknown('metric', metric, known)}")
