"""Models: the backbone, the sequence model, streaming, and one by one step what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, T, X, close, leaky

from lstmx import models, sequence
from lstmx.models.noisy import _noisy as noise_of
from lstmx.sequence import Stack

Y = 4
CELL = leaky()
XS = jax.random.normal(jax.random.key(1), (B, T, X))
MASK = jnp.array([[1, 0, 1, 1, 0, 0, 1], [0, 1, 1, 0, 1, 1, 0]], bool)
RESETS = jnp.zeros((B, T), bool).at[0, 3].set(True)


def test_remat_every_reaches_the_engine():
    def temporary_bytes(**options):
        model = models.sequence_model(CELL, X, Y, stack=Stack(**options))
        loss = lambda params: model.apply(params, jnp.ones((B, 400, X)))[0].sum()
        program = jax.jit(jax.grad(loss)).lower(model.init(jax.random.key(0)))
        return program.compile().memory_analysis().temp_size_in_bytes

    assert temporary_bytes(remat_every=20) < 0.6 * temporary_bytes()


@pytest.mark.parametrize(
    ("layers", "options", "complaint"),
    [
        ([], {}, "no layers"),
        ([CELL, "lstm"], {}, "type str; expected a Cell or a pair"),
        ([[CELL, CELL, CELL]], {}, "expected a Cell or a pair"),
        ([CELL, leaky(4)], {"stack": Stack("residual")}, r"one width; got widths \[5, 4\]"),
        ([CELL, leaky(4)], {"stack": Stack("highway")}, r"one width; got widths \[5, 4\]"),
    ],
)
def test_bad_layers_are_refused_when_built(layers, options, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        models.sequence_model(layers, X, Y, **options)
    assert "\n" not in str(error.value)


@functools.cache
def deep():
    """A model with two layers of different width, one of them noisy, and its parameters."""
    model = models.sequence_model([CELL, leaky(4, noise=0.3)], X, Y, stack=Stack(dropout=0.5))
    return model, model.init(jax.random.key(0))


def test_model_is_layers_and_readout():
    model, params = deep()
    layers = [CELL, leaky(4)]
    state = model.initial_state(params, (B,))
    outputs, last, trace = model.apply(
        params, XS, state, mask=MASK, resets=RESETS, return_trace=True
    )
    expected = sequence.stack(
        layers, params["layers"], XS, mask=MASK, resets=RESETS, return_trace=True
    )
    close(outputs, expected.outputs @ params["readout"]["W"] + params["readout"]["b"])
    close((last, trace), (expected.state, expected.trace))
    close(state, sequence.initial_states(layers, params["layers"], (B,)))
    assert outputs.shape == (B, T, Y)


def test_parameters_are_plain_dicts_with_string_keys():
    _, params = deep()

    def check(node):
        if isinstance(node, jax.Array):
            return
        assert type(node) is dict
        for key, below in node.items():
            assert type(key) is str
            assert not key.isdigit()
            check(below)

    check(params)
    assert params["readout"]["W"].shape == (4, Y)
    assert not params["readout"]["b"].any()
    assert sorted(params["layers"]) == ["layer_0", "layer_1"]


@pytest.mark.parametrize("embed_features", [0, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_each_part_starts_from_the_next_key(embed_features, bias):
    """Runs that were trained before start from the same values: the order must never change."""
    readout = models.Readout(bias=bias, weight_range=0.5, shortcut=True)
    options = {"inputs": "token", "embed_features": embed_features, "readout": readout}
    params = models.sequence_model(CELL, X, Y, **options).init(jax.random.key(5))
    keys = iter([jax.random.fold_in(jax.random.key(5), number) for number in range(5)])
    uniform = lambda *shape: jax.random.uniform(next(keys), shape, minval=-0.5, maxval=0.5)
    if embed_features:
        close(params["embedding"]["W"], jax.random.normal(next(keys), (X, 2)), 0, 0)
    width = embed_features or X
    close(params["layers"], sequence.init_stack([CELL], next(keys), width), 0, 0)
    expected = {"W": uniform(CELL.out_features, Y)}
    expected |= {"b": uniform(Y)} if bias else {}
    close(params["readout"], expected | {"V": uniform(width, Y)}, 0, 0)


def test_parameters_rebuilt_from_their_paths_are_the_same():
    _, params = deep()
    rebuilt = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        *above, last = jax.tree_util.keystr(path, simple=True, separator="/").split("/")
        functools.reduce(lambda node, name: node.setdefault(name, {}), above, rebuilt)[last] = leaf
    close(rebuilt, params, 0, 0)


def test_init_under_jit_and_vmap_equals_plain():
    model, params = deep()
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    many = jax.jit(jax.vmap(model.init))(keys)
    close(jax.tree.map(lambda a: a[0], many), params)
    weights = np.asarray(many["layers"]["layer_0"]["W"])
    assert not np.allclose(weights[0], weights[1])


def test_apply_under_jit_vmap_and_grad():
    model = models.sequence_model(leaky(noise=0.3), X, Y)
    params = models.sequence_model(CELL, X, Y).init(jax.random.key(0))
    many = jax.tree.map(lambda a: jnp.stack([a / 2, a]), params)
    keys = jax.vmap(jax.random.key)(jnp.arange(2))
    loss = lambda params, key: jnp.square(model.apply(params, XS, key=key)[0]).mean()
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(loss)))(many, keys)
    value, slope = jax.value_and_grad(loss)(params, keys[1])
    close(values[1], value)
    close(jax.tree.map(lambda a: a[1], slopes), slope, 1e-4, 1e-5)
    assert all(a.any() for a in jax.tree.leaves(slope))
    assert values[0] != values[1]


def test_equal_shapes_compile_once():
    model, params = deep()
    apply = jax.jit(model.apply)
    for seed in range(2):
        apply(params, XS, model.initial_state(params, (B,)), key=jax.random.key(seed))
    assert apply._cache_size() == 1


def test_input_noise_is_traced_and_off_in_evaluation():
    backbone = models.Backbone((CELL,), X, Y)
    noisy, plain = models.make("noisy", backbone), models.make("sequence", backbone)
    params = plain.init(jax.random.key(0))
    rows = jnp.ones((400, T, X))

    @jax.jit
    def apply(size, key):
        return noisy.apply({**params, "constants": {"input_noise": size}}, rows, key=key)[0]

    key = jax.random.key(3)
    none, some, more = (apply(jnp.asarray(s), key) for s in (0.0, 0.01, 0.02))
    assert apply._cache_size() == 1
    expected = plain.apply(params, rows)[0]
    np.testing.assert_array_equal(none, expected)
    # To first order the outputs change with the noise: twice of it, twice the change.
    close(more - none, 2 * (some - none), atol=1e-3)
    assert np.ptp(np.asarray(some[:2, 0, 0])) > 0, "every example has its own"
    np.testing.assert_array_equal(apply(jnp.asarray(0.5), None), expected)
    made = noisy.init(jax.random.key(0))
    assert float(made["constants"]["input_noise"]) == 0
    sample = noise_of({"constants": {"input_noise": jnp.asarray(0.3)}}, rows, key)[0] - rows
    assert float(sample.std()) == pytest.approx(0.3, rel=0.05)
    assert abs(float(sample.mean())) < 0.02
    with pytest.raises(ValueError, match="got inputs of type dict; expected an array"):
        noisy.apply(made, {"a": rows}, key=key)


def test_without_key_nothing_is_random():
    model, params = deep()
    plain = models.sequence_model([CELL, leaky(4)], X, Y)
    evaluated = model.apply(params, XS)[0]
    close(evaluated, plain.apply(params, XS)[0])
    first, again, other = (model.apply(params, XS, key=jax.random.key(s))[0] for s in (1, 1, 2))
    close(first, again, 0, 0)
    assert not np.allclose(first, other)
    assert not np.allclose(first, evaluated)


def test_streaming_equals_one_call():
    model, params = deep()
    stream = models.stream(model)
    state = stream.start(params, B)
    outputs = []
    for t in range(T):
        state, y = stream.step(params, state, XS[:, t])
        outputs.append(y)
    whole, last, _ = model.apply(params, XS)
    close(jnp.stack(outputs, 1), whole)
    close(state, last)


def test_backward_layers_start_anew_in_every_window():
    model = models.sequence_model(CELL, X, Y, bidirectional=True)
    params = model.init(jax.random.key(0))
    initial = model.initial_state(params, (B,))
    state = jax.tree.map(lambda a: a + 0.5, initial)
    mixed = {**state["layer_0"], "backward": initial["layer_0"]["backward"]}
    got, expected, from_initial = (
        model.apply(params, XS, s)[0] for s in (state, {"layer_0": mixed}, initial)
    )
    close(got, expected)
    assert not np.allclose(got, from_initial)


def test_bidirectional_model_cannot_stream():
    with pytest.raises(ValueError, match="cannot stream") as error:
        models.stream(models.sequence_model([CELL, (CELL, CELL)], X, Y))
    assert "\n" not in str(error.value)


def test_one_hot_tokens_are_an_identity_embedding():
    tokens = jnp.array([[0, 1, 2, 2, 1, 0, 1], [2, 0, 0, 1, 2, 2, 0]])
    one_hot = models.sequence_model(CELL, X, Y, inputs="token")
    table = models.sequence_model(CELL, X, Y, inputs="token", embed_features=X)
    params = one_hot.init(jax.random.key(0))
    expected = one_hot.apply(params, tokens)[0]
    embedded = {**params, "embedding": {"W": jnp.eye(X)}}
    close(table.apply(embedded, tokens)[0], expected)
    close(models.sequence_model(CELL, X, Y).apply(params, jnp.eye(X)[tokens])[0], expected)
    stream = models.stream(one_hot)
    close(stream.step(params, stream.start(params, B), tokens[:, 0])[1], expected[:, 0])


def test_padding_tokens_need_not_exist():
    tokens = jnp.array([[0, 1, 2, 2, -1, -1, -1], [2, 0, 0, 1, 2, 2, 0]])
    model = models.sequence_model(CELL, X, Y, inputs="token", embed_features=2)
    params = model.init(jax.random.key(0))
    run = lambda params, tokens: model.apply(params, tokens, mask=tokens >= 0)[0]
    clean = lambda params: model.apply(params, jnp.maximum(tokens, 0), mask=tokens >= 0)[0]
    close(run(params, tokens), clean(params))
    close(
        jax.grad(lambda params: run(params, tokens).sum())(params),
        jax.grad(lambda params: clean(params).sum())(params),
    )


@pytest.mark.parametrize("embed_features", [0, 2])
def test_tokens_outside_of_the_vocabulary_are_errors_or_nan(embed_features):
    model = models.sequence_model(CELL, X, Y, inputs="token", embed_features=embed_features)
    params = model.init(jax.random.key(0))
    tokens = jnp.array([[0, 1, 2, 2, 1, 0, 1], [2, 0, 0, 1, 2, 2, 0]])
    outputs = lambda params, tokens: model.apply(params, tokens)[0]
    inside = jax.jit(outputs)
    slope = jax.jit(jax.grad(lambda params, tokens: outputs(params, tokens).sum()))
    many = jax.jit(jax.vmap(lambda params, tokens: outputs(params, tokens[None])[0], (None, 0)))
    for wrong in (X, 99, -1):
        bad = tokens.at[1, 3].set(wrong)
        for given in (bad, np.asarray(bad)):
            with pytest.raises(ValueError, match=rf"token {wrong} at \[1, 3\]; expected 0 to 2"):
                outputs(params, given)
            with pytest.raises(ValueError, match=rf"token {wrong} at \[1, 3\]"):
                jax.grad(lambda params, given=given: outputs(params, given).sum())(params)
        for result in (inside(params, bad), many(params, bad)):
            np.testing.assert_array_equal(np.isnan(result).any(-1)[0], False)
            np.testing.assert_array_equal(np.isnan(result).all(-1)[1], np.arange(T) >= 3)
        assert np.isnan(slope(params, bad)["readout"]["W"]).all()
    close(inside(params, tokens), outputs(params, tokens))
    wide = models.sequence_model(CELL, 300, Y, inputs="token", embed_features=embed_features)
    small = tokens.astype(jnp.uint8)  # in which no token can be too large
    result, _ = jax.eval_shape(lambda key: wide.apply(wide.init(key), small)[:2], jax.random.key(0))
    assert result.shape == (B, T, Y)


@pytest.mark.parametrize("embed_features", [0, 2])
def test_padding_tokens_are_no_errors(embed_features):
    options = {"embed_features": embed_features, "readout": models.Readout(shortcut=True)}
    model = models.sequence_model(CELL, X, Y, inputs="token", **options)
    params = model.init(jax.random.key(0))
    tokens = jnp.array([[0, 1, 2, 2, -1, -1, -1], [2, 0, 0, 1, 2, 2, 0]])
    for run in (model.apply, jax.jit(model.apply)):
        outputs = run(params, tokens, mask=tokens >= 0)[0]
        assert np.isfinite(outputs).all()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"inputs": "tokens"}, "inputs='tokens'; expected one of vector, token"),
        ({"embed_features": 2}, "embeds tokens"),
        ({"embed_features": -2, "inputs": "token"}, "embed_features=-2"),
        ({"in_features": 0}, "in_features=0; expected at least 1"),
        ({"out_features": 2.0}, "out_features=2.0"),
    ],
)
def test_bad_models_are_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        models.sequence_model(CELL, **{"in_features": X, "out_features": Y, **options})


def test_inputs_of_another_kind_are_refused():
    model, params = deep()
    with pytest.raises(ValueError, match=r"expected \[B, T, X=3\]"):
        model.apply(params, XS[..., :2])
    tokens = models.sequence_model(CELL, X, Y, inputs="token")
    with pytest.raises(ValueError, match="expected integer tokens"):
        tokens.apply(tokens.init(jax.random.key(0)), XS)


def test_parameters_of_another_model_are_refused():
    model, params = deep()
    other = models.sequence_model([CELL, leaky(4)], X, Y + 1).init(jax.random.key(0))
    with pytest.raises(ValueError, match=r"readout/W: got \(4, 5\); expected \(4, 4\)"):
        model.apply({**params, "readout": {**params["readout"], "W": other["readout"]["W"]}}, XS)
    with pytest.raises(ValueError, match="layers/layer_0/R: got None"):
        model.apply({**params, "layers": {"layer_1": params["layers"]["layer_1"]}}, XS)
