"""From a run directory to its model, without the data that it was trained on.

opened = lstmx.runs.open("runs/adding/seed=0~0123456789")
outputs, state, _ = opened.model.apply(opened.params, inputs)
"""

from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp

from lstmx import config as cfg
from lstmx import experiment, wrappers
from lstmx.runs import schema
from lstmx.runs.run import Run, load
from lstmx.runs.run import params as params_of
from lstmx.types import Array, Batch, Cell, Key, Model, Params, Task, TaskSpec

FEATURES = ("in_features", "out_features")
"""What the model must be told of the task."""


class Opened(NamedTuple):
    """A run with its model.

    Attributes:
        run: what the directory holds.
        model: pure functions; for a run in float64, to be called in its `lstmx.precision.scope`.
        params: of the model, from the checkpoint.
        layers: (cell, its parameters) of every layer from the first on; of a bidirectional layer
            the forward one, then the backward one.
    """

    run: Run
    model: Model
    params: Params
    layers: tuple[tuple[Cell, Params], ...]


def open(path: Path | str, trust: bool = False, *, step: str | int = "best") -> Opened:
    """Run, model, parameters and layers of a run directory.

    No data file is read: what the model must know of its task stands in meta.json.

    Args:
        path: the run directory.
        trust: import modules that the run names; see `lstmx.config.from_dict`.
        step: "best", "latest" or a step.

    Raises:
        ValueError: no run, no such checkpoint, a meta.json that does not say how wide the model is,
            or a module that would have to be trusted.
    """
    run = load(path)
    section = cfg.from_dict(run.config, trust=trust).model
    params = params_of(run, step)
    model = experiment.make_model(section, _trained_on(run))
    layers: list[tuple[Cell, Params]] = []
    for n, layer in enumerate(experiment.make_layers(section)):
        own = params["layers"][f"layer_{n}"]
        if isinstance(layer, Cell):
            layers.append((layer, own))
        else:
            layers += zip(layer, (own["forward"], own["backward"]))
    return Opened(run, model, params, tuple(layers))


def _trained_on(run: Run) -> Task:
    """The task that a run was trained on, as far as a model must know it.

    Its batches are empty, but have all that a wrapper may read: that the task gives it was found
    out before the run was trained.
    """
    known = {key: value for key, value in run.meta["task"].items() if key in TaskSpec._fields}
    for key in FEATURES:
        if key not in known:
            raise ValueError(f"{run.path / 'meta.json'} has no {key} of the task; {schema.REMEDY}")
    spec = TaskSpec(**{"length": 1, "batch_size": 1, "metric": "", "maximize": False, **known})
    steps = (spec.batch_size, spec.length)

    def batch(key: Key, step: Array | int) -> Batch:
        del key, step
        if spec.inputs == "token":
            inputs: Any = jnp.zeros(steps, int)
        else:
            values = jnp.zeros((*steps, spec.in_features))
            inputs = wrappers.Inputs(values, values[..., 0], values)
        there = jnp.ones(steps, bool)
        return Batch(inputs, jnp.zeros(steps), jnp.zeros(steps), there, ~there)

    def loss(outputs: Array, batch: Batch) -> Any:
        del outputs, batch
        raise ValueError("a model that was opened has no data; lstmx.experiment.build has its loss")

    return Task(spec, batch, loss)
