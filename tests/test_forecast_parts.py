"""The parts of forecasting: inverses, bases, likelihoods, calendars; tests of accuracy."""

import math

import jax
import numpy as np
import pytest
from scipy import stats as scipy_stats
from threadpoolctl import threadpool_limits

from lstmx import stats
from lstmx.tasks import _windows
from lstmx.tasks._forecasting import bases, calendar, counts, likelihoods, transforms
from lstmx.tasks._forecasting.panel import Panel

LEVELS = (0.1, 0.3, 0.5, 0.9)


def panel(values, bounds=None):
    """A panel of series without covariates."""
    values = np.asarray(values, float).reshape(len(values), -1)
    bounds = np.array([0, len(values)] if bounds is None else bounds)
    blank = np.empty((len(values), 0))
    times = np.arange(len(values)).astype("datetime64[h]").astype("datetime64[s]")
    ids = tuple(map(str, range(len(bounds) - 1)))
    names = tuple(map(str, range(values.shape[1])))
    last = bounds[1:] - 1
    return Panel(times, values, names, bounds, ids, *[blank] * 4, np.ones(len(values)), last)


@pytest.mark.no_jax
@pytest.mark.parametrize("kind", transforms.KINDS)
def test_transforms_are_undone_exactly(kind):
    values = np.random.default_rng(0).lognormal(1, 1, (50, 2))
    power = transforms.powers(kind, values)
    z = transforms.forward(kind, values, power)
    np.testing.assert_allclose(transforms.inverse(kind, z, power), values, rtol=1e-12)
    values[3, 1] = np.nan
    assert np.isnan(transforms.forward(kind, values, power)[3, 1])


@pytest.mark.no_jax
def test_box_cox_finds_the_power_of_its_data():
    random = np.random.default_rng(0)
    made = np.stack([np.exp(random.normal(1, 0.5, 4000)), (5 + random.normal(size=4000)) ** 2], 1)
    np.testing.assert_allclose(transforms.powers("box-cox", made), [0, 0.5], atol=0.1)
    # (z p + 1) below 0 has no value: the bound of the transform is given
    assert transforms.inverse("box-cox", np.array([-9.0]), np.array([0.5])) == 0
    with np.errstate(over="raise"):  # the exponential of z is for the power 0 alone
        large = transforms.inverse("box-cox", np.array([900.0]), np.array([1.0]))
    assert large == 901
    with pytest.raises(
        ValueError, match="'b' has the value 0; transform='log' needs values above 0"
    ):
        transforms.check("log", np.array([[1.0, 0.0]]), ("a", "b"), "f.csv")


@pytest.mark.no_jax
def test_differences_are_bases_in_another_form():
    values = np.random.default_rng(0).normal(size=(40, 2)).cumsum(axis=0)
    found = bases.tables(panel(values), values, 5)
    at = np.array([12, 20, 33])
    truth = values[at[:, None] + 1 + np.arange(5)]
    base = lambda kind: bases.base(kind, found, at, 5, 5)
    first = np.diff(values, axis=0, prepend=np.nan)
    steps = first[at[:, None] + 1 + np.arange(5)]
    np.testing.assert_allclose(truth - base("last"), steps.cumsum(axis=1))  # (1 - B)
    seasonal = values[5:] - values[:-5]
    np.testing.assert_allclose(truth - base("seasonal"), seasonal[at[:, None] - 4 + np.arange(5)])
    both = np.diff(seasonal, axis=0)  # (1 - B) (1 - B^5), summed up again
    expected = both[at[:, None] - 5 + np.arange(5)].cumsum(axis=1)
    np.testing.assert_allclose(truth - base("seasonal_drift"), expected)


@pytest.mark.no_jax
def test_linear_base_is_the_least_squares_of_its_window_and_stays_in_its_series():
    t = np.arange(300.0)
    values = np.sin(2 * np.pi * t / 12)[:, None]  # y_{t+1} = 2 cos(w) y_t - y_{t-1}
    two = panel(np.concatenate([values, values + 100]), [0, 300, 600])
    found = bases.tables(two, two.values, 0)
    train, valid = np.arange(20, 200), np.arange(200, 290)
    weights = bases.ridge(found, two.values, train, valid, 4, 3)
    found = found._replace(weights=weights)
    at = np.array([250, 550])
    truth = two.values[at[:, None] + 1 + np.arange(3)]
    np.testing.assert_allclose(bases.base("linear", found, at, 3, 0), truth, atol=2e-2)
    # A window that would reach into the series before is filled with the first value of its own.
    first = bases.base("linear", found, np.array([300]), 3, 0)
    np.testing.assert_allclose(first, found.level[300] * np.ones((1, 3, 1)))
    found = bases.tables(two, two.values, 12)
    second = bases.base("seasonal", found, np.array([304]), 3, 12)
    np.testing.assert_array_equal(second, found.level[304] * np.ones((1, 3, 1)))


