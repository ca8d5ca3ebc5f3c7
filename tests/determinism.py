"""How equal the numbers of one run are, however it is computed.

    python -m tests.determinism ["in a group*" ...]

Trains a small run of 24 steps in one way, then in every other way of `WAYS`, and prints for each
cell whether all parameters and all log points are equal bit for bit, or by how much they differ
(the largest difference of a parameter, relative to the largest parameter of its array).
docs/determinism.md shows the table.
"""

import fnmatch
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from lstmx import config as cfg
from lstmx import experiment, precision
from lstmx.parallel import mesh
from lstmx.runs import group as groups

CELLS = {"float32": ("lstm", "gru", "slstm"), "float64": ("lstm",)}
"""Precision -> what is trained in it."""
STEPS, EVERY = 24, 6


class Trained(NamedTuple):
    """Train state of one replica after its last step, and the metrics of all steps before."""

    state: Any
    metrics: Any


def config(cell: str, **overrides: Any) -> Any:
    """A run that trains in a moment."""
    c = cfg.base()
    c.task = cfg.task("adding", length=13, batch_size=8)
    c.model.cell = cfg.cell(cell, hidden_size=8)
    c.steps, c.log_every, c.eval_every, c.eval_batches = STEPS, EVERY, EVERY, 2
    return cfg.resolve(c, overrides)


def train(
    configs: list[Any], *, devices: int = 1, stops: tuple[int, ...] = (), steps: int = STEPS
) -> list[Trained]:
    """Every replica of a group, trained as the runner trains it.

    Args:
        devices: how many the group has.
        stops: after these numbers of chunks, the state goes through the host, as a checkpoint does.
        steps: updates in all.
    """
    with precision.scope(configs[0].model.precision):
        exp = experiment.build(configs[0])
        group = groups.make(exp, configs, jax.devices()[:devices])
        state = group.init(group.hparams, group.seeds)
        logged = []
        for number in range(steps // configs[0].log_every):
            if number in stops:
                host = jax.device_get(state)
                each = [groups.replica(host, n) for n in range(len(configs))]
                state = groups.put(group, each)
            state, metrics = group.chunks[0](state, group.hparams, group.seeds)
            logged.append(jax.device_get(metrics))
        host = jax.device_get(state)
        whole = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *logged)
    return [Trained(groups.replica(host, n), groups.replica(whole, n)) for n in range(len(configs))]


def seeds(cell: str, *numbers: int, **overrides: Any) -> list[Any]:
    """The run with other seeds."""
    return [config(cell, seed=number, **overrides) for number in numbers]


def alone(cell: str, **overrides: Any) -> Trained:
    """The run by itself on one device: what all others are held against."""
    return train([config(cell, **overrides)])[0]


def grouped(cell: str, *, replicas_per_vmap: int, devices: int = 1, **overrides: Any) -> Trained:
    """The run among three replicas."""
    options = {"replicas_per_vmap": replicas_per_vmap, **overrides}
    return train(seeds(cell, 1, 0, 2, **options), devices=devices)[1]


def in_another_order(cell: str, **overrides: Any) -> Trained:
    """The run as the last of three, beside other seeds and another learning rate."""
    others = seeds(cell, 7, 8, **{"hparams.learning_rate": 0.1, **overrides})
    return train([*others, config(cell, **overrides)])[2]


def resumed(cell: str, **overrides: Any) -> Trained:
    """The run, interrupted after the first and after the third chunk."""
    return train([config(cell, **overrides)], stops=(1, 3))[0]


def chunked(cell: str, *, log_every: int, **overrides: Any) -> Trained:
    """The run with log points elsewhere."""
    return train([config(cell, log_every=log_every, eval_every=STEPS, **overrides)])[0]


def continued(cell: str, **overrides: Any) -> Trained:
    """The first steps of a run that is planned twice as long."""
    return train([config(cell, steps=2 * STEPS, **overrides)])[0]


def by_engine(cell: str, *, engine: str, **overrides: Any) -> Trained:
    """The run by another engine."""
    return alone(cell, **{"model.engine": engine, **overrides})


