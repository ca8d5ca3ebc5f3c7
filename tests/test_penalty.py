"""Activation regularisers: AR and TAR by a loop, and as part of what training descends."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import B, H, T, X, close, leaky

from lstmx import models
from lstmx.train.penalty import penalty
from lstmx.train.step import train_step
from lstmx.types import Batch, Mean, Model, Task, TaskSpec, TrainState

WEIGHTS = {"ar": 2.0, "tar": 3.0}
MASK, RESETS = np.ones((B, T), bool), np.zeros((B, T), bool)
MASK[0, 2] = MASK[1, 5:] = False
RESETS[0, 5] = RESETS[1, 0] = True


def batch_of(xs):
    return Batch(xs, xs[..., :1], jnp.asarray(MASK, float), jnp.asarray(MASK), jnp.asarray(RESETS))


XS = jax.random.normal(jax.random.key(1), (B, T, X))
BATCH = batch_of(XS)


def by_hand(h):
    """AR and TAR over the steps that exist and the pairs that belong together."""
    squares, jumps = [], []
    for b in range(B):
        for t in range(T):
            if MASK[b, t]:
                squares.append(np.mean(h[b, t] ** 2))
            if t and MASK[b, t] and MASK[b, t - 1] and not RESETS[b, t]:
                jumps.append(np.mean((h[b, t] - h[b, t - 1]) ** 2))
    return np.mean(squares), np.mean(jumps)


def test_penalty_is_that_of_the_paper_where_steps_exist():
    h = np.random.default_rng(0).normal(size=(B, T, H))
    ar, tar = by_hand(h)
    got = penalty(jnp.asarray(h), BATCH, BATCH, WEIGHTS)
    np.testing.assert_allclose(got, 2 * ar + 3 * tar, rtol=1e-5)


def test_shards_add_up_to_the_penalty_of_the_whole_batch():
    h = jax.random.normal(jax.random.key(2), (B, T, H))
    cut = lambda b: jax.tree.map(lambda a: a[b : b + 1], (h, BATCH))
    parts = [penalty(*cut(b), BATCH, WEIGHTS) for b in range(B)]
    np.testing.assert_allclose(sum(parts), penalty(h, BATCH, BATCH, WEIGHTS), rtol=1e-5)


def loss(outputs, batch):
    errors = batch.weights[..., None] * (outputs - batch.targets) ** 2
    return {"loss": Mean(errors.sum(), batch.weights.sum())}


TASK = Task(TaskSpec(X, 1, T, B, "loss", False, 1.0), lambda key, step: BATCH, loss)


@pytest.mark.parametrize("hparams", [WEIGHTS, pytest.param(None, marks=pytest.mark.slow)])
def test_training_descends_the_mean_loss_and_the_penalty(hparams):
    model = models.sequence_model([leaky(H), leaky(4)], X, 1)
    params = model.init(jax.random.key(0))
    state = model.initial_state(params, (B,))

    def objective(params):
        how = {"mask": BATCH.mask, "resets": BATCH.resets}
        outputs, _, trace = model.apply(params, XS, state, **how, return_trace=True)
        found = loss(outputs, BATCH)["loss"]
        h = jnp.where(BATCH.mask[..., None], trace["layer_1"].states.h, 0)
        added = penalty(h, BATCH, BATCH, hparams) if hparams else 0.0
        return found.total / found.count + added, added

    graded = jax.grad(objective, has_aux=True)
    slopes, added = jax.jit(graded)(params)
    optimizer = optax.sgd(1.0)
    now = TrainState(jnp.int32(0), params, optimizer.init(params), state)
    descend = functools.partial(train_step, TASK, model, optimizer, hparams=hparams)
    new, metrics = jax.jit(descend)(now, jax.random.key(3))
    close(new.params, jax.tree.map(jnp.subtract, params, slopes))
    if hparams:
        np.testing.assert_allclose(metrics["penalty"].total, added, rtol=1e-5)
    else:
        assert "penalty" not in metrics


def test_the_loss_is_traced_once_where_one_shard_sees_the_whole_batch():
    traced = []
    task = TASK._replace(loss=lambda *arguments: traced.append(1) or loss(*arguments))
    model = models.sequence_model(leaky(H), X, 1)
    params = model.init(jax.random.key(0))
    optimizer = optax.sgd(1.0)
    state = model.initial_state(params, (B,))
    now = TrainState(jnp.int32(0), params, optimizer.init(params), state)
    descend = functools.partial(train_step, task, model, optimizer, hparams=WEIGHTS)
    jax.eval_shape(descend, now, jax.random.key(3))
    assert len(traced) == 1


def test_a_model_that_shows_nothing_is_refused():
    model = models.sequence_model(leaky(H), X, 1)
    params = model.init(jax.random.key(0))
    now = TrainState(jnp.int32(0), params, (), model.initial_state(params, (B,)))
    bare = Model(model.init, model.initial_state, model.apply)
    with pytest.raises(ValueError, match=r"hparams\.ar and hparams\.tar need a model") as error:
        train_step(TASK, bare, optax.sgd(1.0), now, jax.random.key(0), WEIGHTS)
    assert "\n" not in str(error.value)