@pytest.mark.no_jax
def test_simple_forecasts_of_known_series():
    line = 2.0 * np.arange(10)[:, None]
    np.testing.assert_allclose(_windows.drift(line, np.array([5]), 2)[0, :, 0], [12, 14])
    season = np.array([1.0, 5, 2, 3, np.nan, 9])[:, None]
    found = _windows.phase_mean(season, np.array([3]), 3, 2)[0, :, 0]
    np.testing.assert_allclose(found, [1.5, 4, 1.5])
    known = _windows.filled_forward(season, 2)[:, 0]
    np.testing.assert_allclose(known, [1, 5, 2, 3, 2, 9])
    assert _windows.cuts(100, 0.1, 0.2, fold=2) == (50, 60, 80)


@pytest.mark.no_jax
def test_calendar_turns_once_a_period():
    times = np.array(["2024-01-01T00", "2024-01-01T12", "2023-07-02T12"], "datetime64[s]")
    np.testing.assert_allclose(calendar.phase(times, "hour"), [0, 0.5, 0.5])
    np.testing.assert_allclose(calendar.phase(times, "weekday"), [0, 1 / 14, 13 / 14])  # Mondays
    np.testing.assert_allclose(calendar.phase(times, "yearday"), [0, 0.5 / 366, 0.5])
    found = calendar.features(times, ("hour", "yearday"), 2)
    assert found.shape == (3, 8) == (3, len(calendar.names(("hour", "yearday"), 2)))
    np.testing.assert_allclose(found[1, :4], [0, -1, 0, 1], atol=1e-12)


def test_losses_are_likelihoods_of_scipy_and_quantiles_never_cross():
    random = np.random.default_rng(0)
    params, y = random.normal(0, 3, (50, 4)), random.normal(size=50)
    spread = np.logaddexp(params[:, 1], 0) + likelihoods.SMALLEST
    df = 2 + np.logaddexp(params[:, 2], 0)
    kinds = ("gaussian", "student_t", "huber", "quantiles")
    losses = jax.jit(lambda p, t: {k: likelihoods.loss(k, LEVELS, p, t) for k in kinds})(params, y)
    loss = lambda kind: np.asarray(losses[kind])
    normal = -scipy_stats.norm.logpdf(y, params[:, 0], spread)
    np.testing.assert_allclose(loss("gaussian"), normal, rtol=2e-4)
    student = -scipy_stats.t.logpdf(y, df, params[:, 0], spread)
    np.testing.assert_allclose(loss("student_t"), student, rtol=2e-4)
    error = params[:, 0] - y
    small = np.abs(error) < 1
    assert 0 < small.sum() < 50
    quantiles = np.stack(likelihoods.quantiles(LEVELS, params), -1)
    np.testing.assert_allclose(loss("huber")[small], error[small] ** 2 / 2, rtol=1e-4)
    np.testing.assert_allclose(loss("huber")[~small], np.abs(error[~small]) - 0.5, rtol=1e-4)
    assert (np.diff(quantiles, axis=-1) > 0).all()
    np.testing.assert_allclose(quantiles[:, 2], params[:, 0])
    pinball = stats.pinball(y, quantiles, LEVELS).mean(-1)
    np.testing.assert_allclose(loss("quantiles"), pinball, rtol=1e-4)
    found = likelihoods.at("student_t", LEVELS, params, LEVELS)
    np.testing.assert_allclose(
        found, scipy_stats.t.ppf(LEVELS, df[:, None], params[:, :1], spread[:, None]), rtol=1e-6
    )
    between = likelihoods.at("quantiles", LEVELS, params, (0.05, 0.1, 0.2))
    assert np.isnan(between[:, 0]).all()  # beyond the predicted ones nothing is said
    np.testing.assert_allclose(between[:, 2], (quantiles[:, 0] + quantiles[:, 1]) / 2)
    assert likelihoods.at("huber", LEVELS, params, LEVELS) is None


