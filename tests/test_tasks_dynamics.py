"""Tasks of neuroscience, made to look into: worked examples, baselines, references, refusals."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, perfect, quickly, score, value

from lstmx import tasks
from lstmx.tasks import context_integration, delayed_discrimination, flip_flop, sine_generation

MANY = 4096  # examples of a simulated baseline
NAMES = ("context_integration", "delayed_discrimination", "flip_flop", "sine_generation")


def test_flip_flop_example_of_the_docstring():
    pulses = jnp.array([[[1, -1], [0, 0], [0, 1], [-1, 0], [0, 0], [0, 1]]], float)
    batch = quickly(flip_flop.encode, pulses)
    np.testing.assert_array_equal(batch.targets[0, :, 0], [1, 1, 1, -1, -1, -1])
    np.testing.assert_array_equal(batch.targets[0, :, 1], [-1, -1, 1, 1, 1, 1])
    np.testing.assert_array_equal(batch.inputs, pulses)


def test_flip_flop_targets_are_those_of_a_loop_in_plain_python():
    batch = draw(tasks.make("flip_flop", batch_size=3, length=31, bits=2, rate=0.2))
    for inputs, targets in zip(batch.inputs, batch.targets):
        memory = np.zeros(2)
        for pulse, target in zip(inputs, targets):
            memory = np.where(pulse == 0, memory, pulse)
            np.testing.assert_array_equal(target, memory)
    assert np.all(batch.inputs[:, 0] != 0)
    assert set(np.unique(batch.inputs)) == {-1, 0, 1}


def test_flip_flop_pulses_come_at_the_rate_and_a_wrong_bit_costs_four():
    task = tasks.make("flip_flop", batch_size=MANY, length=11, bits=3, rate=0.3)
    batch = draw(task)
    assert abs(np.mean(batch.inputs[:, 1:] != 0) - 0.3) < 3 * (0.3 * 0.7 / (MANY * 30)) ** 0.5
    assert abs(np.mean(batch.inputs[:, 0])) < 3 / (MANY * 3) ** 0.5
    assert value(score(task, np.zeros_like(batch.targets), batch)["mse"]) == task.spec.baseline
    outputs = batch.targets.copy()
    outputs[:, 5, 1] *= -1  # one bit in 33 is wrong, one step in eleven
    metrics = score(task, outputs, batch)
    assert value(metrics["mse"]) == pytest.approx(4 / 33)
    assert value(metrics["correct"]) == pytest.approx(10 / 11)


def test_delayed_discrimination_example_of_the_docstring():
    encode = jax.jit(delayed_discrimination.encode, static_argnums=(2, 3))
    stimuli = jnp.array([[0.2, 0.7], [0.7, 0.2]])
    batch = jax.device_get(encode(stimuli, jnp.array([3, 1]), 1, 3))
    np.testing.assert_allclose(batch.inputs[0, :, 0], [0.2, 0, 0, 0, 0.7], rtol=1e-6)
    np.testing.assert_allclose(batch.inputs[0, :, 1], [0.8, 0, 0, 0, 0.3], rtol=1e-6)
    np.testing.assert_allclose(batch.inputs[1, :, 0], [0.7, 0, 0.2, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(batch.weights, [[0, 0, 0, 0, 1], [0, 0, 1, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 0, 1], [0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(batch.mask.sum(axis=1), [5, 3])


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.4])
def test_delayed_discrimination_without_memory_is_as_good_as_derived(gap):
    options = {"stimulus": 2, "min_delay": 3, "delay": 7, "gap": gap}
    task = tasks.make("delayed_discrimination", batch_size=MANY, **options)
    batch = draw(task, 1)
    last = batch.mask.sum(axis=1) - 1
    assert set(last) == {6, 7, 8, 9, 10}
    first, second = batch.inputs[:, 0, 0], batch.inputs[np.arange(MANY), last, 0]
    assert np.abs(first - second).min() > gap - 1e-6
    classes = batch.targets[batch.weights > 0]
    np.testing.assert_array_equal(classes, second > first)
    reference = task.spec.references["second stimulus only"]
    for answer, p in ((np.ones(MANY), task.spec.baseline), (second > 0.5, reference)):
        outputs = np.stack([1 - answer, answer], axis=-1)[:, None] * np.ones((1, 11, 1))
        accuracy = value(score(task, outputs, batch)["accuracy"])
        assert abs(accuracy - p) < 3 * (p * (1 - p) / MANY) ** 0.5
    assert (reference < task.spec.solved) == (gap < 0.35)


def test_sine_generation_example_of_the_docstring():
    encode = jax.jit(sine_generation.encode, static_argnums=(2, 3))
    batch = jax.device_get(encode(jnp.array([0.25]), jnp.array([1.25]), 5, 0))
    np.testing.assert_array_equal(batch.inputs[0, :, 0], 5 * [1.25])
    np.testing.assert_allclose(batch.targets[0, :, 0], [0, 1, 0, -1, 0], atol=1e-6)
    told = jax.device_get(encode(jnp.array([0.25]), jnp.array([1.25]), 5, 2))
    np.testing.assert_array_equal(told.inputs[0, :, 0], [1.25, 1.25, 0, 0, 0])
    two = {"frequencies": 2, "slowest": 1 / 8, "fastest": 1 / 4, "length": 3}
    drawn = draw(tasks.make("sine_generation", batch_size=32, **two))
    rows = np.unique(np.concatenate([drawn.inputs[..., 0], drawn.targets[..., 0]], axis=1), axis=0)
    expected = [[0.75, 0.75, 0.75, 0, 0.5**0.5, 1], [1.25, 1.25, 1.25, 0, 1, 0]]
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_sine_generation_baseline_equals_simulation():
    task = tasks.make("sine_generation", batch_size=MANY, length=7)
    batch = draw(task)
    error = score(task, np.zeros_like(batch.targets), batch)["mse"]
    spread = np.std(np.mean(batch.targets**2, axis=(1, 2))) / MANY**0.5
    assert spread > 0
    assert abs(value(error) - task.spec.baseline) < 3 * spread
    assert len(np.unique(batch.inputs)) == 51


def test_context_integration_example_of_the_docstring():
    noise = jnp.zeros((1, 3, 2))
    coherences, encode = jnp.array([[0.5, -0.25]]), context_integration.encode
    batch = quickly(encode, coherences, jnp.array([1]), noise)
    np.testing.assert_array_equal(batch.inputs[0], 3 * [[0.5, -0.25, 0, 1]])
    np.testing.assert_array_equal(batch.targets[0, :, 0], [0, 0, -1])
    np.testing.assert_array_equal(batch.weights[0], [0, 0, 1])
    other = quickly(encode, coherences, jnp.array([0]), noise)
    assert other.targets[0, 2, 0] == 1


@pytest.mark.parametrize("streams", [2, 3])
def test_context_integration_references_equal_simulation(streams):
    options = {"streams": streams, "length": 5, "strength": 0.5, "noise": 0.7}
    task = tasks.make("context_integration", batch_size=MANY, **options)
    batch = draw(task, 2)
    streamed, cue = np.split(batch.inputs, 2, axis=-1)
    summed = streamed.sum(axis=1)  # [B, K]
    relevant = np.sum(summed * cue[:, 0], axis=1)
    answers = {"ideal observer": relevant, "one stream only": summed[:, 0]}
    references = {**task.spec.references, "constant": task.spec.baseline}
    for name, p in references.items():
        outputs = np.broadcast_to(
            answers.get(name, np.ones(MANY))[:, None, None], batch.targets.shape
        )
        accuracy = value(score(task, outputs, batch)["accuracy"])
        assert abs(accuracy - p) < 3 * (p * (1 - p) / MANY) ** 0.5, name
    assert references["one stream only"] < task.spec.solved < references["ideal observer"]
    np.testing.assert_array_equal(np.unique(cue), [0, 1])
    np.testing.assert_array_equal(cue.sum(axis=-1), 1)


def test_the_ideal_observer_is_a_mean_of_the_normal_distribution():
    for a in (0.01, 1.0, 5.0, 40.0):
        c = (np.arange(20_000) + 0.5) / 20_000 * a
        mean = np.mean([(1 + math.erf(x / math.sqrt(2))) / 2 for x in c])
        assert context_integration.ideal_observer(a) == pytest.approx(mean, abs=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_splits_of_dynamics_differ_and_a_perfect_predictor_is_perfect(name):
    splits = [tasks.make(name, batch_size=5, split=part) for part in ("train", "valid", "test")]

    def ask(key):
        batches = [task.batch(key, 0) for task in splits]
        outputs = perfect(splits[0], batches[0])
        return [batch.inputs for batch in batches], splits[0].loss(outputs, batches[0])

    (train, valid, test), metrics = quickly(ask, jax.random.key(1))
    assert not np.array_equal(train, valid)
    assert not np.array_equal(valid, test)
    assert not np.array_equal(train, test)
    assert value(metrics["loss"]) < 1e-6
    for metric in {"accuracy", "correct"} & set(metrics):
        assert value(metrics[metric]) == 1.0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("flip_flop", {"bits": 0}, "bits=0; expected at least 1"),
        ("flip_flop", {"rate": 1.0}, r"rate=1.0; expected a rate in \[0, 1\)"),
        ("flip_flop", {"split": "tset"}, "did you mean 'test'"),
        ("delayed_discrimination", {"min_delay": 9, "delay": 8}, "delay=8; expected at least 9"),
        ("delayed_discrimination", {"stimulus": 0}, "stimulus=0; expected at least 1"),
        ("delayed_discrimination", {"gap": 1.0}, "gap=1.0; expected a number at least 0 and below"),
        ("sine_generation", {"slowest": 0.0}, "slowest=0.0; expected a number above 0"),
        ("sine_generation", {"fastest": 0.01}, "fastest=0.01; expected a number at least 0.02"),
        ("sine_generation", {"cue": 61}, "cue=61; expected at most length=60"),
        ("context_integration", {"streams": 1}, "streams=1; expected at least 2"),
        ("context_integration", {"noise": 0.0}, "noise=0.0; expected a number above 0"),
    ],
)
def test_wrong_options_of_dynamics_get_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make(name, **options)
    assert "\n" not in str(refused.value)
