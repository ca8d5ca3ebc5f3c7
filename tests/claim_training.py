"""Training for tests of claims: all seeds of a claim side by side, in one program.

Everything goes through the public functions of an experiment. Batches are drawn afresh for every
update, so that the metrics of training are of sequences that no update has seen, and no evaluation
has to be compiled beside it.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import config as cfg
from lstmx import experiment
from lstmx.train.step import values

SEEDS = (0, 1, 2)
OPTIMISED = {"xla_backend_optimization_level": 1}
"""These run long enough for it: three times as fast as with the suite's level 0, and as level 3."""


def recipe(task, cell, steps, learning_rate, **changes):
    """A config of one chunk, Adam with the global norm clipped at 1 unless changed."""
    c = cfg.base()
    c.task, c.model.cell = task, cell
    c.steps = c.log_every = c.eval_every = steps
    c.eval_batches = 1
    c.hparams.learning_rate = learning_rate
    return cfg.resolve(c, changes)


def train(config, *others, seeds=SEEDS):
    """Metrics of every update {name: [n, seeds, steps]}, and the last parameters [n * seeds, ...].

    The `others` may differ from the config in where parameters start, such as in a forget bias, and
    in nothing else: one compiled program trains all n of them.
    """
    hparams = dict(config.hparams)
    built = [experiment.build(c) for c in (config, *others)]
    seeds = jnp.asarray(seeds)

    def start(seeds):
        made = [
            jax.vmap(lambda s, e=e: e.init(hparams, experiment.keys(s)[0]))(seeds) for e in built
        ]
        return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *made)

    def run(state, seed):
        state, metrics = built[0].chunk(state, hparams, experiment.keys(seed)[1])
        return state.params, values(metrics)

    state = jax.jit(start)(seeds)
    trained = jax.jit(jax.vmap(run), compiler_options=OPTIMISED)
    params, metrics = trained(state, jnp.tile(seeds, len(built)))
    shape = (len(built), len(seeds), config.steps)
    return {name: np.asarray(v).reshape(shape) for name, v in metrics.items()}, params


def evaluate(config, params, seeds=SEEDS):
    """Metrics of the config's evaluations {eval: {name: [seeds]}}, of what `train` has left."""
    built = experiment.build(config)

    def run(params, seed):
        found = built.evaluate(params, experiment.keys(seed)[2])
        return {name: values(metrics) for name, metrics in found.items()}

    measured = jax.jit(jax.vmap(run))(params, jnp.asarray(seeds))
    return jax.device_get(measured)


def ends(metric, updates=50):
    """The mean of a metric over the last updates, [..., steps] -> [...]."""
    return np.mean(metric[..., -updates:], axis=-1)