def test_mixture_has_the_mean_that_is_said_and_quantiles_of_its_distribution():
    random = np.random.default_rng(0)
    params, y = random.normal(0, 2, (20, 10)), random.normal(size=20)
    shares, means, spreads = likelihoods.parts(params)
    shares = np.exp(shares)
    np.testing.assert_allclose((shares * means).sum(-1), params[:, 0])
    density = (shares * scipy_stats.norm.pdf(y[:, None], means, spreads)).sum(-1)
    losses = likelihoods.loss("mixture", LEVELS, np.float32(params), np.float32(y))
    np.testing.assert_allclose(losses, -np.log(density), rtol=1e-3)
    found = likelihoods.at("mixture", LEVELS, params, LEVELS)
    of_parts = scipy_stats.norm.cdf(found[:, None], means[..., None], spreads[..., None])
    np.testing.assert_allclose((shares[..., None] * of_parts).sum(1), np.tile(LEVELS, (20, 1)))


def test_counts_have_the_likelihood_and_quantiles_of_scipy():
    random = np.random.default_rng(0)
    middle, p, y = random.uniform(0.2, 40, 30), random.normal(0, 2, 30), random.poisson(8, 30)
    r = 1 / (np.logaddexp(p, 0) + counts.SMALLEST)
    said = scipy_stats.nbinom(r, r / (r + middle))
    found = counts.loss(np.float32(middle), np.float32(p), np.float32(y))
    np.testing.assert_allclose(found, -said.logpmf(y), rtol=2e-3)
    np.testing.assert_array_equal(counts.quantiles(middle, p, (0.9,))[:, 0], said.ppf(0.9))
    low = counts.log_mean(np.array([0.1, 0.1 + 1e-9, -5.0]))  # no step, and never minus infinity
    np.testing.assert_allclose(low, [np.log(0.1), np.log(0.1), np.log(0.1) - 51], atol=1e-6)
    counts.check(np.array([[0.0], [np.nan], [7.0]]), ("n",), "t.csv")
    with pytest.raises(ValueError, match=r"t\.csv: column 'n' has the value 0\.5"):
        counts.check(np.array([[0.5]]), ("n",), "t.csv")


@pytest.mark.no_jax
def test_diebold_mariano_of_known_losses():
    d = np.array([1.0, 2, 0, 3, 1, 2, 0, 3, 1, 2])
    # One step: no autocovariances; the statistic is that of a t test, times sqrt((n - 1) / n)
    # and over a variance that divides by n: the two cancel.
    found = stats.diebold_mariano(d, np.zeros(10))
    expected = scipy_stats.ttest_1samp(d, 0)
    np.testing.assert_allclose((found.statistic, found.p), expected, rtol=1e-12)
    # Two steps, by hand: Harvey, Leybourne & Newbold 1997, eq. 9.
    centred = d - d.mean()
    variance = (centred @ centred + 2 * centred[1:] @ centred[:-1]) / 10
    assert variance < 0  # so that Bartlett's weights replace the rectangular window
    variance = (centred @ centred + centred[1:] @ centred[:-1]) / 10
    statistic = math.sqrt((11 - 4 + 2 / 10) / 10) * d.mean() / math.sqrt(variance / 10)
    found = stats.diebold_mariano(d, np.zeros(10), horizon=2)
    np.testing.assert_allclose(found.statistic, statistic)
    # Origins on both sides of a missing one are two apart.
    apart = np.stack([d, np.full(10, np.nan)], axis=1).ravel()
    one, two = (stats.diebold_mariano(x, 0 * x, horizon=h) for x, h in ((d, 1), (apart, 2)))
    factor = math.sqrt((11 - 4 + 2 / 10) / 10) / math.sqrt((11 - 2) / 10)
    np.testing.assert_allclose(two.statistic, factor * one.statistic)
    assert math.isnan(stats.diebold_mariano(d[:5], np.zeros(5)).p)
    assert math.isnan(stats.diebold_mariano(d, d).p)
    assert math.isnan(stats.diebold_mariano(d, np.zeros(10), horizon=6).p)


@pytest.mark.no_jax
def test_diebold_mariano_rejects_equal_forecasts_as_often_as_it_says():
    random = np.random.default_rng(0)
    noise = random.normal(size=(2, 800, 41))
    moving = noise[..., 1:] + 0.8 * noise[..., :-1]  # errors of two-step forecasts overlap
    p = [stats.diebold_mariano(a**2, b**2, horizon=2).p for a, b in zip(*moving)]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.08


@pytest.mark.no_jax
@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_conformal_margins_cover_exchangeable_cases(coverage):
    random = np.random.default_rng(0)
    scores = np.abs(random.standard_t(3, (39, 20_000)))
    inside = np.abs(random.standard_t(3, 20_000)) <= stats.conformal(scores, coverage)
    # 39 cases: (n + 1) coverage is whole, so the coverage is exact; 4 standard errors.
    assert abs(inside.mean() - coverage) < 4 * math.sqrt(coverage * (1 - coverage) / 20_000)
    few = stats.conformal([[1.0, 5.0], [np.nan, 3.0], [np.nan, 4.0]], 0.75)
    np.testing.assert_array_equal(few, [np.inf, 5])


