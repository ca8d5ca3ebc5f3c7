"""The task next_value: its process, its targets, its references, and the broadcast of tutorials."""

import jax
import numpy as np
import pytest

from lstmx import tasks
from lstmx.tasks import next_value
from lstmx.testing.tasks import check_task
from lstmx.types import Batch


@pytest.mark.no_jax
def test_the_process_is_the_one_of_the_docstring():
    x = next_value.drawn("train", 20_000, 7, 2, 0.9, 8.0).astype(float)
    assert x.shape == (20_000, 7, 2)
    first, second = 2 * 0.9 * np.cos(np.pi / 4), -(0.9**2)
    noise = x[:, 2:] - first * x[:, 1:-1] - second * x[:, :-2]
    spread = 5 / np.sqrt(20_000)  # five standard errors of a mean of squares of order 1
    np.testing.assert_allclose((x**2).mean(0), 1, atol=2 * spread)
    np.testing.assert_allclose((noise**2).mean((0, 1)), next_value.noise_variance(0.9, 8), rtol=0.1)
    assert abs((noise[:, 1:] * noise[:, :-1]).mean()) < spread, "noise is white"
    assert abs((x[:, :, 0] * x[:, :, 1]).mean()) < spread, "features are independent"
    assert next_value.noise_variance(0.0, 8) == 1


@pytest.mark.parametrize("target", next_value.TARGETS)
def test_targets_are_later_values_of_the_first_feature(target):
    task = tasks.make(
        "next_value", batch_size=3, series=5, length=4, features=2, target=target, split="test"
    )
    batch = task.batch(jax.random.key(0), 0)
    series = next_value.drawn("test", next_value.HELD_OUT, 4, 2, 0.95, 10.0)[:3]
    np.testing.assert_array_equal(batch.inputs, series[:, :-1])
    if target == "next":
        np.testing.assert_array_equal(batch.targets[:, -1, 0], series[:, -1, 0])
        np.testing.assert_array_equal(batch.weights, [[0, 0, 1]] * 3)
    else:
        np.testing.assert_array_equal(batch.targets[..., 0], series[:, 1:, 0])
        np.testing.assert_array_equal(batch.weights, np.ones((3, 3)))


def test_the_best_predictors_have_the_best_errors():
    def error(target, guess, **options):
        task = tasks.make("next_value", batch_size=1000, split="test", target=target, **options)
        batch = task.batch(jax.random.key(0), 0)
        found = task.loss(guess(np.asarray(batch.inputs)), Batch(*batch))["mse"]
        return float(found.total / found.count), task.spec

    first, second = 2 * 0.95 * np.cos(np.pi / 5), -(0.95**2)
    after = lambda x: first * x + second * np.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    found, spec = error("next", after)
    assert found == pytest.approx(spec.references["best"], rel=0.15)
    found, spec = error("next", lambda x: x)
    assert found == pytest.approx(spec.references["naive"], rel=1e-5)
    assert spec.baseline == pytest.approx(1, rel=0.15)

    def every(x):
        guess = after(x)
        guess[:, 0] = first / (1 - second) * x[:, 0]
        return guess

    found, spec = error("every", every)
    assert found == pytest.approx(spec.references["best"], rel=0.1)
    # What tutorials print: the optimum is a mean of the series and not its next value.
    mean = lambda x: np.broadcast_to(x[:, 1:].sum(1, keepdims=True) / 9, x.shape)
    found, spec = error("broadcast", mean, damping=0.0)
    assert spec.references["best"] == pytest.approx(1 - 8 / 81)
    assert found == pytest.approx(spec.references["best"], rel=0.05)
    assert error("next", mean, damping=0.0)[0] > 1, "it is no forecast"


def test_it_conforms():
    check_task(tasks.make("next_value", batch_size=2, series=5, length=4, features=2))
    check_task(tasks.make("next_value", batch_size=2, series=5, length=4, target="broadcast"))


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target": "nex"}, "did you mean 'next'"),
        ({"length": 2}, "length=2; expected at least 3"),
        ({"damping": 1.0}, "damping=1.0"),
        ({"period": 1.5}, "period=1.5"),
        ({"series": 0}, "series=0"),
        ({"split": "all"}, "split"),
        ({"series": 5, "batch_size": 6}, "batch_size=6; expected at most the 5"),
    ],
)
def test_other_options_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        tasks.make("next_value", **options)
