"""Calls that other libraries and settings provoke: each computes, or is refused in one line."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X, close, echo, leaky, same

from lstmx import cells, models, wrappers
from lstmx.models import Backbone, Readout, Stack
from lstmx.sequence import scan, unroll
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


# Batches without an example or without a step: a filter that left nothing, the last of many shards.

EMPTY = [(0, T), (B, 0), (0, 0)]
ENGINES = ["auto", "scan", "fused:block=2,save=boundaries", "fused:hoist=true,block=2,save=states"]


@pytest.mark.parametrize("name", cells.names())
def test_cells_take_an_empty_batch(name):
    conv = {"kernel_size": (3,)} if name == "conv_lstm" else {}
    cell = cells.make(name, hidden_size=H, **conv)
    for batch, length in EMPTY:
        xs = jnp.zeros((batch, length, *([4] if conv else []), X))
        traced(cell, xs, engine=ENGINES[2], mask=jnp.ones((batch, length), bool))


@pytest.mark.parametrize("engine", [*ENGINES, "associative"])
@pytest.mark.parametrize(("batch", "length"), EMPTY)
def test_an_empty_batch_has_empty_outputs_and_no_gradients(engine, batch, length):
    cell = cells.make("mingru", hidden_size=H)
    params, flags = cell.init(KEY, X), jnp.ones((batch, length), bool)

    def run(params):
        options = {"mask": flags, "resets": flags, "lengths": jnp.zeros(batch, int)}
        xs = jnp.zeros((batch, length, X))
        return unroll(cell, params, xs, engine=engine, return_trace=True, remat_every=3, **options)

    result = run(params)
    assert result.outputs.shape == result.trace.gates["z"].shape == (batch, length, H)
    assert result.state.h.shape == (batch, H)
    slopes = jax.grad(lambda params: run(params).outputs.sum())(params)
    assert not any(a.any() for a in jax.tree.leaves(slopes))


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_wrappers_take_an_empty_batch(wrapper):
    for batch, length in EMPTY:
        xs = jnp.zeros((batch, length, X))
        traced(WRAPPED[wrapper](LSTM), xs, key=KEY, engine=ENGINES[2])


@pytest.mark.parametrize("inputs", ["token", "vector"])
def test_models_take_an_empty_batch(inputs):
    backbone = Backbone((LSTM, (GRU, LSTM)), X, 4, inputs, stack=Stack(remat_every=3))
    model = models.make("sequence", backbone)
    params = model.init(KEY)
    for batch, length in EMPTY:
        tokens = jnp.zeros((batch, length), int)
        xs = tokens if inputs == "token" else jnp.zeros((batch, length, X))
        state, mask = model.initial_state(params, (batch,)), jnp.ones((batch, length), bool)

        def total(params, xs=xs, state=state, mask=mask):
            outputs, _, _ = model.apply(params, xs, state, mask=mask, key=KEY)
            return outputs.sum(), outputs

        slopes, outputs = jax.grad(total, has_aux=True)(params)
        assert outputs.shape == (*tokens.shape, 4)
        assert not any(a.any() for a in jax.tree.leaves(slopes))


def test_the_cudnn_engine_asks_no_kernel_for_an_empty_batch(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    for batch, length in EMPTY:
        traced(LSTM, jnp.zeros((batch, length, X)), engine="cudnn")


# Integers and booleans have tangents of type float0.


def counting(params, state, x):
    """A step whose state counts, whose input has a token, and whose parameters have a flag."""
    h, count = state
    a = x["vector"] @ params["W"] + h @ params["R"] + params["E"][x["token"]]
    h = jnp.where(params["flag"], jnp.tanh(a), a) + 0.1 * count[:, None]
    return (h, count + x["token"]), (h, count)


@pytest.mark.parametrize("outermost", [lambda f: f, jax.jit], ids=["plain", "jit"])
@pytest.mark.parametrize("engine", [*ENGINES, "fused:block=3,save=sites"])
def test_integers_have_no_tangents(engine, outermost):
    sizes = {"W": (X, H), "R": (H, H), "E": (4, H)}
    params = {k: jax.random.normal(KEY, shape) for k, shape in sizes.items()}
    params["flag"] = jnp.array(True)
    state = jnp.zeros((B, H)), jnp.zeros(B, int)
    xs = {"vector": jnp.swapaxes(XS, 0, 1), "token": jnp.arange(T * B).reshape(T, B) % 4}

    def tangent(a):
        is_float = jnp.issubdtype(a.dtype, jnp.floating)
        return 0.1 + jnp.zeros_like(a) if is_float else np.zeros(a.shape, jax.dtypes.float0)

    def derivative(engine):
        run = outermost(lambda *arguments: scan(counting, *arguments, engine=engine))
        arguments = (params, state, xs)
        return jax.jvp(run, arguments, jax.tree.map(tangent, arguments))

    (values, changes), (expected, expected_changes) = derivative(engine), derivative("scan")
    close(values, expected)
    assert changes[0][1].dtype == changes[1][1].dtype == jax.dtypes.float0
    close((changes[0][0], changes[1][0]), (expected_changes[0][0], expected_changes[1][0]))


# Keys: "rbg", the usual one on TPUs, is no default, and the old keys are plain arrays.

NOISY = ["zoneout", "variational_dropout", "weight_drop", "update_dropout"]


@pytest.mark.parametrize("wrapper", NOISY)
@pytest.mark.parametrize("implementation", ["rbg", "unsafe_rbg"])
def test_keys_of_any_implementation_make_one_noise_for_all_engines(wrapper, implementation):
    cell = WRAPPED[wrapper](LSTM)
    params = cell.init(KEY, X)

    def run(params, engine, seed):
        key = jax.random.key(seed, impl=implementation)
        return unroll(cell, params, XS, key=key, engine=engine).outputs.sum()

    value = jax.value_and_grad(run)
    expected = value(params, "scan", 0)
    for engine in ENGINES[2:]:
        close(value(params, engine, 0), expected, 1e-4, 1e-5)
    assert run(params, "scan", 1) != expected[0]
    assert run(params, "scan", 0) != unroll(cell, params, XS).outputs.sum()


def test_each_example_has_a_mask_of_its_own_and_keeps_it():
    cell = wrappers.variational_dropout(echo(40), inputs=0.5, names=("h",))
    cell = cell._replace(initial_state=echo(40).initial_state)
    xs = jnp.ones((B, T, 40))
    kept = unroll(cell, {}, xs, key=jax.random.key(0, impl="rbg")).outputs != 0
    assert 0.2 < kept.mean() < 0.8
    assert (kept == kept[:, :1]).all()
    assert (kept[0] != kept[1]).any()


@pytest.mark.parametrize("wrapper", NOISY)
def test_old_keys_are_those_of_today(wrapper):
    cell = WRAPPED[wrapper](LSTM)
    params = cell.init(KEY, X)
    old = unroll(cell, params, XS, key=jax.random.PRNGKey(7)).outputs
    same(old, unroll(cell, params, XS, key=jax.random.key(7)).outputs)


def test_the_names_that_others_give_to_axes_are_theirs():
    """`vmap(..., axis_name="batch")` is the convention of Equinox, and of Flax' examples."""
    cell = WRAPPED["variational_dropout"](LSTM)
    params, keys = cell.init(KEY, X), jax.random.split(KEY, B)
    one = lambda x, key: unroll(cell, params, x[None], key=key).outputs[0]
    expected = jax.vmap(one)(XS, keys)
    for name in ("batch", "replica", "data", "i"):
        named = jax.vmap(one, axis_name=name)
        same(named(XS, keys), expected)
        assert str(jax.make_jaxpr(named)(XS, keys)) == str(jax.make_jaxpr(jax.vmap(one))(XS, keys))
