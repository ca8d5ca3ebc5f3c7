"""An experiment: the pure functions init, chunk and evaluate that a config describes.

Everything here is for one replica; `lstmx.runs.group` maps it over replicas and shards it over a
mesh.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import precision
from lstmx.config import ConfigDict, regularized
from lstmx.constants import CONSTANTS, split_constants
from lstmx.experiment._budget import fit
from lstmx.experiment._masking import at_width, hidden_size, refusal
from lstmx.experiment._memory import check_memory, countable, least_memory
from lstmx.experiment._model import check_resets, make_layers, make_model, make_stack
from lstmx.experiment._programs import programs
from lstmx.experiment._selection import names_of_metrics, select
from lstmx.experiment._sizes import Sizes, sizes
from lstmx.experiment._stop import StoppingCriterion, stopping_criteria
from lstmx.experiment._task import (
    check_batch_size,
    check_buckets,
    check_file,
    check_fits,
    held_out,
    in_precision,
    make_task,
    phase_task,
)
from lstmx.experiment._vectors import EMBEDDINGS
from lstmx.experiment._widths import Narrow, masked
from lstmx.parallel import shards
from lstmx.train import loop, optimizer
from lstmx.train import step as training
from lstmx.types import Array, HParams, Key, Metrics, Model, Params, Task, TrainState

__all__ = [
    "EMBEDDINGS",
    "Experiment",
    "Narrow",
    "Phase",
    "Sizes",
    "StoppingCriterion",
    "at_width",
    "build",
    "check_memory",
    "fit",
    "hidden_size",
    "in_precision",
    "initial_params",
    "keys",
    "least_memory",
    "make_layers",
    "make_model",
    "make_stack",
    "make_task",
    "narrow",
    "programs",
    "refusal",
    "sizes",
]

TAG_INIT, TAG_TRAIN, TAG_EVAL = 0, 1, 2
"""Folded into the key of a run: for initial values, for training, for evaluation."""


class Phase(NamedTuple):
    """One phase of the curriculum.

    Attributes:
        start: number of updates after which it begins.
        task: the source of batches until the next phase begins.
    """

    start: int
    task: Task


class Experiment(NamedTuple):
    """Pure functions of one experiment.

    Call them inside `lstmx.precision.scope(config.model.precision)`; only float64 needs it.

    Attributes:
        task: the task of the config.
        phases: the tasks to train on, in order: the task alone, or those of the curriculum.
        evals: name of an evaluation -> its task.
        model: see `lstmx.types.Model`.
        init: (hparams, key) -> TrainState, traced constants of the model filled from hparams.
        start: (hparams, params) -> TrainState from these initial parameters.
        chunk: (train_state, hparams, key, phase=0) -> (TrainState, metrics [log_every]); `phase`,
            an index into `phases`, is static.
        evaluate: (params, key) -> {name of an evaluation: metrics}.
        selection: the metric that chooses the best step, "eval/<name>/<metric>", or
            "train/<metric>" without evaluations.
        maximize: whether more of that metric is better.
        stop: training ends early where all of these criteria hold; () is never.
    """

    task: Task
    phases: tuple[Phase, ...]
    evals: Mapping[str, Task]
    model: Model
    init: Callable[[HParams, Key], TrainState]
    start: Callable[[HParams, Params], TrainState]
    chunk: Callable[..., tuple[TrainState, Metrics]]
    evaluate: Callable[[Params, Key], dict[str, Metrics]]
    selection: str
    maximize: bool
    stop: tuple[StoppingCriterion, ...]

    def phase(self, step: int) -> int:
        """The index of the phase to which the update after `step` updates belongs."""
        return max(n for n, phase in enumerate(self.phases) if phase.start <= step)


def build(config: ConfigDict, *, program: int | None = None) -> Experiment:
    """The experiment that a config describes.

    Only the static part of the config is read: `hparams` and `seed` are arguments of the functions.
    Whether activations are regularized at all is static; the weights of the penalty are traced.

    Args:
        config: the resolved config.
        program: the hidden size of a masked model, of which models of this and of smaller sizes are
            a part, see `Narrow`; None is the model of the config.

    Raises:
        ValueError: whatever the cell, the task or the optimizer refuses.
    """
    mode = config.model.precision
    for name, over in config.evals.items():
        check_file(config.task, f"evals.{name}", over)
    for step, over in config.curriculum:
        check_file(config.task, f"curriculum from step {step}", over)
    task = in_precision(mode, make_task(config.task))
    evals = {
        name: in_precision(mode, make_task(config.task, over))
        for name, over in config.evals.items()
    }
    for name, other in evals.items():
        check_fits(task, f"evals.{name}", other)
    # Without overrides it is the same task: a corpus is not read twice.
    later = (
        Phase(step, in_precision(mode, phase_task(config.task, step, over)) if over else task)
        for step, over in config.curriculum
    )
    phases = (Phase(0, task), *later)
    for step, other in phases:
        check_fits(task, f"curriculum from step {step}", other)
        check_batch_size(task, step, other)
        check_buckets(other, config.log_every)
    if program is None:
        model = make_model(config.model, task)
    else:
        model = masked(make_model(at_width(config, program).model, task))
    for other in {id(one): one for one in (*(p.task for p in phases), *evals.values())}.values():
        check_resets(model, other)
    optimizer.make(config.optimizer, dict(config.hparams), config.steps)
    splits = {name: over.get("split", held_out(config.task)) for name, over in config.evals.items()}
    with precision.scope(mode), countable():
        metrics = names_of_metrics(model)
        selection, maximize = select(config.selection, evals, splits, task, metrics)
        stop = stopping_criteria(config.stop, evals, task, metrics)

    start = _start(config, model, task)

    def init(hparams: HParams, key: Key) -> TrainState:
        return start(hparams, initial_params(model, hparams, key))

    def chunk(
        state: TrainState, hparams: HParams, key: Key, phase: int = 0
    ) -> tuple[TrainState, Metrics]:
        return loop.chunk(
            phases[phase].task,
            model,
            config.optimizer,
            config.steps,
            state,
            hparams,
            key,
            config.log_every,
            regularized(config),
        )

    perfect = [c.metric.split("/") for c in stop if c.perfect and config.eval_fail_fast]
    ends = {name: metric for _, name, metric in perfect}

    def evaluate(params: Params, key: Key) -> dict[str, Metrics]:
        sums = {
            name: training.evaluate(
                other,
                model,
                params,
                eval_key(key, name),
                other.spec.num_batches or config.eval_batches,
                ends.get(name),
            )
            for name, other in evals.items()
        }
        return shards.total(sums)  # one collective for all evaluations; see there

    pure = (init, start, chunk, evaluate)
    return Experiment(task, phases, evals, model, *pure, selection, maximize, stop)


def narrow(config: ConfigDict, program: Experiment, width: int) -> Narrow:
    """The model of a config as a part of a program.

    Args:
        config: of the run.
        program: an experiment that was built with `program=width`.
        width: the hidden size of that program.
    """
    model = make_model(config.model, program.task)
    with precision.scope(config.model.precision):
        start = _start(config, model, program.task)
        init = lambda hparams, key: start(hparams, initial_params(model, hparams, key))
        like = jax.eval_shape(init, dict(config.hparams), jax.random.key(0))
    return Narrow(model, like, config.model.cell.hidden_size, width)


def _start(config: ConfigDict, model: Model, task: Task) -> Callable[[HParams, Params], TrainState]:
    """`Experiment.start` of a model."""

    def start(hparams: HParams, params: Params) -> TrainState:
        trained, _ = split_constants(params)
        opt_state = optimizer.make(config.optimizer, hparams, config.steps).init(trained)
        rows = task.spec.batch_size // shards.position()[0]
        return TrainState(jnp.int32(0), params, opt_state, model.initial_state(params, (rows,)))

    return start


def initial_params(model: Model, hparams: HParams, key: Key) -> Params:
    """The parameters before the first update; traced constants of the model filled from hparams."""
    params = model.init(key)
    if model.constants is None:
        return params
    filled = {**params.get(CONSTANTS, {}), **model.constants(hparams)}
    return {**params, CONSTANTS: filled}


def keys(seed: Array | int) -> tuple[Key, Key, Key]:
    """(initialisation, training, evaluation): the three keys of a run, functions of its seed."""
    run_key = jax.random.key(seed)
    initial, train, evaluation = (
        jax.random.fold_in(run_key, tag) for tag in (TAG_INIT, TAG_TRAIN, TAG_EVAL)
    )
    return initial, train, evaluation


def eval_key(key: Key, name: str) -> Key:
    """The key of one evaluation; it depends on its name alone, not on the other evaluations."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))
