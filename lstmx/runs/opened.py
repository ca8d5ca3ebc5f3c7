"""Opens a run directory: its model, parameters and layers, without reading its data.

opened = lstmx.runs.open("runs/adding/seed=0~0123456789")
outputs, state, _ = opened.model.apply(opened.params, inputs)
"""

import dataclasses
import functools
from pathlib import Path

import jax.numpy as jnp

from lstmx import config as cfg
from lstmx import experiment, wrappers
from lstmx.config import ConfigDict
from lstmx.experiment import Experiment
from lstmx.runs import initial, meta, schema
from lstmx.runs.run import Run, load
from lstmx.runs.run import params as params_of
from lstmx.types import Array, Batch, Cell, Key, Metrics, Model, Params, Task, TaskSpec

FEATURES = ("in_features", "out_features")
"""The fields of the task's spec that the model cannot be built without."""


@dataclasses.dataclass(frozen=True, eq=False)
class Opened:
    """A run with its model.

    Attributes:
        run: the content of the directory.
        config: its resolved config.
        model: pure functions; for a run in float64, to be called in its `lstmx.precision.scope`.
        params: of the model, at the step that was asked for.
        layers: (cell, its parameters) of every layer, the first layer first; for a bidirectional
            layer its forward cell, then its backward cell.
    """

    run: Run
    config: ConfigDict
    model: Model
    params: Params
    layers: tuple[tuple[Cell, Params], ...]

    @functools.cached_property
    def experiment(self) -> Experiment:
        """What the config becomes, with its tasks; built on first use, which reads their data.

        Raises:
            ValueError: whatever a task refuses, such as a missing file.
        """
        with meta.data_of(self.run.path, self.run.meta):
            return experiment.build(self.config)

    def make_task(self, **options: object) -> Task:
        """The run's task with some options changed; held-out data, unless a split is named.

        Raises:
            ValueError: an unknown option, or whatever the task refuses.
        """
        with meta.data_of(self.run.path, self.run.meta):
            task = experiment.make_task(self.config.task, options)
        return experiment.in_precision(self.config.model.precision, task)

    def at(self, step: str | int) -> "Opened":
        """The same run with the parameters of another step; see `open`."""
        params = _params(self.run, self.config, self.model, step)
        layers = _layers(self.config, params)
        return dataclasses.replace(self, params=params, layers=layers)


def open(path: Path | str, trust: bool = False, *, step: str | int = "best") -> Opened:
    """The run, model, parameters and layers of a run directory.

    No data file is read: meta.json has the fields of the task that the model depends on.

    Args:
        path: the run directory.
        trust: import modules that the run names; see `lstmx.config.from_dict`.
        step: "best", "latest", a step of `Run.checkpoints`, or "initial": the parameters before
            the first update, computed from the seed as training did.

    Raises:
        ValueError: no run, no such checkpoint, a meta.json without the model's input and output
            sizes, or a module that would have to be trusted.
    """
    run = load(path)
    config = cfg.from_dict(run.config, trust=trust)
    model = experiment.make_model(config.model, _trained_on(run))
    params = _params(run, config, model, step)
    return Opened(run, config, model, params, _layers(config, params))


def _params(run: Run, config: ConfigDict, model: Model, step: str | int) -> Params:
    if step != "initial":
        return params_of(run, step)
    if set(run.meta["task"].get("record") or {}) & set(experiment.EMBEDDINGS):
        with meta.data_of(run.path, run.meta):  # the embedding starts from a file
            model = experiment.make_model(config.model, experiment.make_task(config.task))
    return initial.params(run, config, model)


def _layers(config: ConfigDict, params: Params) -> tuple[tuple[Cell, Params], ...]:
    """(cell, its parameters) of every layer, both directions of a bidirectional one."""
    layers: list[tuple[Cell, Params]] = []
    for n, layer in enumerate(experiment.make_layers(config.model)):
        of_layer = params["layers"][f"layer_{n}"]
        if isinstance(layer, Cell):
            layers.append((layer, of_layer))
        else:
            layers += zip(layer, (of_layer["forward"], of_layer["backward"]))
    return tuple(layers)


def _trained_on(run: Run) -> Task:
    """A stand-in for the task that a run was trained on: its spec, with batches of zeros.

    The batches have every input that a wrapper may read, whether or not the task has it: training
    has already checked that the task has what the wrappers need.
    """
    fields = {key: value for key, value in run.meta["task"].items() if key in TaskSpec._fields}
    for key in FEATURES:
        if key not in fields:
            raise ValueError(f"{run.path / 'meta.json'} has no {key} of the task; {schema.REMEDY}")
    spec = TaskSpec(**{"length": 1, "batch_size": 1, "metric": "", "maximize": False, **fields})
    steps = (spec.batch_size, spec.length)

    def batch(key: Key, step: Array | int) -> Batch:
        del key, step
        if spec.inputs == "token":
            inputs: Array | wrappers.Inputs = jnp.zeros(steps, int)
        else:
            values = jnp.zeros((*steps, spec.in_features))
            inputs = wrappers.Inputs(values, values[..., 0], values)
        mask = jnp.ones(steps, bool)
        return Batch(inputs, jnp.zeros(steps), jnp.zeros(steps), mask, ~mask)

    def loss(outputs: Array, batch: Batch) -> Metrics:
        del outputs, batch
        raise ValueError("a model that was opened has no data; lstmx.experiment.build has its loss")

    return Task(spec, batch, loss)
