"""Jacobians on the joint state: those of central differences, for every cell; their modes."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X

from lstmx import analysis, cells, models, wrappers
from lstmx.analysis import jacobians
from lstmx.testing import oracles
from lstmx.wrappers import Inputs

UNITS = 6  # divides into blocks and heads of 2 and 3
STEP = 1e-5  # of central differences in float64: both of their errors are about 1e-10
CLOSE = 1e-6
VISITED = 3  # steps from the initial state, where a stabiliser is -inf and much else is 0


def quotients(function, at):
    """Central differences of a vector function, [outputs, inputs]."""
    shifts = STEP * jnp.eye(at.size)
    return ((jax.vmap(function)(at + shifts) - jax.vmap(function)(at - shifts)) / (2 * STEP)).T


def agree(system, params, x):
    """J and G, at a state that the system visits, equal central differences."""

    def all_of_them(params, x):
        repeat = lambda s, _: (system.step(params, s, x)[0], ())
        s, _ = jax.lax.scan(repeat, system.start(params), None, length=VISITED)
        J = jacobians.state(system, params, s, x)
        return J, quotients(lambda s: system.step(params, s, x)[0], s)

    J, expected = jax.jit(all_of_them)(params, x)
    assert J.shape == (system.size, system.size)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(J, expected, rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("name", cells.names())
def test_joint_jacobian_of_every_cell_equals_central_differences(x64, name):
    oracle = importlib.import_module(f"reference.{name}")
    options = {"hidden_size": UNITS, **next(iter(oracle.CASES.values()))}
    cell, xs = cells.make(name, **options), oracles.inputs(oracle, options, X=X)
    params = oracles.sample_params(cell, X)
    agree(analysis.system(cell, params, shape=xs.shape[2:-1]), params, xs[0, 0])


@pytest.mark.parametrize("wrapper", ["zoneout", "mask_as_feature"])
def test_joint_jacobian_of_wrapped_cells_equals_central_differences(x64, wrapper):
    x = np.random.default_rng(1).normal(size=X)
    if wrapper == "zoneout":
        cell = wrappers.zoneout(cells.make("lstm", hidden_size=H), {"c": 0.3, "h": 0.2})
    else:
        cell = wrappers.mask_as_feature(cells.make("gru", hidden_size=H))
        x = Inputs(x, observed=np.array([True, False, True]))
    params = oracles.sample_params(cell, X)
    agree(analysis.system(cell, params), params, x)


def test_joint_jacobian_of_a_stack_covers_all_layers(x64):
    layers = [cells.make("lstm", hidden_size=H), cells.make("gru", hidden_size=2)]
    model = models.sequence_model(layers, X, 4)
    rng = np.random.default_rng(2)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    params = jax.tree.map(lambda a: rng.normal(size=a.shape) / 2, shapes)
    system = analysis.system(model, params)
    assert system.size == 2 * H + 2
    agree(system, params, rng.normal(size=X))


def lstm():
    """A small LSTM of random parameters in float64, with inputs and visited states."""
    cell = cells.make("lstm", hidden_size=H)
    params = oracles.sample_params(cell, X)
    system = analysis.system(cell, params)
    xs = np.random.default_rng(0).normal(size=(B, T, X))
    return system, params, xs, analysis.trajectory(system, params, xs)[0]


def test_input_jacobian_equals_central_differences_and_batches_agree(x64, monkeypatch):
    system, params, xs, states = lstm()
    G = jacobians.inputs(system, params, states, xs)
    J = jacobians.state(system, params, states, xs)
    assert G.shape == (B, T, 2 * H, X)
    for b, t in ((0, 2), (1, 6)):
        move = lambda x, b=b, t=t: system.step(params, states[b, t], x)[0]
        np.testing.assert_allclose(G[b, t], quotients(move, xs[b, t]), rtol=CLOSE, atol=CLOSE)
    monkeypatch.setattr(jacobians, "ENTRIES", 3 * (2 * H) ** 2)  # three states at once
    fresh = analysis.system(lambda p, s, x: system.step(p, s, x), params, state=states[0, 0])
    np.testing.assert_allclose(jacobians.state(fresh, params, states, xs), J, rtol=1e-12)


def test_inputs_that_are_a_pytree_count_side_by_side_and_masks_are_held(x64):
    cell = wrappers.mask_as_feature(cells.make("rnn", hidden_size=H))
    params = oracles.sample_params(cell, X)
    observed = np.array([[True, False, True]])
    x = Inputs(np.ones((1, X)), np.ones(1), observed)
    system = analysis.system(cell, params)
    G = jacobians.inputs(system, params, np.zeros((1, H)), x)
    assert G.shape == (1, H, X + 1)  # values, elapsed time
    assert (G[0, :, :X] == 0).all(0).tolist() == [False, True, False]


def test_modes_of_known_matrices():
    # A shear by 1, and a turn by 90 degrees that doubles.
    found = jacobians.modes(np.array([[[0.5, 1.0], [0.0, 0.25]], [[0.0, -2.0], [2.0, 0.0]]]))
    np.testing.assert_allclose(found.values, [[0.5, 0.25], [2j, -2j]], atol=1e-15)
    eye = np.broadcast_to(np.eye(2), (2, 2, 2))
    np.testing.assert_allclose(found.left @ found.right, eye, atol=1e-14)
    # l_1 = (1, 4), of length sqrt(17); the turn is normal.
    np.testing.assert_allclose(found.condition, [[17**0.5] * 2, [1, 1]])
    np.testing.assert_allclose(found.right[0, :, 0], [1, 0])


def test_matrix_without_a_basis_of_eigenvectors_has_no_left_ones():
    found = jacobians.modes(np.array([[[1.0, 1.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 1.0]]]))
    assert np.isnan(found.left[0]).all()
    np.testing.assert_allclose(found.left[1], np.eye(2))
    of_inputs = jacobians.writing(found, np.ones((2, 2, 1)))
    assert np.isnan(of_inputs.gain[0]).all()
    np.testing.assert_allclose(of_inputs.gain[1], 1)


def test_writing_names_the_input_that_moves_a_slow_mode():
    # e' = diag(0.9, 0.5) e + G x in a basis that is not orthogonal: (1, 0) and (1, 1) / sqrt 2.
    basis = np.array([[1.0, 0.5**0.5], [0.0, 0.5**0.5]])
    J = basis @ np.diag([0.9, 0.5]) @ np.linalg.inv(basis)
    G = basis @ np.array([[3.0, -4.0, 0.0], [0.0, 0.0, 2.0]])
    found = jacobians.writing(jacobians.modes(J), G)
    np.testing.assert_allclose(found.gain, [5, 2], rtol=1e-12)
    np.testing.assert_allclose(found.direction, [[0.6, -0.8, 0], [0, 0, 1]], atol=1e-12)
    # Many steps later only the slow mode is left of an input in that direction: 0.9^n 5 (1, 0).
    later = np.linalg.matrix_power(J, 40) @ G @ found.direction[0]
    np.testing.assert_allclose(later, [5 * 0.9**40, 0], atol=1e-10)


def test_writing_along_a_complex_mode_is_the_largest_of_all_inputs():
    rng = np.random.default_rng(3)
    G = rng.normal(size=(2, 3))
    modes = jacobians.modes(np.array([[0.6, -0.7], [0.7, 0.6]]))
    found = jacobians.writing(modes, G)
    drawn = rng.normal(size=(3, 2000))
    sizes = np.abs(found.coefficients @ (drawn / np.linalg.norm(drawn, axis=0))).max(1)
    reached = np.abs(np.sum(found.coefficients * found.direction, -1))
    np.testing.assert_allclose(reached, found.gain)
    assert (sizes <= found.gain).all()
    assert (sizes > 0.99 * found.gain).all()


def test_wrong_arrays_are_refused_in_one_line():
    step = lambda params, s, x: (s + x, ())
    system = analysis.system(step, (), state=jnp.zeros(2))
    refused = (
        (lambda: jacobians.state(system, (), np.zeros((3, 4))), r"\(3, 4\); expected \[..., 2\]"),
        (lambda: jacobians.state(system, (), np.zeros((3, 2)), np.zeros(2)), "one for each state"),
        (lambda: jacobians.inputs(system, (), np.zeros((3, 2)), np.zeros(3, int)), "tokens"),
        (lambda: jacobians.modes(np.zeros((2, 3))), r"\(2, 3\); expected \[..., D, D\]"),
        (lambda: jacobians.modes(np.full((2, 2), np.nan)), "inf or nan"),
        (lambda: jacobians.writing(jacobians.modes(np.eye(2)), np.zeros((3, 1))), r"\(3, 1\)"),
    )
    for call, line in refused:
        with pytest.raises(ValueError, match=line) as error:
            call()
        assert "\n" not in str(error.value)