def compiled_again(cell: str, *, cache: bool, **overrides: Any) -> Trained:
    """The run by a program compiled anew, or read from the cache on disk where that was put."""
    with tempfile.TemporaryDirectory() as folder:
        before = jax.config.jax_compilation_cache_dir
        jax.config.update("jax_compilation_cache_dir", folder if cache else None)
        try:
            for _ in range(2 if cache else 1):
                jax.clear_caches()
                compilation_cache.reset_cache()
                found = alone(cell, **overrides)
            assert not cache or any(Path(folder).iterdir()), "nothing was cached"
        finally:
            jax.config.update("jax_compilation_cache_dir", before)
            compilation_cache.reset_cache()
    return found


class Way(NamedTuple):
    """A way to compute the run.

    Attributes:
        promised: equal to its reference bit for bit; else to rounding.
        reference: what it is held against.
        compute: (cell, **overrides) -> the run.
    """

    promised: bool
    reference: Callable[..., Trained]
    compute: Callable[..., Trained]


def in_group(cell: str, **overrides: Any) -> Trained:
    """The run among three replicas that one device computes one after the other."""
    return grouped(cell, replicas_per_vmap=1, **overrides)


WAYS = {
    "once more": Way(True, alone, alone),
    "compiled anew": Way(True, alone, lambda c, **o: compiled_again(c, cache=False, **o)),
    "from the cache of programs": Way(
        True, alone, lambda c, **o: compiled_again(c, cache=True, **o)
    ),
    "interrupted and resumed": Way(True, alone, resumed),
    "log_every=24": Way(True, alone, lambda c, **o: chunked(c, log_every=STEPS, **o)),
    "log_every=1": Way(False, alone, lambda c, **o: chunked(c, log_every=1, **o)),
    "first half of a longer run": Way(True, alone, continued),
    "in a group": Way(False, alone, in_group),
    "in a group, another order": Way(True, in_group, in_another_order),
    "in a group of five": Way(True, in_group, lambda c, **o: train(seeds(c, *range(5), **o))[0]),
    "in a group over two devices": Way(
        True, in_group, lambda c, **o: grouped(c, replicas_per_vmap=1, devices=2, **o)
    ),
    "in a group, two side by side": Way(
        False, in_group, lambda c, **o: grouped(c, replicas_per_vmap=2, **o)
    ),
    "in a group, three side by side": Way(
        False, in_group, lambda c, **o: grouped(c, replicas_per_vmap=3, **o)
    ),
    "batch over two devices": Way(
        False, alone, lambda c, **o: train([config(c, **o)], devices=2)[0]
    ),
    "engine=scan": Way(False, alone, lambda c, **o: by_engine(c, engine="scan", **o)),
    "engine=fused:save=states,block=5": Way(
        False, alone, lambda c, **o: by_engine(c, engine="fused:save=states,block=5", **o)
    ),
    "remat_every=5": Way(False, alone, lambda c, **o: alone(c, **{"model.remat_every": 5, **o})),
}
"""Every other way, by its row in docs/determinism.md."""


def difference(one: Trained, other: Trained) -> float:
    """The largest relative difference of a parameter; 0 only where everything is bit for bit equal.

    Where parameters are equal and something else is not, a number below any rounding.
    """
    worst = 0.0
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    equal = all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
    params = (jax.tree.leaves(t.state.params) for t in (one, other))
    for a, b in zip(*params, strict=True):
        worst = max(worst, float(np.abs(a - b).max() / np.abs(a).max()))
    return worst or (0.0 if equal else sys.float_info.min)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        mesh.use_cores(2)
        mesh.cache_programs(Path(folder))
        _table()


def _table() -> None:
    print(f"jax {jax.__version__}, XLA_FLAGS={os.environ.get('XLA_FLAGS', '')!r}")
    for mode, cells in CELLS.items():
        option = {"model.precision": mode}
        heads = "".join(f"{cell:>12}" for cell in cells)
        print(f"\n{mode:<34}{heads}", flush=True)
        first = {(of, c): of(c, **option) for of in (alone, in_group) for c in cells}
        for name, way in WAYS.items():
            if not any(fnmatch.fnmatch(name, asked) for asked in sys.argv[1:] or "*"):
                continue
            found = [
                difference(first[way.reference, cell], way.compute(cell, **option))
                for cell in cells
            ]
            told = "".join(f"{'equal' if d == 0 else f'{d:.0e}':>12}" for d in found)
            broken = "   PROMISED" if way.promised and any(found) else ""
            print(f"{name:<34}{told}{broken}", flush=True)


if __name__ == "__main__":
    main()
