"""Lyapunov exponents of systems whose exponents are known; sums against determinants."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X

from lstmx import analysis, cells
from lstmx.analysis import _triangular, lyapunov
from lstmx.testing import oracles

SIGMA, RHO, BETA = 10.0, 28.0, 8 / 3
DT = 0.01


def of_step(step, *start):
    """The system of a step without parameters or inputs."""
    return analysis.system(lambda params, s, x: (step(s), ()), (), state=jnp.array(start))


def lorenz(s):
    """A step of Runge and Kutta's method of fourth order."""

    def flow(s):
        x, y, z = s
        return jnp.stack([SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z])

    a = flow(s)
    b = flow(s + DT / 2 * a)
    c = flow(s + DT / 2 * b)
    return s + DT / 6 * (a + 2 * b + 2 * c + flow(s + DT * c))


def linear(size=5):
    """Real eigenvalues of both signs, in a basis that is far from orthogonal."""
    values = np.linspace(0.95, 0.35, size) * (-1) ** np.arange(size)
    basis = np.eye(size) + 0.5 * np.random.default_rng(0).normal(size=(size, size))
    A = basis @ np.diag(values) @ np.linalg.inv(basis)
    return of_step(lambda s: jnp.asarray(A) @ s, *np.ones(size)), np.log(np.abs(values))


def test_logistic_map(x64):
    found = lyapunov.spectrum(
        of_step(lambda x: 4 * x * (1 - x), 0.3), (), states=jnp.array([[0.3], [0.4]]), steps=50_000
    )
    np.testing.assert_allclose(found.exponents, math.log(2), atol=5e-4)
    assert found.code.tolist() == [lyapunov.Code.RESOLVED] * 2
    assert found.curve.shape == (2, 100, 1)


def test_henon_map(x64):
    henon = of_step(lambda s: jnp.stack([1 - 1.4 * s[0] ** 2 + s[1], 0.3 * s[0]]), 0.0, 0.0)
    found = lyapunov.spectrum(henon, (), steps=100_000, transient=100)
    np.testing.assert_allclose(found.exponents[0], [0.419, -1.623], atol=4e-3)
    assert (np.abs(found.exponents[0] - [0.419, -1.623]) < 3 * found.errors[0]).all()
    # |det J| is 0.3 everywhere: for the sum and the check no error is due to sampling.
    np.testing.assert_allclose(found.exponents.sum(-1), math.log(0.3), rtol=1e-10)
    np.testing.assert_allclose(found.log_det, math.log(0.3), rtol=1e-12)


@pytest.mark.parametrize("qr_every", [1, 7])
def test_lorenz_has_a_zero_exponent_and_the_divergence_as_sum(x64, qr_every):
    found = lyapunov.spectrum(
        of_step(lorenz, 1.0, 1.0, 1.0), (), steps=100_000, transient=2000, dt=DT, qr_every=qr_every
    )
    first, zero, _ = found.exponents[0]
    assert abs(first - 0.906) < min(0.02, 3 * found.errors[0, 0])
    assert abs(zero) < 0.005
    # The divergence of the flow; the step of Runge and Kutta is off by 1e-4 of it.
    np.testing.assert_allclose(found.exponents.sum(), -(SIGMA + 1 + BETA), rtol=2e-4)
    np.testing.assert_allclose(found.log_det, found.exponents.sum(-1), rtol=1e-9)
    np.testing.assert_allclose(found.times[0, -1], 980)
    assert lyapunov.kaplan_yorke(found.exponents[0]) == pytest.approx(2.062, abs=0.005)


