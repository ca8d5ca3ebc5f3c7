"""Optimizers built from a config equal the optax ones, also with traced hyperparameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import close

from lstmx import registry
from lstmx.train import optimizer
from lstmx.train.optimizers import keras_adam

HPARAMS = {
    "learning_rate": 0.1,
    "momentum": 0.8,
    "b1": 0.7,
    "b2": 0.95,
    "decay": 0.9,
    "weight_decay": 0.01,
    "clip_norm": 0.0,
    "clip_value": 0.0,
}
OPTIONS = {
    "name": "adam",
    "schedule": "constant",
    "warmup_steps": 0,
    "decay_steps": 0,
    "decay_factor": 0.5,
    "nesterov": False,
    "pruning": "none",
}
REFERENCE = {
    "sgd": lambda: optax.chain(
        optax.add_decayed_weights(0.01), optax.sgd(0.1, momentum=0.8, nesterov=True)
    ),
    "adam": lambda: optax.chain(optax.add_decayed_weights(0.01), optax.adam(0.1, 0.7, 0.95)),
    # Where epsilon is small beside the gradients; tests/test_keras_training.py has the rest.
    "keras_adam": lambda: optax.chain(optax.add_decayed_weights(0.01), optax.adam(0.1, 0.7, 0.95)),
    "adamw": lambda: optax.adamw(0.1, 0.7, 0.95, weight_decay=0.01),
    "rmsprop": lambda: optax.chain(optax.add_decayed_weights(0.01), optax.rmsprop(0.1, decay=0.9)),
}


def descend(transformation, steps=5):
    """Parameters after a few steps on a quadratic."""
    params = {"a": jnp.array([1.0, -2.0]), "b": jnp.array(3.0)}
    state = transformation.init(params)
    for _ in range(steps):
        gradients = jax.tree.map(lambda p: 2 * p + 1, params)
        updates, state = transformation.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
    return params


@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_optimizer_equals_optax_with_traced_hyperparameters(name, monkeypatch):
    monkeypatch.setattr(keras_adam, "EPSILON", 1e-8)
    options = {**OPTIONS, "name": name, "nesterov": True}
    ours = jax.jit(lambda h: descend(optimizer.make(options, h, 100)))(HPARAMS)
    close(ours, descend(REFERENCE[name]()), atol=0)


def test_damped_steps_do_not_grow_with_the_momentum():
    """A constant gradient: 200 updates with a momentum of .9 move as far as plain descent does."""
    gradients = {"a": jnp.array([3.0])}

    def moved(momentum, **options):
        made = optimizer.make(
            {**OPTIONS, "name": "sgd", **options},
            {**HPARAMS, "momentum": momentum, "weight_decay": 0.0},
            100,
        )
        step = lambda state, _: made.update(gradients, state, gradients)[::-1]
        return -float(jax.lax.scan(step, made.init(gradients), None, 200)[1]["a"][-1, 0])

    plain = moved(0.0)
    assert moved(0.9) == pytest.approx(10 * plain, rel=1e-4)
    for nesterov in (False, True):
        assert moved(0.9, damped=True, nesterov=nesterov) == pytest.approx(plain, rel=1e-4)


def test_clipping_limits_values_and_norm_and_zero_is_off():
    gradients = {"a": jnp.array([3.0, -4.0])}

    def clipped(**limits):
        options = {**OPTIONS, "name": "sgd"}
        still = {**HPARAMS, "momentum": 0.0, "weight_decay": 0.0, "learning_rate": 1.0, **limits}
        transformation = optimizer.make(options, still, 100)
        return -transformation.update(gradients, transformation.init(gradients), gradients)[0]["a"]

    np.testing.assert_allclose(clipped(), [3, -4])
    np.testing.assert_allclose(clipped(clip_norm=1.0), [0.6, -0.8], rtol=1e-6)
    np.testing.assert_allclose(clipped(clip_norm=10.0), [3, -4])
    np.testing.assert_allclose(clipped(clip_value=1.0), [1, -1])
    np.testing.assert_allclose(
        clipped(clip_value=3.5, clip_norm=1.0), np.array([3, -3.5]) / 4.6098, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {0: 1, 100: 1}),
        ({"schedule": "linear"}, {0: 1, 50: 0.5, 100: 0}),
        ({"schedule": "cosine"}, {0: 1, 50: 0.5, 100: 0}),
        ({"schedule": "step", "decay_steps": 30}, {29: 1, 30: 0.5, 60: 0.25}),
        ({"schedule": "linear", "warmup_steps": 20}, {0: 1 / 21, 20: 1, 60: 0.5, 100: 0}),
        ({"schedule": "linear", "decay_steps": 10}, {5: 0.5, 10: 0, 100: 0}),
    ],
)
def test_schedule_has_known_values(options, expected):
    shape = optimizer.schedule({**OPTIONS, **options}, 100)
    for step, factor in expected.items():
        np.testing.assert_allclose(shape(step), factor, atol=1e-6)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unknown optimizer 'adm'"):
        optimizer.make({**OPTIONS, "name": "adm"}, HPARAMS, 10)
    with pytest.raises(ValueError, match="unknown schedule 'cos'"):
        optimizer.schedule({**OPTIONS, "schedule": "cos"}, 10)


@jax.jit
def clipped(gradients, limit):
    options = {**OPTIONS, "name": "sgd"}
    still = {**HPARAMS, "momentum": 0.0, "weight_decay": 0.0, "learning_rate": 1.0}
    transformation = optimizer.make(options, {**still, "clip_norm": limit}, 10)
    return transformation.update(gradients, transformation.init(gradients), gradients)[0]


norm = jax.jit(optimizer.norm)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_largest_gradients_are_clipped_too(dtype):
    """Their squares overflow, and limit / infinity is no update at all."""
    largest = float(jnp.finfo(dtype).max)
    for value in (1.0, 0.6 * largest**0.5, 1.6 * largest**0.5, largest / 3, largest):
        for count in (1, 1000):
            gradients = {"a": jnp.full(count, value, dtype), "b": jnp.zeros(2, dtype)}
            update = clipped(gradients, 0.5)
            assert update["a"].dtype == dtype
            expected = -0.5 / count**0.5
            # Three roundings of bfloat16 (2**-9 each) at most, the other types have more bits.
            np.testing.assert_allclose(update["a"].astype(float), expected, 2**-7)
            assert not update["b"].any()
            assert norm(gradients).finite


def test_large_gradients_below_the_limit_and_those_that_are_not_finite_are_left_alone():
    large = {"a": jnp.array([2e19, -1.0])}
    np.testing.assert_array_equal(clipped(large, 1e25)["a"], -large["a"])
    np.testing.assert_array_equal(clipped(large, 0.0)["a"], -large["a"])
    np.testing.assert_allclose(norm(large).value, 2e19, 1e-6)
    for value in (jnp.nan, jnp.inf):
        assert not norm({"a": jnp.array([value, 1.0])}).finite
        assert jnp.isnan(clipped({"a": jnp.array([value, 1.0])}, 1.0)["a"][0])


def test_ordinary_gradients_are_clipped_bit_for_bit_as_by_one_factor():
    """So that no run that was ever recorded changes."""

    @jax.jit
    def by_one_factor(gradients, limit):
        norm = optax.tree.norm(gradients)
        factor = jnp.where((limit > 0) & (norm > limit), limit / norm, 1.0)
        return jax.tree.map(lambda g: -(g * factor), gradients)

    rng = np.random.default_rng(0)
    for _ in range(100):
        scale = 10.0 ** rng.integers(-20, 17)
        gradients = {
            "a": jnp.asarray(rng.normal(size=(7, 5)) * scale, jnp.float32),
            "b": jnp.asarray(rng.normal(size=11), jnp.float32),
        }
        limit = rng.choice([0.0, 1e-3, 1.0, 1e3])
        jax.tree.map(
            np.testing.assert_array_equal,
            clipped(gradients, limit),
            by_one_factor(gradients, limit),
        )
