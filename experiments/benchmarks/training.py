"""Training steps on the adding problem, as the runner of lstmx and as users of peers run them."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from experiments.benchmarks.contestant import Size
from lstmx import config as cfg
from lstmx import experiment

PEERS = {
    "flax, nnx.jit": ("flax", "loop"),
    "flax, cached_partial": ("flax", "cached_loop"),
    "torch": ("torch", "loop"),
}
"""Contestant -> (module of `peers`, function (size, steps, device) -> call)."""
TUTORIALS = {
    "relu": {"keras": ("keras", "tutorial_relu")},
    "tanh": {"keras": ("keras", "tutorial_tanh"), "torch": ("torch", "tutorial_tanh")},
}
"""Activation -> contestants, as in `PEERS`."""


def tutorial(size: Size, activation: str, steps: int) -> Callable[[], Any]:
    """A call that trains a tutorial's network: one chunk of the runner."""
    c = cfg.base()
    c.task = cfg.task(
        "next_value",
        series=steps * size.B,
        length=size.T + 1,
        features=size.X,
        batch_size=size.B,
    )
    kind = {"input_activation": activation, "output_activation": activation}
    c.model.cell = cfg.cell("lstm", hidden_size=size.H, **kind)
    c.hparams.clip_norm = 0.0
    c.steps = c.log_every = c.eval_every = steps
    c.evals = {}
    return _chunk([c])


def ours(size: Size, runs: int, steps: int) -> Callable[[], Any]:
    """A call that trains `runs` runs for `steps` steps each: one chunk of the runner."""
    config = _config(size, steps)
    return _chunk([cfg.resolve(config, {"seed": seed}) for seed in range(runs)])


def _chunk(configs: Sequence[Any]) -> Callable[[], Any]:
    """A call that trains a group of runs for a chunk."""
    from lstmx.runs import group as groups

    group = groups.make(experiment.build(configs[0]), configs)
    state = group.init(group.hparams, group.seeds)

    def run() -> Any:
        nonlocal state
        state, metrics = group.chunks[0](state, group.hparams, group.seeds)
        return jax.block_until_ready(metrics)

    return run


def single(size: Size, steps: int) -> Callable[[], Any]:
    """A call that trains one run step by step: the pure step in `jax.jit`, in a Python loop."""
    config = _config(size, 1)
    exp = experiment.build(config)
    hparams = {name: jax.numpy.float32(value) for name, value in config.hparams.items()}
    key_init, key_train, _ = experiment.keys(0)
    step = jax.jit(exp.chunk, donate_argnums=0)
    state = jax.jit(exp.init)(hparams, key_init)

    def run() -> Any:
        nonlocal state
        for _ in range(steps):
            state, metrics = step(state, hparams, key_train)
        return jax.block_until_ready(metrics)

    return run


def _config(size: Size, steps: int) -> Any:
    c = cfg.base()
    c.task = cfg.task("adding", length=size.T, batch_size=size.B)
    c.model.cell = cfg.cell("lstm", hidden_size=size.H)
    c.steps = c.log_every = c.eval_every = steps
    c.evals = {}
    return c