@pytest.mark.parametrize("size", [5, _triangular.SMALL + 3])  # by products, by LAPACK
def test_linear_network_has_the_logs_of_its_eigenvalues(x64, size):
    system, expected = linear(size)
    found = lyapunov.spectrum(system, (), steps=800, transient=500, qr_every=2)
    np.testing.assert_allclose(found.exponents[0], expected, atol=1e-8)
    np.testing.assert_allclose(found.log_det, expected.sum(), rtol=1e-10)
    assert (found.errors < 1e-8).all()
    few = lyapunov.spectrum(system, (), steps=800, transient=500, exponents=2)
    np.testing.assert_allclose(few.exponents[0], expected[:2], atol=1e-8)
    assert few.log_det is None


def test_error_and_curve_are_those_of_the_mean_of_independent_rates(x64):
    """s' = x s: the exponent is the mean of log x, whose standard error is known."""
    rates = np.random.default_rng(0).normal(-0.2, 0.5, (3, 4000))
    system = analysis.system(lambda params, s, x: (x * s, ()), (), state=jnp.ones(1))
    found = lyapunov.spectrum(system, (), jnp.exp(rates), qr_every=3, transient=1000, dt=0.5)
    np.testing.assert_allclose(found.exponents[:, 0], rates[:, 1000:].mean(1) / 0.5, rtol=1e-9)
    # 20 blocks know the standard deviation up to 1 / sqrt(2 * 19) = 16 %.
    np.testing.assert_allclose(found.errors, 0.5 / 3000**0.5 / 0.5, rtol=0.5)
    n = round(found.times[0, 9] / 0.5)
    np.testing.assert_allclose(found.curve[0, 9, 0], rates[0, 1000 : 1000 + n].mean() / 0.5)
    assert found.steps.tolist() == [3000] * 3


def driven():
    cell = cells.make("lstm", hidden_size=H)
    params = oracles.sample_params(cell, X, scale=1.0)
    return analysis.system(cell, params), params, np.random.default_rng(1).normal(size=(B, 40, X))


def test_driven_spectrum_sums_to_the_mean_log_determinant(x64, monkeypatch):
    system, params, xs = driven()
    found = lyapunov.spectrum(system, params, xs, transient=T)
    assert found.exponents.shape == (B, 2 * H)
    np.testing.assert_allclose(found.exponents.sum(-1), found.log_det, rtol=1e-8)
    states, _ = analysis.trajectory(system, params, xs)
    np.testing.assert_allclose(found.states, states[:, -1], rtol=1e-10)
    # The same by products in place of LAPACK, for both examples at once.
    monkeypatch.setattr(_triangular, "SMALL", 2 * H)
    fresh = analysis.system(lambda p, s, x: system.step(p, s, x), params, state=states[0, 0] * 0)
    again = lyapunov.spectrum(fresh, params, xs, transient=T)
    np.testing.assert_allclose(again.exponents, found.exponents, rtol=1e-6)
    np.testing.assert_allclose(again.log_det, found.log_det, rtol=1e-8)


def test_steps_that_do_not_exist_take_no_time(x64):
    system, params, xs = driven()
    mask = np.ones(xs.shape[:2], bool)
    mask[0, 25:] = False
    mask[1, [3, 20, 21]] = False
    found = lyapunov.spectrum(system, params, xs, mask=mask, exponents=3)
    assert found.steps.tolist() == [25, 37]
    for row in range(B):
        alone = lyapunov.spectrum(system, params, xs[row][mask[row]][None], exponents=3)
        np.testing.assert_allclose(found.exponents[row], alone.exponents[0], rtol=1e-9)


def test_constant_input_is_that_input_at_every_step(x64):
    system, params, xs = driven()
    held = lyapunov.spectrum(system, params, xs[0, 0], steps=40, exponents=3)
    repeated = np.broadcast_to(xs[:1, :1], (1, 40, X))
    same = lyapunov.spectrum(system, params, repeated, exponents=3)
    np.testing.assert_allclose(held.exponents, same.exponents, rtol=1e-12)