@pytest.mark.no_jax
def test_weighted_quantile_loss_of_a_median_is_its_relative_error():
    truth = np.array([1.0, -3, np.nan])
    assert stats.weighted_quantile_loss(truth, np.zeros((3, 1)), [0.5]) == 1
    normal = scipy_stats.norm.ppf(np.linspace(0.005, 0.995, 100))
    loss = stats.pinball(0.3, normal, np.linspace(0.005, 0.995, 100)).mean()
    z, phi = 0.3, scipy_stats.norm
    crps = z * (2 * phi.cdf(z) - 1) + 2 * phi.pdf(z) - 1 / math.sqrt(math.pi)  # Gneiting 2005
    assert loss == pytest.approx(crps, rel=1e-2)


def seasonal(rows, season=4):
    random = np.random.default_rng(0)
    part = np.array([1, -1, 0.5, -0.5])[np.arange(rows) % season]
    return 50 + 0.3 * np.arange(rows) + 5 * part + random.normal(size=rows)


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("error", "trend", "damped", "season"),
    [("add", "add", False, "add"), ("mul", "add", True, "mul"), ("mul", None, False, None)],
)
def test_states_and_forecasts_of_smoothing_are_those_of_statsmodels(error, trend, damped, season):
    ets = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
    from lstmx.stats import smoothing

    y = seasonal(60)
    options = {"error": error, "trend": trend, "damped_trend": damped, "seasonal": season}
    period = {"seasonal_periods": 4} if season else {}
    with threadpool_limits(1):  # several threads are slower
        result = ets.ETSModel(y, **options, **period).fit(disp=False)
    model = smoothing._smoothing(result, error, bool(trend), season or "", damped)
    found = smoothing.smoothed(model, y, np.array([30, 59]), 6)
    np.testing.assert_allclose(found[1], result.forecast(6), rtol=1e-10)
    np.testing.assert_allclose(found[0][0], result.fittedvalues[31], rtol=1e-10)


@pytest.mark.no_jax
def test_theta_is_that_of_statsmodels():
    models = pytest.importorskip("statsmodels.tsa.forecasting.theta")
    y = seasonal(100)
    found, _ = stats.theta(np.concatenate([y, np.full(6, np.nan)]), 100, np.array([99]), 6, 4)
    expected = models.ThetaModel(y, period=4).fit().forecast(6)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)  # two searches for alpha
    # The slope of a line is the same where most of its values are missing.
    line = np.arange(110.0)
    line[np.random.default_rng(0).random(110) < 0.7] = np.nan
    found, _ = stats.theta(line, 100, np.array([99]), 3, 0)
    np.testing.assert_allclose(np.diff(found[0]), 0.5)
    # Of a long series the last rows decide, and begin at the first of them.
    noise = np.random.default_rng(1).standard_normal(2000)
    said = set()
    for level in (0.0, 100.0):
        early = np.where(np.arange(2000) < 1000, level, 0.0)
        said.add(stats.theta(noise + early, 2000, np.array([1999]), 3, 1)[1])
    assert len(said) == 1


@pytest.mark.no_jax
def test_arima_integrates_exactly_and_forecasts_as_statsmodels():
    sarimax = pytest.importorskip("statsmodels.tsa.statespace.sarimax")
    from lstmx.stats import arima

    y = seasonal(80)
    lags = arima._polynomial(4, 1)
    w = arima.differenced(y, lags)
    at = np.array([20, 50])
    ahead = at[:, None] + 1 + np.arange(7)
    np.testing.assert_allclose(arima.integrated(w[ahead], y, at, lags), y[ahead], rtol=1e-12)
    order = arima.Order(1, 1)
    params = np.array([0.3, 0.5, -0.2, 1.5])
    found = arima._ahead(w, order, 0, params, np.array([79]), 5)
    model = sarimax.SARIMAX(w, order=(1, 0, 1), trend="c").filter(params)
    np.testing.assert_allclose(found[0], model.forecast(5), rtol=1e-8)


@pytest.mark.no_jax
@pytest.mark.slow
def test_classical_methods_find_the_season():
    pytest.importorskip("statsmodels")
    y = seasonal(120)
    at = np.arange(99, 114)
    truth = y[at[:, None] + 1 + np.arange(6)]
    for method in (stats.ets, stats.theta, stats.auto_arima):
        found, name = method(y, 100, at, 6, 4)
        # Noise of deviation 1 has the mean absolute value 0.8; without the season it is above 3.
        assert np.abs(found - truth).mean() < 1.7, name
