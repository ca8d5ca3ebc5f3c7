"""Intervals of recursive forecasts by sampled paths: closed forms of processes, seeds, runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from lstmx.report import forecasting
from lstmx.tasks import forecast
from lstmx.tasks._forecasting import likelihoods
from tests.test_forecast_categories import spec_of
from tests.test_forecasting import config, write_run

HORIZON, COUNT = 6, 8000
LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A random walk of 150 days around 50, its values whole numbers."""
    random = np.random.default_rng(0)
    days = np.datetime64("2020-01-01") + np.arange(150)
    walk = np.abs(50 + np.round(3 * random.normal(size=150)).cumsum()).astype(int)
    place = tmp_path_factory.mktemp("paths") / "walk.csv"
    place.write_text("\n".join(["day,y", *(f"{d},{y}" for d, y in zip(days, walk))]) + "\n")
    return place


def sampled(file, step, *, paths=COUNT, key=0, **options):
    """Quantiles [O, H, K] of the first origins in scaled units, with the batch and the windows.

    Args:
        file: the table.
        step: inputs of the last step [R, X] -> outputs [R, P].
        paths: their number.
        key: of the samples.
        options: of the task.
    """
    options = {"multi_step": "recursive", "horizon": HORIZON, **options}
    found = forecast.assemble(spec_of(file, "test", **options), 3)
    batch = found.task.batch(jax.random.key(0), 0)

    def apply(x, state, mask, resets):
        return step(x), state

    state, levels = jnp.zeros((3, 1)), LEVELS
    make = jax.jit(lambda key: found.sampled(apply, batch, state, key, paths, levels))
    return np.asarray(make(jax.random.key(key)))[:, :, 0], batch, found.windows


def constant(*params):
    """Outputs that do not depend on the inputs."""
    return lambda x: jnp.broadcast_to(jnp.asarray(params, jnp.float32), (*x.shape[:2], len(params)))


def in_units(windows, found):
    """Quantiles [O, H, K] of the first origins, in the units of the table."""
    origins = len(windows.origins)
    return windows.original(np.resize(found, (origins, *found.shape[1:]))[:, :, None])[:3, :, 0]


def test_the_spread_of_a_random_walk_grows_with_the_root_of_the_steps(file):
    spread = np.logaddexp(0.3, 0) + likelihoods.SMALLEST
    found, batch, windows = sampled(file, constant(0.0, 0.3), likelihood="gaussian")
    unit, start = batch.targets.unit[:, 0], batch.targets.base[:, 3]
    sd = spread * np.sqrt(1 + np.arange(HORIZON)) * np.asarray(unit)
    np.testing.assert_allclose(found[..., 1] - start, 0 * sd, atol=0.08)
    for level, place in ((0, -1), (2, 1)):
        expected = start + place * stats.norm.ppf(0.9) * sd
        np.testing.assert_allclose(found[..., level], expected, atol=0.06 * sd.max())
    # In the units of the table; the same key gives the same samples.
    shown = in_units(windows, found)[:, 0]
    step = windows.series.values[windows.origins[:3], 0]
    scale = np.asarray(batch.targets.scale).ravel()
    np.testing.assert_allclose(shown[:, 2] - step, 1.2816 * spread * scale * unit[:, 0], rtol=0.06)
    few = {"paths": 20, "likelihood": "gaussian"}
    same, again, other = (sampled(file, constant(0.0, 0.3), key=k, **few)[0] for k in (1, 1, 2))
    np.testing.assert_array_equal(same, again)
    assert not np.array_equal(same, other)


def test_paths_of_a_first_order_process_have_its_mean_and_variance(file):
    phi, raw = 0.8, 0.5
    spread = np.logaddexp(raw, 0) + likelihoods.SMALLEST

    def step(x):  # x[..., 0] is the value before, and its level is 0
        return jnp.stack([phi * x[..., 0], jnp.full(x.shape[:2], raw)], axis=-1)

    found, batch, _ = sampled(file, step, likelihood="gaussian", detrend="none")
    ahead = 1 + np.arange(HORIZON)
    first = np.asarray(batch.inputs[:, 3, :1])
    sd = spread * np.sqrt((1 - phi ** (2 * ahead)) / (1 - phi**2))
    np.testing.assert_allclose(found[..., 1], first * phi**ahead, atol=0.06)
    width = np.broadcast_to(2 * stats.norm.ppf(0.9) * sd, (3, HORIZON))
    np.testing.assert_allclose(found[..., 2] - found[..., 0], width, rtol=0.05)


@pytest.mark.parametrize(("kind", "size"), [("student_t", 3), ("mixture", 10)])
def test_samples_have_the_quantiles_of_their_distribution(kind, size):
    params = np.random.default_rng(3).normal(0, 1, (2, size))
    draw = lambda key: likelihoods.sample(kind, jnp.asarray(params, jnp.float32), key)
    samples = jax.vmap(draw)(jax.random.split(jax.random.key(0), 20_000))
    expected = likelihoods.at(kind, (), params, LEVELS)
    sd = np.std(samples, axis=0)[:, None]
    np.testing.assert_allclose(
        np.quantile(samples, LEVELS, axis=0).T / sd, expected / sd, atol=0.05
    )


def test_sampled_counts_are_whole_and_have_the_quantiles_of_scipy(file):
    options = {"likelihood": "negative_binomial", "detrend": "none", "transform": "log"}
    found, _, windows = sampled(file, constant(0.0, -2.0), **options)
    counts = in_units(windows, found)
    mean = windows.restore(np.zeros((len(windows.origins), HORIZON, 2)))[0, 0, 0]
    r = 1 / (np.logaddexp(-2.0, 0) + 1e-3)
    expected = stats.nbinom.ppf(LEVELS, r, r / (r + mean))
    np.testing.assert_array_equal(counts, np.round(counts))
    np.testing.assert_allclose(counts, np.broadcast_to(expected, counts.shape), atol=3)


def test_a_recursive_run_says_intervals_of_its_paths_and_none_without(file, tmp_path):
    changes = {"task.multi_step": "recursive", "task.likelihood": "gaussian", "task.season": 0}
    run = write_run(tmp_path / "run", config(file, **changes))
    made = forecasting.future([run], sampled=40)
    width = made.predicted.quantiles[0, :, 0, -1] - made.predicted.quantiles[0, :, 0, 0]
    assert (np.diff(width) > 0).all()
    assert np.isfinite(made.intervals[0.8].low).all()
    assert forecasting.predict([run], split="valid", sampled=0).quantiles is None
    with pytest.raises(ValueError, match="sampled=-1"):
        forecasting.predict([run], sampled=-1)
