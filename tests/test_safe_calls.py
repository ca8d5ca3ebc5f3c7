"""Calls that other libraries and settings provoke: each computes, or is refused in one line."""

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from helpers import B, H, T, X, close, echo, leaky, same

from lstmx import cells, models, nn, precision, wrappers
from lstmx.models import Backbone, Readout, Stack
from lstmx.sequence import bidirectional, init_stack, initial_states, scan, stack, unroll
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


WITHOUT_SHORTCUT = ("seq2seq", "convolutional")
"""Models that refuse a readout with a shortcut."""


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

    both = {"source": inputs, "target": jnp.ones((B, T), int), "teacher": jnp.zeros((B, T))}

    def total(params, model):
        state = model.initial_state(params, (B,))
        given = both if model.decoder else inputs
        return model.apply(params, given, state, mask=MASK, key=KEY)[0].sum()

    with jax.numpy_rank_promotion("raise"):
        for name in models.names():
            if backbone.readout.shortcut and name in WITHOUT_SHORTCUT:
                continue
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

    @jax.jit  # one program, not one for each operation
    def results(params):
        return run(params), jax.grad(lambda params: run(params).outputs.sum())(params)

    result, slopes = results(params)
    assert result.outputs.shape == result.trace.gates["z"].shape == (batch, length, H)
    assert result.state.h.shape == (batch, H)
    assert not any(np.any(a) for a in jax.tree.leaves(slopes))


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

        slopes, outputs = jax.jit(jax.grad(total, has_aux=True))(params)
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
    same(jax.jit(jax.vmap(one, axis_name="batch"))(XS, keys), jax.jit(jax.vmap(one))(XS, keys))
    for name in ("batch", "replica", "data", "i"):
        named = jax.vmap(one, axis_name=name)
        assert str(jax.make_jaxpr(named)(XS, keys)) == str(jax.make_jaxpr(jax.vmap(one))(XS, keys))


# A state, inputs and parameters that do not fit together are refused in one line.

PARAMS = LSTM.init(KEY, X)
STATE = LSTM.initial_state(PARAMS, (B,))


def refused(line, run, *arguments, **options):
    with pytest.raises(ValueError, match=line) as error:
        run(*arguments, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("state", "line"),
    [
        (LSTM.initial_state(PARAMS, (3,)), r"state.c is \(3, 5\); expected \(2, 5\).*B=2 examples"),
        (LSTM.initial_state(PARAMS, (1,)), r"state.c is \(1, 5\); expected \(2, 5\)"),
        (LSTM.initial_state(PARAMS, ()), r"state.c is \(5,\); expected \(2, 5\)"),
        (LSTM.initial_state(PARAMS, (1, B)), r"\(1, 2, 5\).*no axis of layers in front"),
        (STATE._replace(h=jnp.zeros((B, 4))), r"state.h is \(2, 4\); expected \(2, 5\)"),
        (
            GRU.initial_state({"R": STATE.h}, (B,)),
            r"state is GRUState\(h\); expected LSTMState\(c, h",
        ),
        (tuple(STATE), r"state is a tuple of 2; expected LSTMState\(c, h\)"),
        (STATE._asdict(), r"state is a dict with c, h; expected LSTMState\(c, h\)"),
        (STATE.h, r"state is an array \(2, 5\); expected LSTMState\(c, h\)"),
        (STATE._replace(c=STATE), r"state is LSTMState\(c=LSTMState\(c, h\), h\); expected LSTM"),
    ],
)
def test_states_that_do_not_fit_are_refused(engine, state, line):
    refused(line, unroll, LSTM, PARAMS, XS, state, engine=engine)
    time_major = jnp.swapaxes(XS, 0, 1)
    refused(line, unroll, LSTM, PARAMS, time_major, state, time_major=True)


def test_layers_and_directions_without_parameters_are_refused_by_name():
    layers = [LSTM, (GRU, GRU)]
    params = init_stack(layers, KEY, X)
    del params["layer_1"]["backward"]
    both = "params is a dict with forward; expected a dict with forward, backward"
    refused(both, stack, layers, params, XS)
    refused(both, bidirectional, layers[1], params["layer_1"], XS)
    del params["layer_1"]
    refused(
        "params is a dict with layer_0; expected a dict with layer_0, layer_1",
        stack,
        layers,
        params,
        XS,
    )
    highway = Stack("highway")
    same = init_stack([LSTM, LSTM], KEY, X)
    refused(
        "expected a dict with layer_0, layer_1, link_1",
        stack,
        [LSTM, LSTM],
        same,
        XS,
        stack=highway,
    )
    refused("params is LSTM.*|params is .*; expected a dict", stack, [LSTM], [PARAMS], XS)


