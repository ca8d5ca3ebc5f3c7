"""The memory and time that a config will need, predicted without a run."""

from typing import Any

import jax

from lstmx import experiment, planner, precision
from lstmx.constants import split_constants
from lstmx.parallel import mesh as meshes
from lstmx.types import BATCH_AXIS


def explain(config: Any) -> str:
    """The table of `lstmx.plan_memory` for a single run of a config, with a heading.

    Raises:
        ValueError: as `lstmx.experiment.build`.
    """
    built = experiment.build(config)
    tasks = [built.task, *built.evals.values()]
    mesh = meshes.make(1, [task.spec.batch_size for task in tasks])
    shards, spec, model = mesh.shape[BATCH_AXIS], built.task.spec, config.model
    with precision.scope(model.precision):
        state = jax.eval_shape(built.init, dict(config.hparams), jax.random.key(0))
        inputs = jax.eval_shape(built.task.batch, jax.random.key(0), 0).inputs
    sizes = {name: (e.spec.batch_size // shards, e.spec.length) for name, e in built.evals.items()}
    largest = sorted(sizes.items(), key=lambda item: item[1][0] * item[1][1])[-1:]
    tokens = spec.inputs == "token"
    trained, _ = split_constants(state.params)
    plan = planner.plan_memory(
        experiment.make_layers(model),
        spec.batch_size // shards,
        spec.length,
        model.embed_features if tokens and model.embed_features else spec.in_features,
        out_features=spec.out_features,
        stack=experiment.make_stack(model),
        evaluations=dict(largest),
        spatial=() if tokens else jax.tree.leaves(inputs)[0].shape[2:-1],
        masks=True,
        optimizer_slots=planner.size_of(state.opt_state) // planner.size_of(trained),
        memory=planner.available() // shards,
    )
    devices = f"{shards} device{'s' * (shards > 1)}"
    rows = f"{spec.batch_size} rows, {spec.batch_size // shards} on each"
    return f"{config.name}: 1 replica, {devices}, batches of {rows}\n{plan}"
