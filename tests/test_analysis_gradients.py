"""Gradients through time: linear maps and a delay line with exact answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X

import lstmx
from lstmx import analysis, cells, tasks
from lstmx.analysis import gradients
from lstmx.types import Batch


def linear_step(A, state, x):
    state = A @ state + x
    return state, state


def linear(A):
    """The system s' = A s + x with y = s'."""
    return analysis.system(linear_step, A, state=jnp.zeros(len(A)))


def last(outputs):
    return outputs[:, -1, 0].sum()


def test_gradient_of_a_linear_map_is_a_power():
    A = jax.random.normal(jax.random.key(0), (3, 3)) / 2
    found = gradients.over_time(linear(A), A, jnp.zeros((B, T, 3)), last)
    # Step t reads s, and T - t steps follow: dL/ds = e_0^T A^(T - t).
    expected = [np.linalg.norm(np.linalg.matrix_power(A, T - t)[0]) for t in range(T)]
    np.testing.assert_allclose(found.norms["s"][1], expected, rtol=1e-5)


def test_gradient_is_zero_before_a_reset_and_the_next_ones_where_masked():
    A = 0.5 * jnp.eye(2)
    mask = jnp.ones((1, 6), bool).at[0, 3].set(False)
    resets = jnp.zeros((1, 6), bool).at[0, 2].set(True)
    batch = Batch(jnp.zeros((1, 6, 2)), None, jnp.ones((1, 6)), mask, resets)
    loss = lambda outputs, batch: {"loss": lstmx.types.Mean(2 * last(outputs), jnp.array(2.0))}
    found = gradients.over_time(linear(A), A, batch, loss)
    np.testing.assert_allclose(found.norms["s"][0], [0, 0, 1 / 8, 1 / 4, 1 / 4, 1 / 2])
    with pytest.raises(ValueError, match="leave mask out"):
        gradients.over_time(linear(A), A, batch, loss, mask=mask)


def test_gradient_by_a_task_is_that_of_its_loss():
    task = tasks.make("adding", batch_size=B, length=T)
    model = lstmx.models.sequence_model(cells.make("lstm", hidden_size=H), 2, 1)
    params = model.init(jax.random.key(0))
    batch = task.batch(jax.random.key(1), 0)
    system = analysis.system(model, params)
    found = gradients.over_time(system, params, batch, task.loss)
    assert found.norms.keys() == {"layer_0.c", "layer_0.h"}

    def loss(c):
        start = jax.tree.map(
            lambda a: a[None] * jnp.ones((B, 1)), system.state(system.start(params))
        )
        start["layer_0"] = start["layer_0"]._replace(c=c)
        total, count = task.loss(model.apply(params, batch.inputs, start)[0], batch)["loss"]
        return total / count

    value, slope = jax.value_and_grad(loss)(jnp.zeros((B, H)))
    np.testing.assert_allclose(found.loss, value, rtol=1e-5)
    norms = found.norms["layer_0.c"][:, 0]
    np.testing.assert_allclose(norms, jnp.linalg.norm(slope, axis=1), rtol=1e-4)


def test_norms_do_not_underflow_where_squares_would():
    A = 1e-4 * jnp.eye(2)
    found = gradients.over_time(linear(A), A, jnp.zeros((1, 8, 2)), last)
    np.testing.assert_allclose(found.norms["s"][0, 0], 1e-32, rtol=1e-4)


def test_reach_of_a_linear_map_has_the_singular_values_of_its_powers():
    A = jax.random.normal(jax.random.key(0), (3, 3)) / 2
    found = gradients.reach(linear(A), A, jnp.zeros((B, T, 3)), lags=(0, 2, T))
    assert found.lags.tolist() == [0, 2, T]
    for k, values in zip(found.lags, found.values[0]):
        power = np.linalg.matrix_power(np.asarray(A, float), k)
        np.testing.assert_allclose(10**values, np.linalg.svd(power, compute_uv=False), rtol=1e-4)
        size = np.linalg.norm(power) / np.sqrt(3)
        np.testing.assert_allclose(10 ** found.norms[0, k], size, rtol=1e-5)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_two_hundred_steps_neither_under_nor_overflow(factor):
    rotation = jnp.array([[0.6, -0.8], [0.8, 0.6]])
    A = factor * rotation
    found = gradients.reach(linear(A), A, jnp.zeros((1, 200, 2)), lags=[200])
    expected = 200 * np.log10(factor)  # 3^200 = 10^95, beyond float32
    np.testing.assert_allclose(found.norms[0, -1], expected, rtol=1e-4)
    np.testing.assert_allclose(found.values[0, 0], expected, rtol=1e-4)


def test_values_below_the_rounding_of_the_largest_are_no_answer():
    A = jnp.diag(jnp.array([1.0, 0.1]))
    values = gradients.reach(linear(A), A, jnp.zeros((1, 9, 2)), lags=(2, 9)).values[0]
    np.testing.assert_allclose(values[0], [0, -2], atol=1e-5)
    assert np.isnan(values[1]).tolist() == [False, True]


def test_delay_line_reaches_back_its_length():
    A = jnp.eye(4, k=-1)  # s'_1 = s_0, ...: what enters leaves after four steps
    found = gradients.reach(linear(A), A, jnp.zeros((1, 6, 4)))
    alive = np.arange(7) < 4
    expected = np.where(alive, np.sqrt((4 - np.arange(7)) / 4 * alive), 0)
    np.testing.assert_allclose(10 ** found.norms[0], expected, rtol=1e-5)


def test_lag_counts_steps_that_exist():
    A = 0.5 * jnp.eye(2)
    mask = jnp.array([[0, 1, 1, 0, 1, 0], [1, 1, 1, 1, 1, 1]], bool)
    found = gradients.reach(linear(A), A, jnp.zeros((2, 6, 2)), mask=mask)
    np.testing.assert_allclose(found.norms[0, :4], np.log10(0.5) * np.arange(4), atol=1e-6)
    assert np.isnan(found.norms[0, 4:]).all()
    assert np.isnan(found.values[0, found.lags > 3]).all()
    np.testing.assert_allclose(found.norms[1], np.log10(0.5) * np.arange(7), atol=1e-6)


def test_reach_is_that_of_the_joint_state_by_leaf():
    cell = cells.make("lstm", hidden_size=H)
    params = cell.init(jax.random.key(0), X)
    xs = jax.random.normal(jax.random.key(1), (B, T, X))
    system = analysis.system(cell, params)
    found = gradients.reach(system, params, xs, lags=[T])

    def final(s):
        return analysis.trajectory(system, params, xs[:1], s)[0][0, -1]

    J = np.asarray(jax.jacobian(final)(system.start(params)), float)
    np.testing.assert_allclose(
        10 ** found.values[0, 0, :3], np.linalg.svd(J, compute_uv=False)[:3], rtol=1e-3
    )
    for leaf, part in system.parts.items():
        size = np.linalg.norm(J[:, part]) / np.sqrt(H)
        np.testing.assert_allclose(10 ** found.by_leaf[leaf][0, -1], size, rtol=1e-4)


def test_lags_beyond_the_sequence_are_refused():
    A = jnp.eye(2)
    with pytest.raises(ValueError, match="lags from 1 to 9; expected 0 to T=7"):
        gradients.reach(linear(A), A, jnp.zeros((1, 7, 2)), lags=(1, 9))


def test_inputs_that_the_step_does_not_take_are_named_by_every_analysis():
    """With the shape that was given, in one line; and never the operation within the step."""
    cell = lstmx.cells.make("lstm", hidden_size=2)
    params = cell.init(jax.random.key(0), 3)
    system, wide = analysis.system(cell, params), jnp.zeros((2, 5, 4))
    calls = {
        "trajectory": lambda x: analysis.trajectory(system, params, x),
        "over_time": lambda x: gradients.over_time(system, params, x, jnp.sum),
        "reach": lambda x: gradients.reach(system, params, x),
        "spectrum": lambda x: analysis.lyapunov.spectrum(system, params, x),
        "jacobian": lambda x: analysis.jacobians.state(system, params, jnp.zeros((2, 5, 4)), x),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=r"inputs \[2, 5, 4\]; .* an input \[4\]") as error:
            call(wide)
        assert "\n" not in str(error.value), name
        with pytest.raises(ValueError, match=r"inputs"):
            call(wide[0, :, :3])
    with pytest.raises(ValueError, match=r"inputs \[4\]; .* an input \[4\]"):
        analysis.lyapunov.spectrum(system, params, wide[0, 0], steps=9)
    with pytest.raises(ValueError, match=r"inputs \[5, 4\]; .* an input \[4\]"):
        analysis.fixed_points.search(system, params, jnp.zeros((2, 4)), wide[0])
    for options, line in (
        ({"mask": jnp.ones((2, 4), bool)}, r"a mask \(2, 4\); expected \(2, 5\)"),
        ({"state": jnp.zeros((3, 4))}, "3 states for inputs of 2 rows"),
        ({"state": jnp.zeros(5)}, r"states \(5,\); expected \[B, 4\]"),
    ):
        with pytest.raises(ValueError, match=line):
            gradients.reach(system, params, wide[:, :, :3], **options)
    with pytest.raises(ValueError, match="without a step"):
        gradients.reach(system, params, wide[:, :0, :3])


def test_growth_is_robust_and_names_its_verdict():
    lags = np.arange(101)
    rows = np.stack([np.log10(0.9) * lags, np.log10(1.1) * lags, 0.0 * lags])
    rows[:, :10] += 5  # a transient, which moves a least-squares fit
    found = gradients.growth(rows)
    np.testing.assert_allclose(found.factor, [0.9, 1.1, 1.0], rtol=5e-3)
    assert found.verdict.tolist() == ["vanishes", "explodes", "holds"]
    assert gradients.growth(rows, horizon=10).verdict.tolist() == ["holds"] * 3
    dead = gradients.growth([[0.0, 0.0, -np.inf, np.nan]])
    assert dead.verdict.tolist() == ["vanishes"]
    assert dead.reach.tolist() == [1]
    with pytest.raises(ValueError, match="norms are"):
        gradients.growth(lags)
