"""Best of k trials and what tuning gains: closed forms and brute force."""

import itertools

import numpy as np
import pytest

from lstmx import stats

pytestmark = pytest.mark.no_jax

LOSSES, TESTS = [0.5, 0.2, 0.9, 0.3, 0.7], [0.6, 0.4, 0.8, 0.1, 0.9]


@pytest.mark.parametrize("maximize", [False, True])
def test_expected_best_is_the_mean_over_all_subsets(maximize):
    best = max if maximize else min
    for reported in (LOSSES, TESTS):
        expected = [
            np.mean(
                [
                    reported[best(subset, key=lambda k: LOSSES[k])]
                    for subset in itertools.combinations(range(5), k)
                ]
            )
            for k in range(1, 6)
        ]
        found = stats.expected_best(LOSSES, maximize=maximize, reported=reported)
        np.testing.assert_allclose(found.mean, expected, rtol=1e-12)
        np.testing.assert_array_equal(found.budgets, [1, 2, 3, 4, 5])


def test_interval_of_expected_best_covers():
    # Uniform trials: the best of k is 1 / (k + 1) in expectation.
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        curve = stats.expected_best(generator.random(60), [1, 5, 20], maximize=False, resamples=300)
        covered.append((curve.low <= (t := 1 / (curve.budgets + 1))) & (t <= curve.high))
    assert (np.mean(covered, axis=0) > 0.88).all()
    assert (np.mean(covered, axis=0)[:2] < 0.995).all()


def test_many_trials_make_no_overflow():
    curve = stats.expected_best(np.arange(3000.0), [1, 1500, 3000], maximize=True, resamples=10)
    # The largest of k of 0 ... n - 1 is k (n + 1) / (k + 1) - 1.
    k = curve.budgets
    np.testing.assert_allclose(curve.mean, k * 3001 / (k + 1) - 1, rtol=1e-9)


@pytest.mark.parametrize("budgets", [[0], [6], []])
def test_budgets_are_numbers_of_trials(budgets):
    with pytest.raises(ValueError, match="from 1 to 5"):
        stats.expected_best(LOSSES, budgets, maximize=False)


def test_tunability_is_the_gain_over_the_default():
    best = stats.expected_best(LOSSES, maximize=False, reported=TESTS)
    gain = stats.tunability(LOSSES, [0.5, 0.7], maximize=False, reported=TESTS)
    np.testing.assert_allclose(gain.mean, 0.6 - best.mean)
    assert (gain.low <= gain.mean).all()
    np.testing.assert_allclose(stats.tunability(LOSSES, [0.5], [5], maximize=True).mean, 0.9 - 0.5)
    # The default's seeds are part of the uncertainty.
    fixed = stats.tunability([0.5] * 5, [0.6], maximize=False)
    np.testing.assert_allclose([fixed.low, fixed.high], 0.1)
    spread = stats.tunability([0.5] * 5, [0.5, 0.7], maximize=False)
    np.testing.assert_allclose([spread.low, spread.high], [[0] * 5, [0.2] * 5], atol=1e-12)
