"""Engines: each equals the reference engine in values and derivatives, or says why it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, T, X, near, weighed
from jax.experimental import rnn
from test_cells import cases, inputs, quick

from lstmx import cells, engines, unroll
from lstmx.engines._plan import even, parse
from lstmx.testing.oracles import sample_params

SETTINGS = [  # T = 7: blocks that divide it, that do not, and single steps
    "block=7,save=results,turn=true",
    "block=3,save=results,hoist=true",
    "block=3,save=states,turn=false",
    "block=3,save=boundaries,hoist=true",
    "block=1,save=boundaries",
    "block=2,save=sites,turn=true",
]
LINEAR = [name for name in cells.names() if cells.make(name).linear is not None]
XS = np.random.default_rng(1).normal(size=(B, T, X))
RESETS, MASK = np.zeros((B, T), bool), np.ones((B, T), bool)
RESETS[0, 3] = RESETS[1, 0] = RESETS[1, 5] = True
MASK[0, 2] = MASK[1, 5] = MASK[0, 6] = MASK[1, 0] = False


def case_of(cell, xs, dtype=np.float64):
    params = jax.tree.map(lambda a: jnp.asarray(a, dtype), sample_params(cell))
    xs = jnp.asarray(xs, dtype)
    rng = np.random.default_rng(4)
    start = cell.initial_state(params, (B, *xs.shape[2:-1]))
    state = jax.tree.map(lambda a: a + jnp.asarray(0.1 * rng.uniform(size=a.shape), dtype), start)
    return params, state, xs


def derivatives(cell, engine, second=True, **options):
    """(params, state, xs) -> values, gradients, tangent, Hessian-vector product; compiled once."""

    def loss(*at):
        params, state, xs = at
        result = unroll(cell, params, xs, state, engine=engine, **options)
        return weighed(result), result

    def run(*at):
        gradient = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
        along = jax.tree.map(
            lambda a: jnp.sin(1.0 + jnp.arange(a.size)).reshape(a.shape).astype(a.dtype), at
        )
        if not second:
            return gradient(*at)
        gradients, hessian, result = jax.jvp(gradient, at, along, has_aux=True)
        return result, gradients, hessian, jax.jvp(lambda *a: loss(*a)[0], at, along)[1]

    return jax.jit(run)


def everything(reverse):
    return {"resets": RESETS, "mask": MASK, "reverse": reverse, "return_trace": True}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "settings", "reverse"),
    [
        pytest.param(*case.values, SETTINGS[k % len(SETTINGS)], k % 2 == 1, id=case.id)
        for k, case in enumerate(cases(lambda name: quick(name)[:1]))
    ],
)
def test_fused_equals_the_reference_with_all_derivatives(x64, name, options, settings, reverse):
    cell = cells.make(name, **options)
    at = case_of(cell, inputs(name, options))
    got, expected = (
        derivatives(cell, engine, **everything(reverse))(*at)
        for engine in (f"fused:{settings}", "scan")
    )
    near(got, expected, 1e-12)


QUICK = {
    "lstm": "block=3,save=results,hoist=true,turn=true",
    "gru": "block=3,save=boundaries",
    "layer_norm_lstm": "block=3,save=states",
}


@pytest.mark.compiled
@pytest.mark.parametrize("name", QUICK)
def test_fused_equals_the_reference_in_values_and_gradients(name):
    cell = cells.make(name, hidden_size=6)
    at = case_of(cell, inputs(name, {}), np.float32)
    got, expected = (
        derivatives(cell, engine, second=False, **everything(False))(*at)
        for engine in (f"fused:{QUICK[name]}", "scan")
    )
    near(got, expected, 1e-5)


@pytest.mark.slow
def test_fused_can_be_differentiated_backwards_twice(x64):
    cell = cells.make("lstm", variant="V", hidden_size=3)
    params, state, xs = case_of(cell, XS)

    def twice(engine):
        loss = lambda p: weighed(unroll(cell, p, xs, state, engine=engine).outputs)
        gradient = jax.grad(lambda p: weighed(jax.grad(loss)(p)))
        return jax.jit(gradient)(params)

    near(twice("fused:block=4,save=boundaries"), twice("scan"), 1e-12)


@pytest.mark.slow
def test_fused_maps_over_parameters_and_examples(x64):
    cell = cells.make("gru", hidden_size=3)
    params, _, xs = case_of(cell, XS)
    several = jax.tree.map(lambda a: jnp.stack([a, 2 * a, -a]), params)

    def gradients(engine):
        loss = lambda p, x: weighed(unroll(cell, p, x[None], engine=engine).outputs)
        by_example = jax.vmap(jax.grad(loss), (None, 0))
        return jax.jit(jax.vmap(by_example, (0, None)))(several, xs)

    near(gradients("fused"), gradients("scan"), 1e-12)


def test_gradient_of_the_inputs_alone_and_of_nothing_but_the_state():
    cell = cells.make("lstm", hidden_size=3)
    params, state, xs = case_of(cell, XS, np.float32)
    for number in (1, 2):

        def gradient(engine, number=number):
            loss = lambda *at: weighed(unroll(cell, at[0], at[2], at[1], engine=engine).outputs)
            gradient = jax.jit(jax.grad(loss, number))
            return gradient(params, state, xs)

        near(gradient("fused"), gradient("scan"), 1e-5)


@pytest.mark.compiled
@pytest.mark.parametrize("engine", ["fused", "associative"])
def test_no_nan_of_a_masked_step_reaches_results_or_gradients(engine):
    cell = cells.make("mingru", hidden_size=3)
    params, state, xs = case_of(cell, XS, np.float32)
    holes = jnp.where(MASK[..., None], xs, jnp.nan)
    run = derivatives(cell, engine, second=False, mask=MASK, resets=RESETS)
    for leaf in jax.tree.leaves(run(params, state, holes)):
        assert np.isfinite(leaf).all()


@pytest.mark.parametrize("remat_every", [None, 3])
@pytest.mark.parametrize("engine", ["scan", "fused"])
def test_no_steps_leave_the_state_and_no_gradient(engine, remat_every):
    cell = cells.make("lstm", hidden_size=3)
    params, state, _ = case_of(cell, XS, np.float32)

    def loss(params, state):
        empty = jnp.zeros((B, 0, X))
        result = unroll(cell, params, empty, state, engine=engine, remat_every=remat_every)
        assert result.outputs.shape == (B, 0, 3)
        return weighed(result.state)

    of_params, of_state = jax.jit(jax.grad(loss, argnums=(0, 1)))(params, state)
    assert not any(leaf.any() for leaf in jax.tree.leaves(of_params))
    near(of_state, jax.grad(weighed)(state), 1e-6)


def temporary_bytes(engine, remat_every=None):
    cell = cells.make("lstm", hidden_size=16)
    params = cell.init(jax.random.key(0), 2)
    xs = jnp.ones((4, 1000, 2))
    loss = lambda p: unroll(cell, p, xs, engine=engine, remat_every=remat_every).outputs.sum()
    program = jax.jit(jax.grad(loss)).lower(params).compile()
    return program.memory_analysis().temp_size_in_bytes


@pytest.mark.slow
def test_less_is_saved_the_more_is_computed_again():
    everything, states, boundaries, remat = (
        temporary_bytes(*how)
        for how in (
            ("fused:block=40,save=results",),
            ("fused:block=40,save=states",),
            ("fused:block=40,save=boundaries",),
            ("fused", 40),
        )
    )
    assert everything > 1.2 * states > 12 * boundaries
    assert remat == boundaries


@pytest.mark.slow
@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("remat_every", [None, 3])
def test_associative_equals_the_loop_with_carried_state_masks_and_resets(x64, name, remat_every):
    cell = cells.make(name, hidden_size=6)
    at = case_of(cell, XS)
    options = everything(True) | {"remat_every": remat_every}
    got, expected = (
        derivatives(cell, engine, second=False, **options)(*at)
        for engine in ("associative", "scan")
    )
    near(got, expected, 1e-12)


@pytest.mark.parametrize("name", LINEAR)
def test_a_reset_stops_what_is_not_finite(name):
    """In the carried state, and in what an input made of it: by every engine."""
    cell = cells.make(name, hidden_size=3)
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (2, 6, 2)).at[1, 1].set(jnp.nan)
    resets = jnp.zeros((2, 6), bool).at[0, 0].set(True).at[1, 3].set(True)
    start = jax.tree.map(lambda a: a.at[0].set(jnp.inf), cell.initial_state(params, (2,)))
    expected, *others = (
        unroll(cell, params, xs, start, resets=resets, engine=engine).outputs
        for engine in ("scan", "associative", "fused")
    )
    assert bool(jnp.isfinite(expected[0]).all())
    assert bool(jnp.isfinite(expected[1, 3:]).all())
    for got in others:
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("engine", "line"),
    [
        ("fusd", "unknown engine 'fusd'; did you mean 'fused'"),
        ("scan:block=3", "unknown engine 'scan:block=3'"),
        ("fused:blok=3", "unknown setting of engine 'fused' 'blok'; did you mean 'block'"),
        ("fused:block=0", "block=0; expected a number of steps"),
        ("fused:block=many", "block=many; expected a number of steps"),
        ("fused:save=some", "save=some; expected one of results, sites, states, boundaries"),
        ("fused:hoist=yes", "hoist=yes; expected one of true, false"),
        ("associative", "needs a cell that is linear"),
        ("cudnn", "needs an NVIDIA GPU; this process runs on cpu"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_in_one_line(engine, line):
    cell = cells.make("lstm", hidden_size=3)
    with pytest.raises(ValueError, match=line) as error:
        unroll(cell, cell.init(jax.random.key(0), X), XS, engine=engine)
    assert "\n" not in str(error.value)


def test_auto_is_the_fused_engine_and_on_an_accelerator_the_associative_one(monkeypatch):
    linear, lstm = cells.make("mingru"), cells.make("lstm")
    assert engines.choose(lstm) == engines.choose(linear) == "fused"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert engines.choose(lstm) == "fused"
    assert engines.choose(linear) == "associative"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((100, 16, 64), "hoist=false,block=100,save=results,turn=true"),
        ((100, 16, 64, 40_000), "hoist=false,block=1,save=results,turn=true"),
        ((100, 16, 64, 40_001), "hoist=false,block=100,save=results,turn=true"),
        ((120, 15, 64, 40_000), "hoist=false,block=120,save=results,turn=true"),
        ((97, 16, 64, 40_000), "hoist=false,block=97,save=results,turn=true"),
        ((1000, 1, 256), "hoist=true,block=1000,save=results,turn=false"),
        ((784, 32, 128), "hoist=false,block=28,save=sites,turn=true"),
        ((35, 20, 650), "hoist=true,block=35,save=results,turn=false"),
    ],
)
def test_plan_follows_from_shapes_and_reads_itself(shape, expected):
    plan = engines.plan(*shape[:3], weights=shape[3] if len(shape) > 3 else None)
    assert str(plan) == f"fused:{expected}"
    assert engines.Plan(**parse(expected)) == plan


@pytest.mark.parametrize(
    ("length", "size", "block"), [(784, 31, 28), (100, 1000, 100), (97, 10, 10)]
)
def test_block_is_even_where_a_divisor_is_near(length, size, block):
    assert even(length, size) == block


def test_cudnn_gets_the_weights_that_its_reference_needs(monkeypatch):
    """On a CPU, with the pure JAX form that JAX ships beside the binding in its place."""

    def reference(x, h, c, weights, lengths, **sizes):
        layout = {k: v for k, v in sizes.items() if k != "dropout"}
        return rnn.lstm_ref(x, h, c, *rnn.unpack_lstm_weights(weights, **layout), lengths, **sizes)

    cell = cells.make("lstm", hidden_size=5)
    params, state, xs = case_of(cell, XS, np.float32)
    expected = unroll(cell, params, xs, state, reverse=True)
    monkeypatch.setattr(rnn, "lstm", reference)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    near(unroll(cell, params, xs, state, reverse=True, engine="cudnn"), expected, 1e-5)


@pytest.mark.parametrize(
    ("options", "unrolled", "line"),
    [
        ({"variant": "V"}, {}, "computes the plain LSTM only"),
        ({"projection": 2}, {}, "computes the plain LSTM only"),
        ({"output_activation": "identity"}, {}, "computes the plain LSTM only"),
        ({}, {"mask": MASK}, "supports no resets, masks"),
        ({}, {"resets": RESETS}, "supports no resets, masks"),
        ({}, {"return_trace": True}, "supports no resets, masks, lengths or traces"),
    ],
)
def test_cudnn_refuses_what_its_kernel_does_not_compute(monkeypatch, options, unrolled, line):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    cell = cells.make("lstm", hidden_size=4, **options)
    with pytest.raises(ValueError, match=line):
        unroll(cell, cell.init(jax.random.key(0), X), XS, engine="cudnn", **unrolled)


def test_cudnn_does_not_compute_a_cell_that_a_wrapper_has_changed():
    cell = cells.make("lstm", hidden_size=4)
    changed = cell._replace(step=lambda *now: cell.step(*now))
    assert "no further option or wrapper" in engines.refusal("cudnn", changed)
    assert "NVIDIA" in engines.refusal("cudnn", cell)


@pytest.mark.parametrize("name", ["lstm", "mingru"])
def test_gradient_of_the_bias_alone(x64, name):
    cell = cells.make(name, hidden_size=5)
    params, state, xs = case_of(cell, XS)

    def loss(b, engine):
        return weighed(unroll(cell, {**params, "b": b}, xs, state, engine=engine).outputs)

    slope = jax.jit(jax.grad(loss), static_argnames="engine")
    got, expected = (slope(params["b"], e) for e in ("fused:block=3", "scan"))
    near(got, expected, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["scan", "fused"])
def test_two_levels_of_rematerialisation_change_no_derivative(x64, engine):
    cell = cells.make("gru", hidden_size=5, reset="before")
    at = case_of(cell, np.random.default_rng(1).normal(size=(B, 11, X)))
    got, expected = (derivatives(cell, engine, remat_every=remat)(*at) for remat in ((5, 2), None))
    near(got, expected, 1e-12)


@pytest.mark.slow
def test_two_levels_of_rematerialisation_save_less_than_one():
    one, two = (temporary_bytes("fused", remat) for remat in (32, (100, 10)))
    assert two < 0.7 * one


@pytest.mark.parametrize("remat_every", [0, (10, 0), (10, 10)])
def test_blocks_that_are_none_are_refused(remat_every):
    cell = cells.make("rnn", hidden_size=5)
    with pytest.raises(
        ValueError, match=r"remat_every=.*; expected (at least 1|a number of steps)"
    ):
        unroll(cell, sample_params(cell), jnp.asarray(XS), remat_every=remat_every)