def test_a_bidirectional_layer_is_not_reversed():
    layers = [(GRU, GRU)]
    params = init_stack(layers, KEY, X)
    for call, of in ((stack, layers), (bidirectional, layers[0])):
        own = params if call is stack else params["layer_0"]
        refused("runs both ways already", call, of, own, XS, reverse=True)
        plain, asked = call(of, own, XS).outputs, call(of, own, XS, reverse=False).outputs
        np.testing.assert_array_equal(plain, asked)


def test_numbers_in_place_of_arrays_over_time_are_refused_by_scan():
    step = lambda params, state, x: (state, x)
    refused(r"xs are \(\), \(\).*expected arrays \[T, ...\]", scan, step, {}, 0.0, [1.0, 2.0])


def test_pooling_by_attention_promotes_no_ranks():
    model = models.make("pooled", Backbone(LSTM, X, 4), pooling="attention")
    params = model.init(KEY)
    with jax.numpy_rank_promotion("raise"):
        assert model.apply(params, XS, mask=MASK)[0].shape == (B, T, 4)


def test_states_of_layers_that_do_not_fit_are_refused_by_name():
    layers = [LSTM, (GRU, GRU)]
    params = init_stack(layers, KEY, X)
    state = initial_states(layers, params, (B,))
    swapped = {"forward": state["layer_1"]["forward"], "backward": STATE}
    for wrong, line in [
        (STATE, r"state is LSTMState\(c, h\); expected a dict with layer_0, layer_1"),
        ({"layer_0": STATE}, "state is a dict with layer_0; expected a dict with layer_0, layer_1"),
        ({}, "state is a dict with no keys; expected a dict with layer_0"),
        (state | {"layer_1": STATE}, "LSTMState.*; expected a dict with forward, backward"),
        (state | {"layer_1": swapped}, r"layer_1: backward: state is LSTMState.*expected GRUState"),
        (initial_states(layers, params, (3,)), r"layer_0: state.c is \(3, 5\); expected \(2, 5\)"),
    ]:
        refused(line, stack, layers, params, XS, wrong)
    refused("expected a dict with forward", bidirectional, layers[1], params["layer_1"], XS, STATE)


MODEL = Backbone((LSTM, (GRU, GRU)), X, 4)


@pytest.mark.parametrize(
    "model",
    [
        models.make("sequence", MODEL),
        nn.as_model(lambda rngs: nn.SequenceModel(MODEL, rngs=rngs)),
        nn.as_model(lambda rngs: nn.Recurrent((LSTM, (GRU, GRU)), X, rngs=rngs)),
    ],
    ids=["model", "module", "recurrent"],
)
def test_models_refuse_states_that_do_not_fit(model):
    params = model.init(KEY)
    state = model.initial_state(params, (B,))
    assert model.apply(params, XS, state)[0].shape[:2] == (B, T)
    for wrong, line in [
        (model.initial_state(params, (3,)), r"layer_0: state.c is \(3, 5\); expected \(2, 5\)"),
        ({"layer_0": STATE, "layer_2": STATE}, "dict with layer_0, layer_2; expected .* layer_1"),
        (state | {"layer_1": STATE}, "expected a dict with forward, backward"),
        ({}, "state is a dict with no keys; expected a dict with layer_0, layer_1"),
        (STATE, r"state is LSTMState\(c, h\); expected a dict with layer_0, layer_1"),
    ]:
        refused(line, model.apply, params, XS, wrong)


def test_a_cell_module_refuses_what_does_not_fit():
    module = nn.CellModule(LSTM, X, rngs=nnx.Rngs(0))
    run = nnx.RNN(module, rngs=False)
    assert run(XS, initial_carry=STATE).shape == (B, T, H)
    wide = LSTM.initial_state(PARAMS, (3,))
    refused(r"state.c is \(3, 5\); expected \(2, 5\)", run, XS, initial_carry=wide)
    refused(r"state is an array .*; expected LSTMState", run, XS, initial_carry=STATE.h)
    refused(r"inputs are \(2, 4\); expected \[B, X=3\]", run, jnp.ones((B, T, 4)))


