"""A config made callable: `build(config)` -> Experiment(init, chunk, evaluate), all pure.

Everything here is for one replica. The runner maps it over replicas and shards it over a mesh.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, precision, registry
from lstmx.config import penalised
from lstmx.constants import CONSTANTS, split_constants
from lstmx.experiment._memory import check_batch, check_memory, countable, least_memory
from lstmx.experiment._model import make_layers, make_model, make_stack
from lstmx.experiment._selection import select
from lstmx.experiment._stop import Bound, bounds
from lstmx.parallel import shards
from lstmx.train import loop, optimizer
from lstmx.train import step as training
from lstmx.types import Key, Metrics, Model, Task, TrainState

__all__ = [
    "Bound",
    "Experiment",
    "Stage",
    "build",
    "check_memory",
    "keys",
    "least_memory",
    "make_layers",
    "make_model",
    "make_stack",
    "make_task",
]

TAG_INIT, TAG_TRAIN, TAG_EVAL = 0, 1, 2
"""What a run's key is folded with: initial values, training steps, evaluations."""


class Stage(NamedTuple):
    """A part of training on a task of its own.

    Attributes:
        start: the number of updates after which it begins.
        task: what is trained on from there, until the next stage begins.
    """

    start: int
    task: Task


class Experiment(NamedTuple):
    """Pure functions of one experiment.

    They are to be called inside `lstmx.precision.scope(config.model.precision)`, which only makes
    a difference to float64.

    Attributes:
        task: what is to be learned.
        stages: what is trained on, one after the other: the task, or a curriculum that leads to it.
        evals: name -> what is evaluated on.
        model: see `lstmx.types.Model`.
        init: (hparams, key) -> TrainState.
        chunk: (train_state, hparams, key, stage=0) -> (TrainState, metrics [log_every]); the
            number of the stage is static.
        evaluate: (params, key) -> {eval name: metrics}.
        selection: name of the metric that says which step is best, "eval/<name>/<metric>".
        maximize: whether more of it is better.
        stop: what has to hold for training to end before its last step; () is nothing.
    """

    task: Task
    stages: tuple[Stage, ...]
    evals: Mapping[str, Task]
    model: Model
    init: Callable[[Mapping[str, Any], Key], TrainState]
    chunk: Callable[..., tuple[TrainState, Metrics]]
    evaluate: Callable[[Any, Key], dict[str, Metrics]]
    selection: str
    maximize: bool
    stop: tuple[Bound, ...]

    def stage(self, step: int) -> int:
        """The number of the stage that the update after `step` updates belongs to."""
        return max(n for n, stage in enumerate(self.stages) if stage.start <= step)


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
        _check_fits(task, f"evals.{name}", other)
    later = (
        Stage(start, _in_precision(mode, _later(config.task, start, over)) if over else task)
        for start, over in config.curriculum
    )
    stages = (Stage(0, task), *later)  # the task itself: a corpus is not read twice
    for start, stage in stages:
        _check_fits(task, f"curriculum from step {start}", stage)
        _check_rows(task, start, stage)
    model = make_model(config.model, task)
    optimizer.make(config.optimizer, dict(config.hparams), config.steps)
    splits = {
        name: over.get("split", _held_out(config.task)) for name, over in config.evals.items()
    }
    with precision.scope(mode), countable():
        selection, maximize = select(config.selection, evals, splits, task, model)
        stop = bounds(config.stop, evals, task, model)

    def init(hparams: Mapping[str, Any], key: Key) -> TrainState:
        params = model.init(key)
        if model.constants is not None:
            filled = {**params.get(CONSTANTS, {}), **model.constants(hparams)}
            params = {**params, CONSTANTS: filled}
        trained, _ = split_constants(params)
        opt_state = optimizer.make(config.optimizer, hparams, config.steps).init(trained)
        rows = task.spec.batch_size // shards.position()[0]
        state = model.initial_state(params, (rows,))
        return TrainState(jnp.int32(0), params, opt_state, state)

    def chunk(
        state: TrainState, hparams: Mapping[str, Any], key: Key, stage: int = 0
    ) -> tuple[TrainState, Metrics]:
        return loop.chunk(
            stages[stage].task,
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

    return Experiment(task, stages, evals, model, init, chunk, evaluate, selection, maximize, stop)


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

    Raises:
        ValueError: whatever the task refuses, and batches that surely do not fit into memory.
    """
    options = dict(section)
    if overrides is not None:
        split = _held_out(section)
        options = {**options, **({} if split is None else {"split": split}), **overrides}
    check_batch(options)
    return registry.make("tasks", options.pop("name"), **options)


def _in_precision(mode: str, task: Task) -> Task:
    """The task with its batches' floats in the type of the mode."""
    return task._replace(batch=precision.drawn(mode, task.batch))


def _held_out(section: Mapping[str, Any]) -> str | None:
    """The split of an evaluation that names none; None for a task without splits."""
    return "test" if "split" in section else None


def _later(section: Mapping[str, Any], start: int, overrides: Mapping[str, Any]) -> Task:
    """The task of a stage of the curriculum: the config's, with some options changed."""
    for option in overrides:
        if option == "name" or option not in section:
            line = checks.unknown(f"option of task {section['name']!r}:", option, list(section))
            raise ValueError(f"curriculum from step {start}: {line}")
    return make_task({**section, **overrides})


def _check_rows(task: Task, start: int, stage: Task) -> None:
    """The recurrent state has a row for each example, so their number stays."""
    have, want = stage.spec.batch_size, task.spec.batch_size
    if have != want:
        raise ValueError(
            f"curriculum from step {start} changes batch_size from {want} to {have}; expected the "
            "same batches with other lengths"
        )


def _check_fits(task: Task, what: str, other: Task) -> None:
    """An evaluation or a stage must feed the model that the training task made."""
    for field in ("in_features", "out_features", "inputs"):
        have, want = getattr(other.spec, field), getattr(task.spec, field)
        if have != want:
            raise ValueError(
                f"{what} changes {field} from {want} to {have}; it may change lengths, splits and "
                "the like, not what the model reads and writes"
            )
