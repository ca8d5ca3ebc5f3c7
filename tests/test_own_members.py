"""A user's own cell, task and config, by dotted name: one file each, nothing of lstmx is touched.

The three files are the ones that docs/members.md shows.
"""

import sys
from pathlib import Path

import pytest

from lstmx import cells, runs, tasks, testing

CELL = '''\
"""JANET, the LSTM with only a forget gate. van der Westhuizen & Lasenby 2018, arXiv:1804.04849.

    f = sigma(a_f)   z = tanh(a_z)   c' = f c + (1 - sigma(a_f - beta)) z   a = W x + R c + b
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import Cell


class JanetState(NamedTuple):
    """c: cell and output, [B, H]."""

    c: jax.Array


def cell(hidden_size: int = 64, *, beta: float = 1.0) -> Cell:
    """A JANET of `hidden_size` units."""

    def init(key, in_features):
        key_W, key_R = jax.random.split(key)
        normal = jax.nn.initializers.lecun_normal()
        return {
            "W": normal(key_W, (in_features, 2 * hidden_size)),
            "R": normal(key_R, (hidden_size, 2 * hidden_size)),
            "b": jnp.concatenate([jnp.ones(hidden_size), jnp.zeros(hidden_size)]),
        }

    def initial_state(params, batch_shape):
        return JanetState(jnp.zeros((*batch_shape, hidden_size)))

    def step(params, state, x, noise=()):
        a = x @ params["W"] + state.c @ params["R"] + params["b"]
        a_f, a_z = jnp.split(a, 2, axis=-1)
        f, i, z = jax.nn.sigmoid(a_f), jax.nn.sigmoid(beta - a_f), jnp.tanh(a_z)
        c = f * state.c + i * z
        return JanetState(c), c, {"f": f, "i": i, "z": z}

    gates = ("f", "i", "z")
    return Cell(init, initial_state, step, hidden_size, gates, output="c")
'''

TASK = '''\
"""Delayed recall: which bit was it, `delay` steps ago? Asked at every step that has an answer.

Baseline: guess; half of the answers are right.
"""

import jax
import jax.numpy as jnp

from lstmx.types import Batch, Mean, Task, TaskSpec

SPLITS = ("train", "valid", "test")


def task(
    *, batch_size: int = 32, split: str = "train", length: int = 20, delay: int = 3
) -> Task:
    """Random bits [B, T, 1]; outputs [B, T, 2] are the logits of 0 and 1."""
    if split not in SPLITS:
        raise ValueError(f"split={split!r}; expected one of {', '.join(SPLITS)}")
    if not 0 <= delay < length:
        raise ValueError(f"delay={delay}; expected 0 or more, and below length={length}")

    def batch(key, step):
        key = jax.random.fold_in(key, SPLITS.index(split))  # every split has its own examples
        bits = jax.random.bernoulli(key, shape=(batch_size, length))
        every = jnp.ones((batch_size, length), bool)
        return Batch(
            inputs=bits[..., None].astype(float),
            targets=jnp.roll(bits, delay, axis=1).astype(int),
            weights=(jnp.arange(length) >= delay) * every.astype(float),
            mask=every,
            resets=jnp.zeros_like(every).at[:, 0].set(True),
        )

    def loss(outputs, batch):
        log_p = jax.nn.log_softmax(outputs)
        nll = -jnp.take_along_axis(log_p, batch.targets[..., None], axis=-1)[..., 0]
        right = outputs.argmax(-1) == batch.targets
        mean = lambda values: Mean(jnp.sum(values * batch.weights), jnp.sum(batch.weights))
        return {"loss": mean(nll), "accuracy": mean(right)}

    spec = TaskSpec(
        in_features=1,
        out_features=2,
        length=length,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=0.5,
        solved=0.99,
    )
    return Task(spec, batch, loss)
'''

CONFIG = '''\
"""Delayed recall with JANET.

Expect:  accuracy 1.0 on both evaluations after 500 steps (a guess: .5).
"""

from lstmx import config as cfg


def get_config():
    """The recipe."""
    c = cfg.base()
    c.task = cfg.task("my_lab.recall", delay=2)
    c.model.cell = cfg.cell("my_lab.janet", hidden_size=32)
    c.hparams.learning_rate = 1e-2
    c.steps = 500
    c.evals = {"valid": {"split": "valid"}, "T40": {"split": "test", "length": 40}}
    return c
'''


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The folder in which a user works, on the path of Python."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "my_lab").mkdir()
    for name, text in (("my_lab/janet", CELL), ("my_lab/recall", TASK), ("recall", CONFIG)):
        (folder / f"{name}.py").write_text(text)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def test_own_cell_answers_the_public_questions(lab):
    testing.check_cell(cells.make("my_lab.janet", hidden_size=5))


def test_own_task_answers_the_public_questions(lab):
    testing.check_task(tasks.make("my_lab.recall", batch_size=4, length=7))


@pytest.mark.slow
def test_own_members_train_through_the_launcher(lab, launch):
    words = "train --config=recall.py --workdir=runs --config.steps=20 --config.log_every=10"
    small = " --config.eval_every=20 --config.eval_batches=1 --config.model.cell.beta=0.5"
    ended = launch(words + small, lab, PYTHONPATH=str(lab))
    assert ended.code == 0, ended.err
    (path,) = runs.find(lab / "runs")
    run = runs.load(path)
    assert run.done["reason"] == "steps"
    assert run.config["model"]["cell"] == {"name": "my_lab.janet", "hidden_size": 32, "beta": 0.5}
    assert run.meta["selection"] == "eval/valid/accuracy"
    assert 0 < run.metrics[-1]["eval/T40/accuracy"] < 1
    assert run.params["layers"]["layer_0"]["R"].shape == (32, 64)
    again = launch(words + small, lab, PYTHONPATH=str(lab))  # the config file names the modules
    assert again.code == 0, again.err
    wrong = launch(f"{words} --config.model.cell.betta=1", lab, PYTHONPATH=str(lab))
    assert "did you mean 'model.cell.beta'" in wrong.err
    assert wrong.code == 2


def test_the_documentation_shows_these_files():
    page = (Path(__file__).parents[1] / "docs" / "members.md").read_text("utf-8")
    for text in (CELL, TASK, CONFIG):
        assert text in page
