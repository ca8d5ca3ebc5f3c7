"""Intervals of few values: what they are, and how often they cover."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from experiments import _coverage
from lstmx import stats
from lstmx.stats import _rows, coverage
from lstmx.stats._samples import resampled

pytestmark = pytest.mark.no_jax

MEASURED = Path(__file__).parents[1] / "experiments" / "measured"
FIVE = [0.4, 1.1, 0.2, 3.7, 0.9]


def test_t_interval_is_the_one_of_the_table():
    # t of 4 degrees of freedom at .975 is 2.776445 in any table.
    half = 2.776445 * np.std(FIVE, ddof=1) / math.sqrt(5)
    np.testing.assert_allclose(
        stats.t_interval(FIVE), (np.mean(FIVE) - half, np.mean(FIVE) + half), rtol=1e-6
    )
    low, high = stats.log_t_interval(FIVE)
    np.testing.assert_allclose((math.log(low), math.log(high)), stats.t_interval(np.log(FIVE)))
    with pytest.raises(ValueError, match="positive"):
        stats.log_t_interval([0.0, 1.0])


def test_corrected_interval_solves_the_equation_of_hall():
    low, high = stats.mean_interval(FIVE)
    x = np.array(FIVE)
    error = x.std(ddof=1) / math.sqrt(5)
    skewness = ((x - x.mean()) ** 3).mean() / x.std() ** 3 / math.sqrt(5)
    for end, q in ((low, 2.776445), (high, -2.776445)):
        t = (x.mean() - end) / error
        g = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
        np.testing.assert_allclose(g, q, rtol=1e-6)
    assert high - x.mean() > x.mean() - low  # the long end of the values
    # Nothing to correct in symmetric values, and too little to know in three.
    for values in ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 6.0]):
        np.testing.assert_allclose(stats.mean_interval(values), stats.t_interval(values))


def test_bootstraps_agree_with_scipy():
    # SciPy draws the same resamples from this seed; it interpolates their quantiles differently.
    x = np.random.default_rng(2).lognormal(size=13)
    made = scipy_stats.bootstrap((x,), np.mean, method="BCa", n_resamples=10_000, rng=1)
    expected = made.confidence_interval
    width = expected.high - expected.low
    np.testing.assert_allclose(stats.bca_interval(x, seed=1), expected, atol=0.01 * width)
    generator = np.random.default_rng(0)
    x = generator.normal(size=40)
    np.testing.assert_allclose(stats.studentised_interval(x), stats.t_interval(x), atol=0.05)
    assert stats.studentised_interval([1.0, 2.0, 6.0]) == (-math.inf, math.inf)


def test_intervals_of_many_samples_are_those_of_each():
    values = np.random.default_rng(5).lognormal(size=(7, 5))
    counts = resampled(np.random.default_rng(0), 5, 10_000)
    low, high = _rows.percentile(values, 0.9, counts)
    for k, row in enumerate(values):
        np.testing.assert_allclose(
            (low[k], high[k]), stats.bootstrap_interval(row, level=0.9), rtol=1e-9
        )


@pytest.mark.parametrize(
    "interval",
    [stats.mean_interval, stats.t_interval, stats.bca_interval, stats.studentised_interval],
)
def test_one_value_and_equal_values(interval):
    assert all(math.isnan(end) for end in interval([0.5]))
    assert interval([0.1] * 5) == (0.1, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval([1.0, 2.0], level=95)
    with pytest.raises(ValueError, match="finite"):
        interval([1.0, math.nan])


def test_intervals_cover_as_measured():
    """The order of the methods that `mean_interval` was chosen by."""
    found = coverage.of_means(coverage.DISTRIBUTIONS["log-normal 1"], 10, samples=2000)
    rates = {name: cover.rate for name, cover in found.items()}
    # A rate of 2000 samples has a standard error below .009.
    assert rates["percentile bootstrap"] < 0.84 < rates["Student's t"] + 0.03
    assert rates["t corrected for skewness"] > 0.89
    assert abs(rates["t on the log scale"] - 0.95) < 0.02
    normal = coverage.of_means(coverage.DISTRIBUTIONS["normal"], 5, samples=2000)
    assert abs(normal["Student's t"].rate - 0.95) < 0.02
    assert abs(normal["t corrected for skewness"].rate - 0.95) < 0.02
    assert normal["percentile bootstrap"].rate < 0.87
    assert normal["percentile bootstrap"].width < 0.7


def test_interval_of_a_difference_covers():
    normal = coverage.DISTRIBUTIONS["normal"]
    found = coverage.of_differences([normal, normal], (5, 10), samples=4000)
    assert abs(found["Welch's t"].rate - 0.95) < 0.015


@pytest.mark.parametrize("name", coverage.DISTRIBUTIONS)
def test_means_of_the_distributions_are_true(name):
    one = coverage.DISTRIBUTIONS[name]
    drawn = one.draw(np.random.default_rng(1), (200, 1000))
    error = drawn.std() / math.sqrt(drawn.size)
    assert abs(drawn.mean() - one.mean) < 5 * error
    if not math.isnan(one.geometric):
        logs = np.log(drawn)
        assert abs(logs.mean() - math.log(one.geometric)) < 5 * logs.std() / math.sqrt(logs.size)


def test_committed_table_is_that_of_the_committed_numbers():
    found = json.loads((MEASURED / "coverage.json").read_text("utf-8"))
    assert _coverage.markdown(found) == (MEASURED / "coverage.md").read_text("utf-8")
    ten = found["means"]["log-normal 1"]["10"]
    # Why the report shows what it shows; a rate of 4000 samples has a standard error below .007.
    best = ten["t corrected for skewness"][0]
    assert best > ten["Student's t"][0] + 0.05 > ten["percentile bootstrap"][0] + 0.05
    assert _coverage.measure([3], 20)["means"].keys() == found["means"].keys()