@pytest.mark.parametrize("wrapper", [None, *WRAPPED])
@pytest.mark.parametrize("width", [0, 1, 4])
def test_inputs_of_another_width_are_refused(wrapper, width):
    cell = WRAPPED[wrapper](LSTM) if wrapper else LSTM
    line = f"^inputs have X={width} features, but the parameters were made for another number"
    refused(line, unroll, cell, cell.init(KEY, X), jnp.ones((B, T, width)))


@pytest.mark.parametrize("name", cells.names())
def test_cells_refuse_inputs_of_another_width(name):
    conv = {"kernel_size": (3,)} if name == "conv_lstm" else {}
    cell = cells.make(name, hidden_size=H, **conv)
    params = jax.eval_shape(lambda key: cell.init(key, X), KEY)
    xs = jnp.ones((B, T, *([4] if conv else []), 2))
    line = r"made for another number: params\['\w+'\] is \(.*3.*\); expected \(.*2.*\) \(\w+: "
    refused(line, jax.eval_shape, lambda params: unroll(cell, params, xs), params)


def test_a_stack_names_the_layer_whose_parameters_do_not_fit():
    layers = [LSTM, (GRU, GRU)]
    params = init_stack(layers, KEY, X)
    line = "^layer_1: backward: inputs have X=5 features, but the parameters"
    wrong = params["layer_1"] | {"backward": GRU.init(KEY, 3)}
    refused(line, stack, layers, params | {"layer_1": wrong}, XS)


def test_parameters_of_another_cell_are_refused():
    other = "^the parameters are not those of the cell: params"
    refused(
        rf"{other}\['R'\] is \(5, 4, 5\); expected \(5, 3, 5\) \(\w+Error", unroll, GRU, PARAMS, XS
    )
    missing = rf"{other}\['b_hn'\] is missing; expected \(5,\) \(KeyError: 'b_hn'\)$"
    partial = {name: a for name, a in GRU.init(KEY, X).items() if name != "b_hn"}
    refused(missing, unroll, GRU, partial, XS)
    wrapped = wrappers.learned_state(LSTM)
    refused(rf"{other}\['cell'\]\['R'\] is missing", unroll, wrapped, PARAMS, XS, key=KEY)


def test_an_error_that_is_the_cells_own_stays_as_it_is():
    def step(params, state, x, noise=()):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        unroll(LSTM._replace(step=step), PARAMS, XS)
    line = r"a step turns state.h from float32\[2, 5\] into float32\[2, 10\]"
    twice = lambda p, s, x, noise: (s._replace(h=jnp.concatenate([s.h, s.h], -1)), s.h, {})
    refused(line, unroll, LSTM._replace(step=twice), PARAMS, XS)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_weights_in_half_precision_compute_on_float32_inputs(engine, half):
    params = jax.tree.map(lambda a: a.astype(half), PARAMS)
    run = functools.partial(unroll, LSTM, engine=engine, resets=MASK, mask=MASK)

    @jax.jit  # one program, not one for each operation of five calls
    def results(params):
        first = run(params, XS)
        full = run(jax.tree.map(lambda a: a.astype("float32"), params), XS)
        slopes = jax.grad(lambda params: run(params, XS).outputs.sum())(params)
        return first, full, run(params, XS, first.state), slopes, run(params, XS.astype(half))

    result, full, again, slopes, narrow = results(params)
    close(result, full)
    assert {a.dtype.name for a in jax.tree.leaves((result, again))} == {"float32"}
    assert {a.dtype.name for a in jax.tree.leaves(slopes)} == {half}
    assert {a.dtype.name for a in jax.tree.leaves(narrow)} == {half}


