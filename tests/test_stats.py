"""Statistics over seeds: known answers."""

import math

import numpy as np
import pytest

from lstmx import stats


def test_interval_of_three_values_is_their_range():
    assert stats.bootstrap_interval([1.0, 2.0, 6.0]) == (1.0, 6.0)


def test_interval_has_the_width_that_theory_says():
    values = np.random.default_rng(3).normal(size=400)
    low, high = stats.bootstrap_interval(values)
    assert low < values.mean() < high
    # 2 * 1.96 standard errors; 5 % is ten times the error of 10000 resamples.
    np.testing.assert_allclose(high - low, 3.92 * values.std() / 20, rtol=0.05)


def test_interval_is_repeatable_and_follows_its_seed():
    values = [0.1, 0.7, 0.3, 0.9, 0.4, 0.35]
    assert stats.bootstrap_interval(values) == stats.bootstrap_interval(values)
    few = [stats.bootstrap_interval(values, resamples=50, seed=s) for s in (0, 1)]
    assert few[0] != few[1]


def test_interval_of_one_value_is_unknown():
    assert all(math.isnan(x) for x in stats.bootstrap_interval([0.5]))


def test_interval_of_equal_values_is_that_value():
    assert stats.bootstrap_interval([0.1, 0.1, 0.1]) == (0.1, 0.1)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_nothing_and_not_finite_are_refused(values):
    with pytest.raises(ValueError, match="expected"):
        stats.bootstrap_interval(values)


def test_level_is_checked():
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.bootstrap_interval([1.0, 2.0], level=95)


def test_interquartile_mean_ignores_the_outer_quarters():
    assert stats.interquartile_mean([100.0, 1.0, 2.0, -50.0]) == 1.5
    assert stats.interquartile_mean([1.0, 2.0, 6.0]) == 3.0


def test_steps_to_is_the_first_step_that_reaches():
    curve = [(10, None), (20, float("nan")), (30, 0.5), (40, 0.1), (50, 0.3), (60, 0.05)]
    assert stats.steps_to(curve, 0.1, maximize=False) == 40
    assert stats.steps_to(curve, 0.5, maximize=True) == 30
    assert stats.steps_to(curve, 0.01, maximize=False) is None
    assert stats.steps_to([], 0.01, maximize=False) is None


def test_welch_equals_the_closed_form():
    a, b = [1.0, 2.0, 3.0], [3.0, 4.0, 5.0]
    # t^2 = 2^2 / (1/3 + 1/3) = 6 with 4 degrees of freedom, whose distribution is algebraic:
    # P(|T| > t) = 1 - 3/4 s (1 - s^2 / 12), s = t / sqrt(1 + t^2 / 4), so s^2 = 2.4.
    expected = 1 - 0.75 * math.sqrt(2.4) * (1 - 2.4 / 12)
    np.testing.assert_allclose(stats.welch(a, b), expected, rtol=1e-12)
    assert stats.welch(a, b) == stats.welch(b, a)


def test_welch_is_silent_without_variance():
    assert math.isnan(stats.welch([1.0], [2.0, 3.0]))
    assert math.isnan(stats.welch([1.0, 1.0], [2.0, 2.0]))


def test_holm_is_the_textbook_example():
    np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(stats.holm([0.9, math.nan, 0.6]), [1.0, math.nan, 1.0])


def test_probability_of_improvement_counts_pairs():
    assert stats.probability_of_improvement([1.0, 3.0], [2.0, 3.0], maximize=True) == 0.375
    assert stats.probability_of_improvement([1.0, 3.0], [2.0, 3.0], maximize=False) == 0.625
