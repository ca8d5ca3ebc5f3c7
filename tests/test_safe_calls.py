"""Calls that other libraries and settings provoke: each computes, or is refused in one line."""

import importlib

import jax
import jax.numpy as jnp
import pytest
from helpers import B, H, T, X, leaky

from lstmx import cells, models, wrappers
from lstmx.models import Backbone, Readout, Stack
from lstmx.sequence import unroll
from lstmx.testing import oracles

LSTM, GRU = (cells.make(name, hidden_size=H) for name in ("lstm", "gru"))
XS = jax.random.normal(jax.random.key(1), (B, T, X))
MASK = jnp.arange(B * T).reshape(B, T) % 3 > 0
KEY = jax.random.key(7)


def traced(cell, xs, gradient=True, **options):
    """Trace an unroll and the gradients of all that it returns; nothing is run."""

    def total(params, xs):
        return sum(a.sum() for a in jax.tree.leaves(unroll(cell, params, xs, **options)))

    params = jax.eval_shape(lambda key: cell.init(key, X), jax.random.key(0))
    return jax.eval_shape(jax.grad(total) if gradient else total, params, xs)


# Ranks are promoted explicitly: jax_numpy_rank_promotion="raise" forbids JAX to do it.


@pytest.mark.parametrize("name", cells.names())
def test_cells_promote_no_ranks(name):
    oracle = importlib.import_module(f"reference.{name}")
    for number, options in enumerate(oracle.CASES.values()):
        options = {"hidden_size": 6} | options
        with jax.enable_x64(True):
            xs = oracles.inputs(oracle, options, batch_size=B, length=T, X=X)
        cell, xs = cells.make(name, **options), jnp.asarray(xs, jnp.float32)
        with jax.numpy_rank_promotion("raise"):
            lengths = jnp.array([7, 3])
            traced(cell, xs, number == 0, resets=MASK, lengths=lengths, return_trace=True)


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
@pytest.mark.parametrize("engine", ["associative", "fused:hoist=true,block=3,save=states"])
def test_engines_promote_no_ranks(name, engine):
    with jax.numpy_rank_promotion("raise"):
        traced(cells.make(name, hidden_size=H), XS, engine=engine, resets=MASK, mask=MASK)


WRAPPED = {
    "zoneout": lambda cell: wrappers.zoneout(cell, {"h": 0.5}),
    "variational_dropout": lambda cell: wrappers.variational_dropout(cell, inputs=0.5, states=0.5),
    "weight_drop": lambda cell: wrappers.weight_drop(cell, 0.5),
    "update_dropout": lambda cell: wrappers.update_dropout(cell, 0.5),
    "learned_state": wrappers.learned_state,
    "clip_state": lambda cell: wrappers.clip_state(cell, {"h": 0.5}),
    "elapsed_decay": wrappers.elapsed_decay,
    "time_gate": lambda cell: wrappers.time_gate(cell, ("h",)),
    "mask_as_feature": wrappers.mask_as_feature,
    "impute": wrappers.impute,
    "decay_to_mean": wrappers.decay_to_mean,
}


def test_every_wrapper_is_asked():
    assert set(WRAPPED) == set(wrappers.names())


@pytest.mark.parametrize("wrapper", WRAPPED)
@pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])
def test_wrappers_promote_no_ranks(wrapper, key):
    with jax.numpy_rank_promotion("raise"):
        for cell in (LSTM, GRU):
            traced(WRAPPED[wrapper](cell), XS, key=key, mask=MASK, resets=MASK, return_trace=True)


@pytest.mark.parametrize(
    "options",
    [
        {"readout": Readout(shortcut=True)},
        {"stack": Stack("highway", dropout=0.5)},
        {"stack": Stack("graves", precision="bfloat16")},
        {"inputs": "token", "embed_features": 2},
        {"inputs": "token"},
    ],
)
def test_models_promote_no_ranks(options):
    backbone = Backbone((LSTM, GRU), X, 4, **options)
    inputs = jnp.ones((B, T), int) if backbone.inputs == "token" else XS

    def total(params, model):
        state = model.initial_state(params, (B,))
        return model.apply(params, inputs, state, mask=MASK, key=KEY)[0].sum()

    with jax.numpy_rank_promotion("raise"):
        for name in models.names():
            model = models.make(name, backbone)
            params = jax.eval_shape(model.init, KEY)
            jax.eval_shape(jax.grad(lambda p, m=model: total(p, m)), params)


def test_a_users_own_cell_is_as_strict_as_the_user_set_it():
    cell = leaky()  # adds a bias [G, H] to [B, G, H]
    params = cell.init(KEY, X)
    with (
        jax.numpy_rank_promotion("raise"),
        pytest.raises(ValueError, match="rank_promotion='raise'"),
    ):
        unroll(wrappers.zoneout(cell, {"h": 0.5}), params, XS)