def test_states_of_another_dtype_than_a_step_returns_are_refused():
    half = jax.tree.map(lambda a: a.astype("float16"), (PARAMS, STATE))
    line = (
        "^state.c is float16, but a step returns float32 for params in float16 and inputs in "
        r"float32; .*lstmx.precision.cast\('float32', \(params, state\)\)$"
    )
    refused(line, unroll, LSTM, half[0], XS, half[1])
    params, state = precision.cast("float32", half)
    assert unroll(LSTM, params, XS, state).outputs.dtype == jnp.float32
    refused(
        "state.c is float16, but a step returns bfloat16.*one dtype$",
        unroll,
        LSTM._replace(step=lambda *a: jax.tree.map(lambda a: a.astype("bfloat16"), LSTM.step(*a))),
        half[0],
        XS,
        half[1],
    )


def test_inputs_in_float64_compute_with_parameters_in_float32(x64):
    params = jax.tree.map(lambda a: a.astype("float32"), PARAMS)
    assert unroll(LSTM, params, np.ones((B, T, X))).outputs.dtype == jnp.float64


# Masks and lengths as lists, as NumPy arrays and as integers.


def all_calls():
    """(name, a function of `mask` that returns outputs): all that takes a mask."""
    layers, model = [LSTM, (GRU, GRU)], models.make("sequence", Backbone((LSTM,), 4, 2, "token"))
    module = nn.Recurrent(LSTM, X, rngs=nnx.Rngs(0))
    params, of_model = init_stack(layers, KEY, X), model.init(KEY)
    tokens = jnp.where(MASK, 1, 9)  # there is no token 9, but it is masked
    return {
        "unroll": lambda mask: unroll(LSTM, PARAMS, XS, mask=mask),
        "reset": lambda mask: unroll(LSTM, PARAMS, XS, resets=mask),
        "bidirectional": lambda mask: bidirectional(
            layers[1], params["layer_1"], jnp.ones((B, T, H)), mask=mask
        ),
        "stack": lambda mask: stack(layers, params, XS, mask=mask),
        "model": lambda mask: model.apply(of_model, tokens, mask=mask),
        "module": lambda mask: module(XS, mask=mask),
    }


@pytest.mark.parametrize("name", all_calls())
def test_masks_are_arrays_of_any_kind(name):
    run = all_calls()[name]
    expected = run(MASK)[0]
    kinds = [MASK.tolist(), np.asarray(MASK), MASK.astype(int).tolist(), MASK.astype(np.uint8)]
    for mask in kinds:
        same(run(mask)[0], expected)
    same(jax.jit(run)(MASK.astype("int8"))[0], jax.jit(run)(MASK)[0])
    what = "resets" if name == "reset" else "mask"
    as_float = MASK.astype(float)
    for wrong, line in [
        (as_float, rf"^{what} is float32; expected bool, or integers 0 and 1$"),
        (np.asarray(as_float), f"{what} is float32; expected bool"),
        (2 * MASK.astype(int), f"{what} has integers from 0 to 2; expected bool, or 0 and 1"),
        (MASK[:, :5], rf"{what} is \(2, 5\).*\[B, T\]; expected \(2, 7\)"),
        ([[True], [True, False]], rf"{what} is \[\[True\], \[True, False\]\]; expected an array"),
        ("mask", f"{what} is 'mask'; expected an array"),
    ]:
        refused(line, run, wrong)
    refused(f"{what} is float32; expected bool", jax.jit(run), as_float)


def test_lengths_are_integers_of_any_kind():
    run = lambda lengths: unroll(LSTM, PARAMS, XS, lengths=lengths).outputs
    expected = run(jnp.array([6, 3]))
    for lengths in ([6, 3], (6, 3), np.array([6, 3], np.uint8), jnp.array([6, 3], "int8")):
        same(run(lengths), expected)
    refused("^lengths is float32; expected integers$", run, [6.0, 3.0])
    refused("^lengths is bool; expected integers$", run, [True, False])
    refused(r"^lengths is \(3,\).*expected \(2,\)$", run, [6, 3, 1])
    refused(r"^lengths is \(\).*expected \(2,\)$", run, 6)


def test_inputs_that_are_lists_are_refused():
    refused(
        r"^inputs are a tree of float; expected an array \[B, T, X\]$",
        unroll,
        LSTM,
        PARAMS,
        XS.tolist(),
    )
    model = models.make("sequence", Backbone((LSTM,), 4, 2, "token"))
    refused("^inputs are a list; expected an array of integer", model.apply, model.init(KEY), [[1]])
