"""What cells promise beyond what all are asked: parallel forms, and slips that others made.

Each slip was found in a published implementation; the test is one that it would fail.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, T, X, close
from learning import LEARNED, first_and_last

from lstmx import cells
from lstmx.cells import mlstm
from lstmx.sequence import unroll

H = 6  # divides into heads of 2 and 3


def setting(cell, length=T, seed=0):
    """Parameters that are far from any start, and inputs [B, length, X]; float64 under x64."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda key: cell.init(key, X), jax.random.key(0))
    params = jax.tree.map(lambda leaf: jnp.asarray(0.5 * rng.normal(size=leaf.shape)), shapes)
    return params, jnp.asarray(rng.normal(size=(B, length, X)))


def scanned(cell, params, xs, state):
    """The states of all steps by an associative scan over what `cell.linear` returns."""
    decay, drive = cell.linear(params, xs)

    def combine(a, b):
        decay = jax.tree.map(jnp.multiply, a[0], b[0])
        return decay, jax.tree.map(lambda w, y, z: w * y + z, b[0], a[1], b[1])

    decay, drive = jax.lax.associative_scan(combine, (decay, drive), axis=1)
    return jax.tree.map(lambda w, s, d: w * s[:, None] + d, decay, state, drive)


@pytest.mark.slow
@pytest.mark.parametrize("candidate", ["linear", "positive"])
@pytest.mark.parametrize("name", ["mingru", "minlstm"])
def test_scan_in_parallel_carries_the_state_as_the_steps_do(x64, name, candidate):
    """The slip: g applied to a carried state in one form and not in the other."""
    cell = cells.make(name, hidden_size=H, candidate=candidate)
    params, xs = setting(cell, length=12)
    whole = unroll(cell, params, xs)
    half = unroll(cell, params, xs[:, :6]).state
    for state, begin in ((cell.initial_state(params, (B,)), 0), (half, 6)):
        states = scanned(cell, params, xs[:, begin:], state)
        np.testing.assert_allclose(states.h, whole.outputs[:, begin:], rtol=1e-13, atol=1e-14)


def test_minlstm_of_closed_gates_is_finite():
    """The slip: f / (f + i) where both have underflowed to 0."""
    cell = cells.make("minlstm", hidden_size=H)
    params, xs = setting(cell)
    params = params | {"b": params["b"].at[:2].set(jnp.array([[-200.0], [-199.0]]))}
    loss = lambda params: unroll(cell, params, xs).outputs.sum()
    value, gradient = jax.value_and_grad(loss)(params)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradient))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mingru", "minlstm", "layer_norm_lstm"])
def test_cell_learns_to_hold_the_input_that_is_marked(name):
    """What cells can do that cannot recall a first, single number: the mark says what to keep."""
    cell = cells.make(name, hidden_size=8)

    def loss(params, key):
        key_values, key_place = jax.random.split(key)
        values = jax.random.normal(key_values, (32, 10))
        place = jax.nn.one_hot(jax.random.randint(key_place, (32,), 0, 10), 10)
        xs = jnp.stack([values, place], axis=-1)
        held = unroll(cell, params["cell"], xs).outputs[:, -1] @ params["readout"]
        return jnp.mean((held - jnp.sum(values * place, axis=1)) ** 2)  # 1 for a constant

    start = {"cell": cell.init(jax.random.key(0), 2), "readout": jnp.zeros(cell.out_features)}
    first, last = first_and_last(loss, start, most=1000)
    assert first > 0.5
    assert last < LEARNED


def test_mogrifier_without_rounds_is_the_lstm(x64):
    lstm = cells.make("lstm", hidden_size=H)
    params, xs = setting(lstm)
    plain = unroll(lstm, params, xs)
    got = unroll(cells.make("mogrifier", hidden_size=H, rounds=0), params, xs)
    np.testing.assert_allclose(got.outputs, plain.outputs, rtol=1e-13, atol=1e-14)


def test_gates_alone_see_the_output_that_the_mogrifier_changed(x64):
    """With the forget gate open and the rest shut, the cell is kept to the last bit."""
    cell = cells.make("mogrifier", hidden_size=H)
    params, xs = setting(cell)
    params = params | {"b": jnp.array([-800.0, 800.0, 0.0, 0.0])[:, None] * jnp.ones(H)}
    state = cell.initial_state(params, (B,))._replace(c=jnp.full((B, H), 0.7))
    np.testing.assert_array_equal(unroll(cell, params, xs, state).state.c, state.c)


@pytest.mark.parametrize("per_gate", [False, True])
@pytest.mark.parametrize("separate", [False, True])
def test_layer_norm_lstm_does_not_see_the_scale_of_its_weights(x64, separate, per_gate):
    """The slip: a "LayerNorm LSTM" whose step was the plain LSTM's."""
    options = {"separate": separate, "per_gate": per_gate, "epsilon": 1e-14}
    cell = cells.make("layer_norm_lstm", hidden_size=H, **options)
    params, xs = setting(cell)
    scaled = params | {"W": 3 * params["W"], "R": 3 * params["R"]}
    if separate:
        scaled["R"] = 7 * params["R"]
    plain, other = (unroll(cell, p, xs).outputs for p in (params, scaled))
    np.testing.assert_allclose(other, plain, rtol=1e-9, atol=1e-9)


