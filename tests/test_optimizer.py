"""Optimizers built from a config equal the optax ones, also with traced hyperparameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lstmx.train import optimizer

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
}
REFERENCE = {
    "sgd": lambda: optax.chain(
        optax.add_decayed_weights(0.01), optax.sgd(0.1, momentum=0.8, nesterov=True)
    ),
    "adam": lambda: optax.chain(optax.add_decayed_weights(0.01), optax.adam(0.1, 0.7, 0.95)),
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


@pytest.mark.parametrize("name", optimizer.NAMES)
def test_optimizer_equals_optax_with_traced_hyperparameters(name):
    options = {**OPTIONS, "name": name, "nesterov": True}
    ours = jax.jit(lambda h: descend(optimizer.make(options, h, 100)))(HPARAMS)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(descend(REFERENCE[name]()))):
        np.testing.assert_allclose(a, b, rtol=1e-5)


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
