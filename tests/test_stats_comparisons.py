"""Effect sizes, aggregates over tasks, and power: known answers and brute force."""

import itertools
import math
import warnings

import numpy as np
import pytest
from scipy import stats as scipy_stats

from lstmx import stats
from lstmx.stats import _noncentral

pytestmark = pytest.mark.no_jax

A, B = [3.1, 4.0, 5.3, 4.4], [1.2, 2.9, 2.0]


def test_bonferroni_counts_the_comparisons_there_are():
    p = [0.01, math.nan, 0.03, 0.5]
    np.testing.assert_allclose(stats.bonferroni(p), [0.03, math.nan, 0.09, 1.0])
    assert (np.array(stats.holm(p)) <= stats.bonferroni(p))[[0, 2, 3]].all()


def test_permutation_is_the_count_over_all_splits():
    pooled = np.array(A + B)
    splits = [set(s) for s in itertools.combinations(range(7), 4)]
    apart = [pooled[sorted(s)].mean() - pooled[sorted(set(range(7)) - s)].mean() for s in splits]
    expected = np.mean(np.abs(apart) >= abs(np.mean(A) - np.mean(B)) - 1e-12)
    assert stats.permutation(A, B) == expected


def test_difference_is_that_of_scipy():
    expected = scipy_stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.9)
    found = stats.difference(A, B, level=0.9)
    assert found.value == pytest.approx(np.mean(A) - np.mean(B))
    np.testing.assert_allclose(found[1:], expected)
    # p = .05 where the interval ends at 0: the test and the interval say the same.
    p = stats.welch(A, B)
    assert stats.difference(A, B, level=1 - p).low == pytest.approx(0, abs=1e-9)
    assert math.isnan(stats.difference([1.0], [2.0, 3.0]).low)


def test_noncentral_t_is_that_of_scipy():
    for t, degrees, center in itertools.product((-1, 0, 2.5, 12.7), (1, 4, 5.3, 60), (-2, 0, 7)):
        expected = scipy_stats.nct.cdf(t, degrees, center)
        assert abs(_noncentral.cdf(t, degrees, center) - expected) < 3e-6


def test_hedges_g_is_unbiased_and_its_interval_covers():
    generator = np.random.default_rng(0)
    true, n, m = 1.5, 4, 3
    drawn = [
        stats.hedges_g(generator.normal(true, 1, n), generator.normal(0, 1, m)) for _ in range(400)
    ]
    values = np.array([d.value for d in drawn])
    assert abs(values.mean() - true) < 4 * values.std() / 20
    covered = np.mean([d.low <= true <= d.high for d in drawn])
    assert abs(covered - 0.95) < 0.04  # four standard errors
    # Far apart, beyond the range of SciPy's noncentral t.
    far = stats.hedges_g([1.0, 1.1, 1.2], [9.0, 9.1, 9.2])
    assert far.low < far.value < far.high < 0
    assert math.isnan(stats.hedges_g([1.0, 1.0], [2.0, 2.0]).value)


def test_cliffs_delta_counts_pairs_and_its_interval_solves_the_score_equation():
    a, b = [1.0, 3.0, 2.0, 2.0], [2.0, 0.5, 1.0]
    signs = [np.sign(x - y) for x in a for y in b]
    found = stats.cliffs_delta(a, b)
    assert found.value == pytest.approx(np.mean(signs))
    theta = (1 + found.value) / 2
    for end in found[1:]:
        p = (1 + end) / 2
        spread = (1 - p) / (2 - p) + p / (1 + p)
        variance = p * (1 - p) * (1 + (3.5 - 1) * spread) / 12
        assert (theta - p) ** 2 == pytest.approx(1.959964**2 * variance, rel=1e-5)
    mirrored = stats.cliffs_delta(b, a)
    np.testing.assert_allclose(mirrored, (-found.value, -found.high, -found.low), atol=1e-9)
    apart = stats.cliffs_delta([4, 5, 6, 7, 8], [1, 2, 3, 0, -1])
    assert apart.value == apart.high == 1
    assert 0 < apart.low < 0.9  # five seeds do not make it certain


def test_interquartile_mean_is_the_middle_half_of_all_runs():
    generator = np.random.default_rng(0)
    tasks = [generator.normal(size=5), generator.normal(3, 1, size=7)]
    found = stats.interquartile_mean_interval(tasks)
    pooled = np.sort(np.concatenate(tasks))
    assert found.value == pytest.approx(pooled[3:9].mean())
    assert found.low < found.value < found.high
    assert found == stats.interquartile_mean_interval(tasks)
    # A resample draws within a task: one of equal values never changes.
    fixed = stats.interquartile_mean_interval([[1.0] * 4, [5.0] * 4])
    assert fixed == (3.0, 3.0, 3.0)