def test_cell_of_layer_norm_lstm_is_carried_as_it_is_unless_asked(x64):
    """Gates shut but for the forget gate: the state is kept, or the norm of what was there."""
    params, xs = setting(cells.make("layer_norm_lstm", hidden_size=H))
    shut = jnp.array([-800.0, 800.0, 0.0, 0.0])[:, None] * jnp.ones(H)
    params = params | {"b": shut, "g_c": jnp.ones(H), "b_c": jnp.zeros(H)}
    c = jnp.arange(B * H, dtype=float).reshape(B, H) ** 2
    for cell_norm, kept in (
        ("output", c),
        ("carried", (c - c.mean(1, keepdims=True)) / c.std(1, keepdims=True)),
    ):
        cell = cells.make("layer_norm_lstm", hidden_size=H, cell_norm=cell_norm)
        state = cell.initial_state(params, (B,))._replace(c=c)
        np.testing.assert_allclose(unroll(cell, params, xs[:, :1], state).state.c, kept, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"heads": 3}, {"forget_gate": "exponential"}],
)
def test_parallel_mlstm_equals_the_unroll_with_masks_and_a_carried_state(x64, options):
    cell = cells.make("mlstm", hidden_size=H, **options)
    params, xs = setting(cell)
    mask = np.ones((B, T), bool)
    mask[0, :2] = mask[1, 3] = mask[1, -1] = False  # left padding, a hole, right padding
    xs = jnp.where(mask[..., None], xs, jnp.nan)

    weights = np.cos(np.arange(B * T * H)).reshape(B, T, H)

    def steps(params, state):
        outputs = unroll(cell, params, xs, state, mask=mask).outputs
        return jnp.sum(weights * outputs), outputs

    def at_once(params, state):
        outputs = mlstm.parallel(params, xs, **options, state=state, mask=mask)
        return jnp.sum(weights * outputs), outputs

    fresh = cell.initial_state(params, (B,))
    rng = np.random.default_rng(4)
    carried = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), fresh)
    expected, got = (
        jax.jit(jax.value_and_grad(form, (0, 1), has_aux=True)) for form in (steps, at_once)
    )
    for state in (fresh, carried):
        close(got(params, state), expected(params, state), 1e-11, 1e-12)
    empty = mlstm.parallel(params, xs, **options, mask=mask)
    np.testing.assert_allclose(empty, got(params, fresh)[0][1], rtol=1e-11, atol=1e-12)


@pytest.mark.slow
def test_parallel_mlstm_sees_no_later_step(x64):
    params, xs = setting(cells.make("mlstm", hidden_size=H))
    plain, other = (mlstm.parallel(params, x) for x in (xs, xs.at[:, 4:].add(1)))
    np.testing.assert_array_equal(other[:, :4], plain[:, :4])
    assert (other[:, 4:] != plain[:, 4:]).all()


@pytest.mark.parametrize("height", [-1000.0, 1000.0])
@pytest.mark.parametrize("forget_gate", ["sigmoid", "exponential"])
@pytest.mark.parametrize("name", ["slstm", "mlstm"])
def test_exponential_gates_of_any_height_are_finite(name, forget_gate, height):
    """Values and gradients; the slip: exp of the gate, or of its stabiliser, as it is."""
    cell = cells.make(name, hidden_size=H, forget_gate=forget_gate)
    params, xs = setting(cell)
    gates = (slice(0, 2),) if name == "slstm" else (slice(3 * H, 3 * H + 2),)
    params = params | {"b": params["b"].at[gates].set(height)}
    loss = lambda params: jnp.sum(unroll(cell, params, xs).outputs ** 2)
    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradient))


@pytest.mark.parametrize("height", [-1000.0, 30.0])
def test_first_step_of_slstm_is_o_z_whatever_the_input_gate(x64, height):
    """c / n = i z / i. The slips: m = 0 to start with, n held above 1, or one branch for the batch.

    One example starts afresh beside another in mid-sequence, where a branch on a state that is 0
    everywhere would not be taken.
    """
    cell = cells.make("slstm", hidden_size=H)
    params, xs = setting(cell)
    params = params | {"b": params["b"].at[0].set(height)}
    resets = np.zeros((B, T), bool)
    resets[0, 3] = True
    result = unroll(cell, params, xs, resets=resets, return_trace=True)
    fresh = unroll(cell, params, xs[:1, 3:])
    np.testing.assert_allclose(result.outputs[:1, 3:], fresh.outputs, rtol=1e-13)
    for b, t in ((0, 0), (1, 0), (0, 3)):
        o, z = result.trace.gates["o"][b, t], result.trace.gates["z"][b, t]
        np.testing.assert_allclose(result.outputs[b, t], o * z, rtol=1e-13)
    assert (result.trace.states.n >= 1).all()


def test_forget_biases_of_xlstm_start_as_the_authors_have_them():
    start = lambda name, heads: jax.jit(
        lambda: cells.make(name, hidden_size=H, heads=heads).init(jax.random.key(0), X),
    )()
    params = start("slstm", 2)
    middle = 5 - 12 * 0.5**0.3
    np.testing.assert_allclose(params["b"][1], 2 * [5, middle, -7], rtol=1e-6)
    params = start("mlstm", 3)
    np.testing.assert_allclose(params["b"][3 * H + 3 : 3 * H + 6], [3, 4.5, 6])
