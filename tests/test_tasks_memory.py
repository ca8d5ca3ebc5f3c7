"""Variable copy memory, denoising and warping: worked examples, places, baselines, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, score, value

from lstmx import tasks
from lstmx.tasks import copy_memory, denoise, warp
from lstmx.testing.tasks import check_task

MANY = 1024  # rows of a simulated baseline


def test_variable_copy_example_masks_what_is_not_there():
    encode = jax.jit(copy_memory.encode, static_argnums=2)
    batch = jax.device_get(encode(jnp.array([[5, 2], [1, 8]]), jnp.array([3, 2]), 3))
    np.testing.assert_array_equal(batch.inputs, [[5, 2, 0, 0, 9, 0, 0], [1, 8, 0, 9, 0, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 0, 0, 5, 2], [0, 0, 0, 0, 1, 8, 0]])
    np.testing.assert_array_equal(batch.mask, [7 * [True], 6 * [True] + [False]])
    np.testing.assert_array_equal(batch.weights, batch.mask)


def test_variable_copy_draws_blanks_and_its_baseline_knows_when_but_not_what():
    options = {"length": 5, "num_symbols": 3, "variable": True}
    check_task(tasks.make("copy_memory", batch_size=3, **options))
    task = tasks.make("copy_memory", batch_size=MANY, **options)
    batch = draw(task, 2)
    blanks = np.argmax(batch.inputs == 9, axis=1) - 3
    assert (np.unique(blanks).tolist(), task.spec.length) == ([1, 2, 3, 4, 5], 12)
    np.testing.assert_array_equal(batch.mask.sum(axis=1), 3 + blanks + 1 + 3)
    silent, guess = np.array([50.0] + 8 * [0.0]), np.array([-50.0] + 8 * [0.0])
    metrics = score(task, np.where((batch.targets > 0)[..., None], guess, silent), batch)
    steps = batch.mask.sum(axis=1)
    three_errors = 3 * steps.std() / MANY**0.5 / steps.mean() * task.spec.baseline
    assert abs(value(metrics["loss"]) - task.spec.baseline) < three_errors
    assert float(metrics["accuracy"].count) == 3 * MANY


@pytest.mark.parametrize(
    ("name", "length", "published"),
    [
        ("copy_memory", 100, 0.17329),
        ("copy_memory", 200, 0.09452),
        ("copy_memory", 500, 0.03999),
        ("copy_memory", 2000, 0.01029),
        ("denoise", 100, 0.18310),
        ("denoise", 200, 0.09987),
        ("denoise", 500, 0.04225),
        ("denoise", 1000, 0.02154),
    ],
)
def test_baselines_are_those_in_the_literature(name, length, published):
    """10 ln 8 / (T + 20) and 10 ln 9 / (T + 20)."""
    assert round(tasks.make(name, length=length).spec.baseline, 5) == published


def test_denoise_example_of_the_docstring():
    encode = jax.jit(denoise.encode, static_argnums=2)
    batch = jax.device_get(encode(jnp.array([[5, 2]]), jnp.array([[1, 3]]), 3))
    np.testing.assert_array_equal(batch.inputs, [[0, 5, 0, 2, 10, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 0, 0, 5, 2]])


def test_denoise_scatters_every_symbol_evenly_and_in_order():
    task = tasks.make("denoise", batch_size=MANY, length=5, num_symbols=3)
    batch = draw(task, 3)
    noisy = batch.inputs[:, :7]
    shown = noisy[noisy > 0].reshape(MANY, 3)  # three places in every row, none taken twice
    np.testing.assert_array_equal(shown, batch.targets[:, -3:])
    np.testing.assert_array_equal(np.unique(shown), np.arange(1, 10))
    p = 3 / 7
    shares = np.mean(noisy > 0, axis=0)
    assert np.all(np.abs(shares - p) < 3 * (p * (1 - p) / MANY) ** 0.5)
    assert np.all(batch.inputs[:, 7] == 10)
    silent, guess = np.array([50.0] + 9 * [0.0]), np.array([-50.0] + 9 * [0.0])
    metrics = score(task, np.where((batch.targets > 0)[..., None], guess, silent), batch)
    assert value(metrics["loss"]) == pytest.approx(task.spec.baseline, rel=1e-5)


@pytest.mark.parametrize(
    ("form", "shown"), [("warp", [7, 7, 2, 2, 2, 5]), ("pad", [7, 0, 2, 0, 0, 5])]
)
def test_warp_examples_of_the_docstring(form, shown):
    text, repeats = jnp.array([[7, 2, 5, 9]]), jnp.array([[2, 3, 1, 4]])
    encode = jax.jit(warp.encode, static_argnums=(2, 3))
    batch = jax.device_get(encode(text, repeats, 6, form))
    np.testing.assert_array_equal(batch.inputs, [shown])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 7, 7, 7, 2]])


@pytest.mark.parametrize("uniform", [False, True])
def test_warp_stretches_as_asked_and_its_baseline_knows_the_present_alone(uniform):
    options = {"batch_size": MANY, "length": 13, "max_repeat": 3, "uniform": uniform}
    forms = [tasks.make("warp", form=form, **options) for form in warp.FORMS]

    def ask(key):
        batches = [task.batch(key, 0) for task in forms]
        logits = []
        for batch in batches:
            possible = jnp.ones((11,)).at[0].set(0.0) - jax.nn.one_hot(batch.inputs, 11)
            first = (batch.targets == 0)[..., None]
            logits.append(50.0 * jnp.where(first, jax.nn.one_hot(0, 11), possible))
        return batches, [task.loss(*pair) for task, *pair in zip(forms, logits, batches)]

    (warped, padded), metrics = jax.device_get(jax.jit(ask)(jax.random.key(4)))
    np.testing.assert_array_equal(warped.targets, padded.targets)  # one text in both forms
    begins = padded.inputs > 0
    assert np.all(begins[:, 0])
    np.testing.assert_array_equal(warped.inputs[begins], padded.inputs[begins])
    np.testing.assert_array_equal(begins[:, 1:], np.diff(warped.inputs, axis=1) != 0)
    lasting = np.diff(np.nonzero(begins.ravel())[0])
    rows = np.nonzero(begins)[0]
    lasting = lasting[rows[1:] == rows[:-1]]  # what the end cuts off has no length
    np.testing.assert_array_equal(np.unique(lasting), [3] if uniform else [1, 2, 3])
    asked = np.sum(warped.targets > 0, axis=1)
    three_errors = 3 * asked.std() / MANY**0.5 / 13 * np.log(10) + 1e-5
    for task, found in zip(forms, metrics):
        assert abs(value(found["loss"]) - task.spec.baseline) < three_errors


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("copy_memory", {"length": 0, "variable": True}, "length=0; expected at least 1"),
        ("denoise", {"num_symbols": 0}, "num_symbols=0; expected at least 1"),
        ("denoise", {"alphabet": 1}, "alphabet=1; expected at least 2"),
        ("warp", {"form": "padd"}, "did you mean 'pad'"),
        ("warp", {"max_repeat": 0}, "max_repeat=0; expected at least 1"),
        ("warp", {"length": 4, "max_repeat": 4}, "length=4; expected at least 5"),
        ("warp", {"alphabet": 2}, "alphabet=2; expected at least 3"),
    ],
)
def test_wrong_options_of_memory_tasks_get_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make(name, **options)
    assert "\n" not in str(refused.value)