@pytest.mark.parametrize("size", [3, _triangular.SMALL + 1])
def test_singular_jacobians_give_minus_infinity_or_its_rounding_and_no_nan(x64, size):
    known = np.append(np.log(np.linspace(0.9, 0.5, size - 1)), -np.inf)
    weights = jnp.exp(jnp.asarray(known))
    forgets = of_step(lambda s: weights * s, *np.ones(size))
    found = lyapunov.spectrum(forgets, (), steps=400, transient=300)
    np.testing.assert_allclose(found.exponents[0, :-1], known[:-1], atol=1e-8)
    assert found.exponents[0, -1] < max(found.floor[0], -30)
    assert found.code.tolist() == [lyapunov.Code.ROUNDING]
    assert found.log_det == -np.inf
    constant = lyapunov.spectrum(of_step(lambda s: 0 * s, *np.ones(size)), (), steps=10)
    assert (constant.exponents == -np.inf).all()
    assert (constant.errors == np.inf).all()
    for result in (found, constant):
        assert not any(np.isnan(a).any() for a in result)
    assert (lyapunov.kaplan_yorke(constant.exponents) == 0).all()


def test_rounding_and_divergence_are_reported(x64):
    turn = jnp.array([[0.8, -0.6], [0.6, 0.8]])
    apart = of_step(lambda s: turn @ (jnp.array([1.0, 1e-3]) * (turn.T @ s)), 1.0, 1.0)
    often = lyapunov.spectrum(apart, (), steps=120)
    seldom = lyapunov.spectrum(apart, (), steps=120, qr_every=12)
    np.testing.assert_allclose(often.exponents[0], [0, math.log(1e-3)], atol=0.02)
    assert seldom.exponents[0, 1] > math.log(1e-3) + 1  # wrong, and called so
    assert often.code.tolist() + seldom.code.tolist() == [0, lyapunov.Code.ROUNDING]
    escape = of_step(lambda x: 5 * x * (1 - x), 0.5)
    gone = lyapunov.spectrum(escape, (), states=jnp.array([[0.3], [0.0]]), steps=100)
    assert gone.code.tolist() == [lyapunov.Code.DIVERGED, lyapunov.Code.RESOLVED]
    assert np.isnan(gone.exponents[0, 0])
    assert gone.exponents[1, 0] == pytest.approx(math.log(5))


def test_kaplan_yorke_dimension_counts_exponents_whose_sum_is_not_negative():
    spectra = [[-0.1, -1, -2], [0.5, -1, -2], [1, 0.5, -np.inf], [0.5, 0, -1], [1, -0.5, -0.5]]
    np.testing.assert_allclose(lyapunov.kaplan_yorke(spectra), [0, 1.5, 2, 2.5, 3])


def test_wrong_input_is_refused_in_one_line():
    system = of_step(lambda s: s, 1.0, 1.0)
    refused = (
        ({}, "neither inputs"),
        ({"steps": 0}, "steps=0"),
        ({"steps": 9, "exponents": 3}, "at most 2"),
        ({"steps": 9, "transient": 9}, "expected fewer"),
        ({"steps": 9, "qr_every": 0}, "qr_every=0"),
        ({"steps": 9, "dt": 0.0}, "dt=0.0"),
        ({"steps": 9, "states": np.zeros((2, 3))}, r"\(2, 3\); expected \[B, 2\]"),
        ({"inputs": np.zeros(3)}, r"expected \[B, T, ...\]"),
        ({"inputs": np.zeros((2, 7, 1)), "states": np.zeros((3, 2))}, "3 states for inputs of 2"),
        ({"steps": 9, "mask": np.ones((2, 9), bool)}, r"expected \(1, 9\)"),
        ({"steps": 9, "transient": 3, "mask": np.arange(9)[None] < 3}, "a row without steps"),
    )
    for options, line in refused:
        with pytest.raises(ValueError, match=line) as error:
            lyapunov.spectrum(system, (), **options)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="without nan"):
        lyapunov.kaplan_yorke([np.nan])
