"""Statistics over seeds: known answers."""

import itertools
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


def test_permutation_is_exact_for_small_samples():
    # All 20 splits of 1 ... 6: the observed one and its mirror image are the most extreme.
    assert stats.permutation([1, 2, 3], [4, 5, 6]) == 2 / 20
    # Sums of three of 1 ... 6 that are at least 3.5 from the mean, 10.5: 6, 7 and 14, 15.
    assert stats.permutation([1, 2, 4], [3, 5, 6]) == 4 / 20
    assert stats.permutation([2.0, 2.0], [2.0, 2.0, 2.0]) == 1
    # Rounding must not turn an equal difference into a smaller one.
    assert stats.permutation([0.1, 0.2, 0.4], [0.3, 0.5, 0.6]) == 4 / 20
    assert stats.permutation([1e6 + 1, 1e6 + 2, 1e6 + 3], [1e6 + 4, 1e6 + 5, 1e6 + 6]) == 0.1


def test_permutation_of_large_samples_is_near_the_exact_one():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=10), generator.normal(1.4, size=10)
    picks = np.array(list(itertools.combinations(range(20), 10)))
    pooled = np.concatenate([a, b])
    apart = np.abs(pooled[picks].mean(1) - pooled.mean())
    exact = np.mean(apart >= abs(a.mean() - pooled.mean()) - 1e-12)
    found = stats.permutation(a, b)
    assert 0.01 < exact < 0.5
    assert abs(found - exact) < 5 * math.sqrt(exact / 10_000)
    assert stats.permutation(a, b) == found != stats.permutation(a, b, seed=1)
    # One of 1e11 splits is as extreme: none of those drawn, and the observed one counts.
    assert stats.permutation(np.arange(20), np.arange(20) + 99) == 1 / 10_001


def test_share_interval_is_the_one_of_clopper_and_pearson():
    # With all n of n the lower end solves p^n = 2.5 %; with none the upper end mirrors it.
    np.testing.assert_allclose(stats.share_interval(3, 3), (0.025 ** (1 / 3), 1))
    np.testing.assert_allclose(stats.share_interval(0, 5), (0, 1 - 0.025 ** (1 / 5)))
    # 1 of 2 at 90 %: P(X >= 1) = 1 - (1 - p)^2 = 5 % at the lower end.
    low = 1 - math.sqrt(0.95)
    np.testing.assert_allclose(stats.share_interval(1, 2, level=0.9), (low, 1 - low))


@pytest.mark.parametrize(
    ("successes", "trials", "level"), [(4, 3, 0.9), (-1, 3, 0.9), (0, 0, 0.9), (1, 3, 1.0)]
)
def test_share_interval_is_checked(successes, trials, level):
    with pytest.raises(ValueError, match="expected"):
        stats.share_interval(successes, trials, level=level)


def test_holm_is_the_textbook_example():
    np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(stats.holm([0.9, math.nan, 0.6]), [1.0, math.nan, 1.0])


def test_probability_of_improvement_counts_pairs():
    assert stats.probability_of_improvement([1.0, 3.0], [2.0, 3.0], maximize=True) == 0.375
    assert stats.probability_of_improvement([1.0, 3.0], [2.0, 3.0], maximize=False) == 0.625
