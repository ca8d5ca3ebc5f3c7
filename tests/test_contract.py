"""The numbers that come out: losses of the first updates of small configs, and their evaluations.

Whatever computes a number stands between these configs and their losses: keys, batches, initial
values, cells, wrappers, dropout, optimizers, schedules, carried state, evaluation. What they are
compared with is in `contract.json`. This writes it anew, of all configs or of those that are named:

    python tests/test_contract.py zoneout

Two programs may have the same numbers and not the same speed: the last tests look at the program.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import equations

from lstmx import config as cfg
from lstmx import experiment, runs

RECORDED = Path(__file__).with_name("contract.json")
UPDATES = 6
TOLERANCE = 1e-4
"""Relative. Two generations of JAX, other engines, LLVM's optimisations on and off, one device and
two differ by 7e-7 at most (jax 0.10.2 and 0.12.0, x86), float64 without noise by 4.4e-6."""
CHANGED = """
The numbers of a training run have changed. Where nothing but speed or structure should have, this
is an error: look for another key, another order of draws, another default. Where the change is
meant, write the numbers anew with

    python tests/test_contract.py {name!r}

and say in CHANGELOG.md that runs with these settings come out otherwise than before, and why.
"""
LSTM, GRU, RNN = (cfg.cell(name, hidden_size=5) for name in ("lstm", "gru", "rnn"))
ADDING = cfg.task("adding", length=7, batch_size=8)
TEXT = "the quick brown fox jumps over the lazy dog; " * 4


def config(task, cell, **changes):
    c = cfg.base()
    c.name = "contract"
    c.steps, c.log_every, c.eval_every, c.eval_batches = UPDATES, 1, UPDATES, 2
    c.hparams.learning_rate = 0.03
    c.task, c.model.cell = task, cell
    return cfg.resolve(c, changes)


def plain(folder):
    c = config(ADDING, LSTM)
    return [c, cfg.resolve(c, {"seed": 1, "hparams.learning_rate": 0.1})]


def dropout_and_skip_links(folder):
    stack = {"model.layers": 2, "model.skip_connections": "graves", "model.dropout": 0.3}
    return [
        config(ADDING, RNN, **stack, **{"optimizer.name": "adamw", "hparams.weight_decay": 1.0})
    ]


def curriculum(folder):
    optimizer = {"name": "rmsprop", "schedule": "cosine", "warmup_steps": 2}
    changes = {f"optimizer.{key}": value for key, value in optimizer.items()}
    return [config(ADDING, RNN, curriculum=((0, {"length": 4}), (3, {})), **changes)]


def carried_state_of_embedded_tokens(folder):
    """Truncated back-propagation through time: windows of 6 characters, one after the other."""
    file = folder / "text.txt"
    file.write_text(TEXT)
    task = cfg.task("characters", source="file", file=str(file), batch_size=2, window=6)
    return [config(task, LSTM, **{"model.embed_features": 3, "optimizer.name": "sgd"})]


def bidirectional_classifier(folder):
    task = cfg.task("temporal_order", length=10, batch_size=8)
    return [config(task, GRU, **{"model.bidirectional": True})]


def zoneout(folder):
    wrapper = ("zoneout", {"rates": {"c": 0.3, "h": 0.1}})
    return [config(ADDING, LSTM, **{"model.wrappers": (wrapper,)})]


CONFIGS = {
    made.__name__: made
    for made in (
        plain,
        dropout_and_skip_links,
        curriculum,
        carried_state_of_embedded_tokens,
        bidirectional_classifier,
        zoneout,
    )
}


def measured(name, folder):
    """Label of a run -> name of a loss or of a metric of evaluation -> its values in order."""
    configs = CONFIGS[name](folder)
    labels = [f"seed {c.seed}" for c in configs]
    paths = runs.train(configs, folder / "runs", labels=labels, quiet=True)
    numbers = {}
    for label, path in zip(labels, paths, strict=True):
        points = runs.load(path).metrics
        keys = [k for k in points[-1] if k == "train/loss" or k.startswith("eval/")]
        numbers[label] = {k: [p[k] for p in points if k in p] for k in sorted(keys)}
    return numbers


def departures(numbers, expected):
    """Lines that say which numbers are not those expected."""
    lines = []
    for run, series in expected.items():
        for key in sorted({*series, *numbers[run]}):
            got, want = numbers[run].get(key, []), series.get(key, [])
            if len(got) != len(want) or not np.allclose(got, want, TOLERANCE, TOLERANCE**2):
                lines.append(f"{run}: {key} is {got}, recorded {want}")
    return lines


@pytest.mark.parametrize("name", CONFIGS)
def test_losses_and_evaluations_are_those_recorded(name, tmp_path):
    expected = json.loads(RECORDED.read_text())[name]
    lines = departures(measured(name, tmp_path), expected)
    assert not lines, "\n".join([*lines, CHANGED.format(name=name)])


def large_products_in_loops(config):
    """Shapes of products in the loops over time of a training step that are as large as a weight.

    All sizes are different primes, so that no other product has as many entries.
    """
    exp = experiment.build(config)
    key = jax.random.key(0)
    state = jax.eval_shape(exp.init, dict(config.hparams), key)
    sizes = {leaf.size for leaf in jax.tree.leaves(state.params) if leaf.ndim > 1}
    program = jax.make_jaxpr(exp.chunk)(state, dict(config.hparams), key)
    loops = [
        eqn
        for eqn in equations(program.jaxpr)
        if eqn.primitive.name == "scan" and eqn.params["length"] == config.task.length
    ]
    assert {eqn.params["reverse"] for eqn in loops} == {False, True}
    inner = [e for eqn in loops for e in equations(eqn.params["jaxpr"].jaxpr)]
    products = [e.outvars[0].aval for e in inner if e.primitive.name == "dot_general"]
    assert products  # those with the recurrent weights
    return [product.shape for product in products if product.size in sizes]


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("cell", [LSTM, GRU, RNN], ids=lambda cell: cell.name)
def test_no_gradient_of_a_weight_is_multiplied_within_the_loop_of_a_training_step(cell, penalty):
    """That is what makes the default engine fast: one product over all steps instead of T."""
    task = cfg.task("adding", length=11, batch_size=13)
    c = config(task, cell, **{"hparams.ar": penalty, "model.layers": 2, "model.dropout": 0.3})
    assert not large_products_in_loops(c)


def test_gradients_multiplied_within_the_loop_are_seen():
    task = cfg.task("adding", length=11, batch_size=13)
    shapes = large_products_in_loops(config(task, GRU, **{"model.engine": "scan"}))
    assert len(shapes) >= 2  # W and R


def record(names):
    """Write the numbers of these configs anew."""
    numbers = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            made = measured(name, Path(folder))
        rounded = lambda series: {k: [float(f"{v:.7g}") for v in vs] for k, vs in series.items()}
        numbers[name] = {run: rounded(series) for run, series in made.items()}
    text = json.dumps({name: numbers[name] for name in CONFIGS}, indent=1)
    # A series is one line.
    text = re.sub(r"\[[^\]]*\]", lambda series: " ".join(series[0].split()), text)
    RECORDED.write_text(text + "\n")


if __name__ == "__main__":
    record(sys.argv[1:] or CONFIGS)