def test_stratified_bootstrap_has_the_quantiles_of_all_resamples():
    first, second = [[1.0, 3.0], [0.0, 2.0]], [[2.0, 2.5], [1.0, 1.0]]
    found = stats.probability_of_improvement_interval(
        first, second, maximize=True, resamples=20_000, level=0.5
    )
    everything = []
    for picks in itertools.product(range(2), repeat=8):
        rates = []
        for task, (i, j, k, l) in enumerate((picks[:4], picks[4:])):
            ours = [first[task][i], first[task][j]]
            theirs = [second[task][k], second[task][l]]
            rates.append(np.mean([(x > y) + 0.5 * (x == y) for x in ours for y in theirs]))
        everything.append(np.mean(rates))
    assert found.value == pytest.approx(0.5)
    np.testing.assert_allclose(found[1:], np.quantile(everything, [0.25, 0.75]), atol=1e-12)
    minimized = stats.probability_of_improvement_interval(
        [[1.0, 2.0]], [[3.0, 4.0]], maximize=False
    )
    assert minimized == (1.0, 1.0, 1.0)


def test_aggregates_refuse_what_is_no_task():
    with pytest.raises(ValueError, match="no tasks"):
        stats.interquartile_mean_interval([])
    with pytest.raises(ValueError, match="2 and 1 tasks"):
        stats.probability_of_improvement_interval([[1.0], [1.0]], [[1.0]], maximize=True)


def test_seeds_needed_are_those_of_the_tables():
    # Cohen 1988, table 2.4.1: two-sided, alpha .05, power .80.
    found = [stats.seeds_needed(d) for d in (0.5, 0.8, 1.0, 1.2)]
    assert found == [64, 26, 17, 12]
    assert stats.power_of(0.5, 63) < 0.8 <= stats.power_of(0.5, 64)
    assert stats.power_of(0.0, 7) == pytest.approx(0.05, abs=1e-5)
    assert stats.power_of(stats.detectable(6), 6) == pytest.approx(0.8, abs=1e-6)
    assert stats.power_of(1e5, 2) == pytest.approx(1)


def test_welch_takes_a_sample_of_equal_values_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # One sample has no variance: the test of the other one's mean against its value.
        expected = scipy_stats.ttest_1samp([2.0, 3.0, 5.0], 1.0).pvalue
        assert stats.welch([1.0, 1.0, 1.0], [2.0, 3.0, 5.0]) == pytest.approx(expected)
        assert stats.welch([0.1 + 0.2] * 3, [0.30000000000000004, 0.3, 0.3]) > 0


def test_power_is_that_of_welch_in_a_simulation():
    generator = np.random.default_rng(0)
    a, b = generator.normal(2, 1, (4000, 6)), generator.normal(0, 2, (4000, 9))
    seen = scipy_stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue < 0.05
    predicted = stats.power_of(2.0, 6, 9, deviations=(1.0, 2.0))
    # Four standard errors of 4000 pairs.
    assert abs(seen.mean() - predicted) < 0.03
    assert 0.5 < predicted < 0.8


@pytest.mark.parametrize(("n", "m"), [(3, 3), (2, 5), (4, 4), (1, 6)])
def test_smallest_p_is_that_of_samples_far_apart(n, m):
    # One value is larger than all others together: no other split is as far apart.
    a, b = 10.0 + np.arange(n), -100.0 - np.arange(m)
    found = stats.smallest_p(n, m)
    assert found == pytest.approx(stats.permutation(a, b))


def test_warning_says_what_few_seeds_cannot_show():
    assert stats.warning(10, 10) == stats.warning(10, 10, comparisons=9) == ""
    text = stats.warning(3, 3, comparisons=9)
    assert "3 against 3" in text
    assert "cannot fall below p = 0.9" in text
    assert f"take {stats.seeds_needed(2.0, alpha=0.05 / 9)} seeds" in text
    # Five seeds lack a hair for two standard deviations.
    assert stats.detectable(6) < 2 < stats.detectable(5)
    assert stats.warning(6, 6) == ""
    assert "only differences of 2.0" in stats.warning(5, 5)
    assert "cannot fall" not in stats.warning(5, 5)
    assert "with one" in stats.warning(1, 3)


def test_wishes_that_make_no_sense_are_refused():
    for call in (
        lambda: stats.power_of(1.0, 1),
        lambda: stats.power_of(1.0, 3, alpha=0.0),
        lambda: stats.power_of(1.0, 3, deviations=(0.0, 1.0)),
        lambda: stats.seeds_needed(0.0),
        lambda: stats.seeds_needed(1.0, power=1.0),
        lambda: stats.seeds_needed(1e-4),
        lambda: stats.smallest_p(0, 3),
    ):
        with pytest.raises(ValueError, match=r"expected|more than"):
            call()
