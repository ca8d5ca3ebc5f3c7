"""Spikes, periodic functions and counting: worked examples, streams, baselines, refusals."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, score, value

from lstmx import tasks
from lstmx.tasks import counting, measure_spike_delay, periodic_function, timed_spikes
from lstmx.testing.tasks import check_task

MANY = 4096  # rows of a simulated baseline
EXTRAS = jnp.array([[1, 0, 0], [1, 1, 0]])  # delays of 3, 2, 2 and of 3, 3, 2 steps with F = 2


@functools.cache
def example(module):
    """The window of EXTRAS with F = 2 and i = 1, in NumPy."""
    return jax.device_get(jax.jit(lambda extras: module.encode(extras, 2, 1))(EXTRAS))


@functools.cache
def strings(n, longest, letters, empty=False):
    """The strings of these n, in NumPy."""
    return jax.device_get(
        jax.jit(lambda n: counting.encode(n, longest, letters, empty))(jnp.array(n))
    )


def test_measuring_example_of_the_docstring():
    batch = example(measure_spike_delay)
    np.testing.assert_array_equal(batch.inputs[0, :7, 0], [1, 0, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(batch.targets[0, :7, 0], [0, 0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(batch.weights[0, :7], [0, 0, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(batch.mask.sum(axis=1), [7, 8])
    assert batch.mask.shape == (2, 9)


def test_timed_spikes_example_of_the_docstring():
    batch = example(timed_spikes)
    np.testing.assert_array_equal(batch.inputs[0, :7, 0], [1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(batch.targets[0, :7, 0], [1, 0, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(batch.weights[0], [0, 1, 1, 1, 1, 1, 1, 0, 0])


@pytest.mark.parametrize(
    ("shape", "wave"),
    [
        ("cosine", [0, 0.5, 1, 0.5, 0, 0.5]),
        ("triangle", [0, 0.5, 1, 0.5, 0, 0.5]),
        ("rectangle", [0, 0, 1, 1, 0, 0]),
    ],
)
def test_periodic_function_examples_of_the_docstring(shape, wave):
    values = periodic_function.evaluate(shape, np.arange(6), 4)
    np.testing.assert_allclose(values, wave, atol=1e-6)


def test_a_wave_goes_on_from_window_to_window():
    options = {"batch_size": 1, "length": 13, "period": 5, "shape": "triangle"}
    task = tasks.make("periodic_function", windows=0, **options)
    make = jax.jit(task.batch)
    windows = [make(jax.random.key(0), step) for step in (0, 1, 2)]
    stream = np.concatenate([window.targets[0, :, 0] for window in windows])
    expected = periodic_function.evaluate("triangle", np.arange(39), 5)
    np.testing.assert_allclose(stream, expected, rtol=1e-6)
    late = make(jax.random.key(0), 2_000_000_001)  # 26 000 000 013 steps: beyond 32 bits
    np.testing.assert_allclose(late.targets[0, 2, 0], 0, atol=1e-6)
    again = draw(tasks.make("periodic_function", windows=2, **options), step=6)
    np.testing.assert_array_equal(again.targets, windows[0].targets)
    assert again.resets[0, 0]


def test_until_error_counts_spikes_up_to_the_first_wrong_step():
    """Logistic outputs of +-9 are right; one wrong step in a row hides what comes after it."""
    measure, timed = (
        tasks.make(name, batch_size=2, num_spikes=2, interval=2)
        for name in ("measure_spike_delay", "timed_spikes")
    )
    asked, fired = example(measure_spike_delay), example(timed_spikes)
    answers = np.where(asked.targets > 0, 9.0, -9.0)
    answers[1, 6] = 9.0  # the second spike of row 1 came after 3 steps, I = 1: still right
    assert value(score(measure, answers, asked)["until_error"]) == 2
    answers[0, 3] = -9.0  # the first spike of row 0 is missed
    metrics = score(measure, answers, asked)
    assert value(metrics["until_error"]) == (0 + 2) / 2
    assert (value(metrics["correct"]), value(metrics["sequence_accuracy"])) == (3 / 4, 1 / 2)
    pulses = np.where(fired.targets > 0, 9.0, -9.0)
    pulses[0, 4] = 9.0  # a spike too many between the two of row 0
    metrics = score(timed, pulses, fired)
    assert value(metrics["until_error"]) == (1 + 2) / 2
    assert value(metrics["correct"]) == pytest.approx(12 / 13)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("measure_spike_delay", {"max_delay": 3}),
        ("measure_spike_delay", {"max_delay": 3, "output": "linear"}),
        ("timed_spikes", {"max_delay": 3}),
        ("periodic_function", {}),
    ],
)
def test_perfect_outputs_are_without_error_and_other_splits_other_streams(name, options):
    sizes = {} if name == "periodic_function" else {"num_spikes": 5, "interval": 3}
    splits = [
        tasks.make(name, batch_size=3, split=split, **sizes, **options)
        for split in ("train", "valid", "test")
    ]
    logistic = name == "timed_spikes" or options.get("output", "logistic") == "logistic"
    logistic = logistic and name != "periodic_function"

    def ask(key):
        batches = [task.batch(key, step) for task, step in zip(splits, (20, 1, 19))]
        targets = batches[0].targets
        outputs = jnp.where(targets > 0.999, 14.0, jax.scipy.special.logit(targets + 1e-6))
        return batches, splits[0].loss(outputs if logistic else targets, batches[0])

    batches, metrics = jax.device_get(jax.jit(ask)(jax.random.key(1)))
    assert value(metrics["until_error"]) == splits[0].spec.solved
    assert value(metrics["sequence_accuracy"]) == value(metrics["correct"]) == 1
    assert value(metrics["mse"]) < 1e-9
    if name != "periodic_function":  # whose splits are the same stream
        inputs = [batch.inputs for batch in batches]
        assert not any(np.array_equal(inputs[i], inputs[j]) for i, j in ((0, 1), (1, 2), (0, 2)))
    for batch, fresh in zip(batches, (True, False, False)):  # a stream has ten windows
        assert np.all(batch.resets[:, 0] == fresh)
        assert not batch.resets[:, 1:].any()


@pytest.mark.parametrize(("delays", "drawn"), [("all", [0, 1, 2, 3]), ("ends", [0, 3])])
def test_delays_are_those_asked_for_and_the_baseline_guesses_one(delays, drawn):
    task = tasks.make(
        "measure_spike_delay",
        batch_size=MANY,
        num_spikes=4,
        interval=5,
        max_delay=3,
        delays=delays,
        output="linear",
    )
    batch = draw(task, 2)
    gaps = np.diff(np.nonzero(batch.inputs[..., 0])[1].reshape(MANY, 5), axis=1) - 5
    np.testing.assert_array_equal(np.unique(gaps), drawn)
    np.testing.assert_array_equal(batch.targets[batch.weights > 0][:, 0], gaps.ravel())
    reached = np.cumprod(gaps == 3, axis=1).sum(axis=1)
    three_errors = 3 * reached.std() / MANY**0.5
    until_error = value(score(task, np.full(batch.targets.shape, 3.4), batch)["until_error"])
    assert until_error == pytest.approx(reached.mean())
    assert abs(until_error - task.spec.baseline) < three_errors


def test_a_clock_without_input_is_a_timed_spikes_task(strict):
    batch = draw(tasks.make("timed_spikes", batch_size=2, num_spikes=3, interval=4, max_delay=0))
    assert not batch.inputs.any()
    np.testing.assert_array_equal(np.nonzero(batch.targets[0, :, 0])[0], [0, 4, 8, 12])
    check_task(tasks.make("periodic_function", batch_size=3, split="test", length=7))


def test_counting_example_of_the_docstring():
    batch = strings((2, 1), longest=2, letters=2)
    np.testing.assert_array_equal(batch.inputs, [[0, 1, 1, 2, 2], [0, 1, 2, 0, 0]])
    only_a, either, only_b, end = [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 0]
    np.testing.assert_array_equal(batch.targets[0], [only_a, either, either, only_b, end])
    np.testing.assert_array_equal(batch.targets[1, :3], [only_a, either, end])
    np.testing.assert_array_equal(batch.mask.sum(axis=1), [5, 3])
    with_empty = strings((1,), longest=1, letters=2, empty=True)
    np.testing.assert_array_equal(with_empty.targets[0], [[1, 1, 0], either, end])


@pytest.mark.parametrize(("language", "letters"), counting.LANGUAGES.items())
def test_counting_against_strings_in_plain_python(language, letters):
    batch = strings((1, 2, 3, 4), longest=4, letters=letters)
    for row, n in enumerate(range(1, 5)):
        text = "S" + "".join(letter * n for letter in language) + "T"
        for step, (now, coming) in enumerate(itertools.pairwise(text)):
            legal = {"a", "b"} if now == "a" else {coming}
            expected = [float(letter in legal) for letter in "T" + language]
            np.testing.assert_array_equal(batch.targets[row, step], expected)
            assert batch.inputs[row, step] == ("S" + language).index(now)
        assert batch.mask[row].sum() == len(text) - 1


def test_counting_accepts_whole_strings_only():
    task = tasks.make("counting", batch_size=2, length=2, loss="cross_entropy")
    batch = strings((2, 2), longest=2, letters=2)
    outputs = 40.0 * batch.targets - 20
    outputs[1, 4, 0] = -1.0  # the end of the second string is missed
    metrics = score(task, outputs, batch)
    assert value(metrics["accepted"]) == 0.5
    assert value(metrics["correct"]) == pytest.approx(0.9)
    assert value(metrics["loss"]) == pytest.approx(np.log1p(np.exp(1.0)) / 2, abs=1e-4)


def test_counting_baseline_accepts_the_shortest_string_alone():
    task = tasks.make("counting", batch_size=MANY, length=3, sampling="right-tailed")
    batch = draw(task, 3)
    after = np.array([[0, 1, 0], [0, 1, 1], [1, 0, 0]])  # S -> a, a -> a or b, b -> T
    p = task.spec.baseline
    accepted = value(score(task, 20.0 * after[batch.inputs] - 10, batch)["accepted"])
    assert abs(accepted - p) < 3 * (p * (1 - p) / MANY) ** 0.5
    assert tasks.make("counting", min_length=2, length=3).spec.baseline == 0


def test_counting_draws_n_as_asked():
    both = [
        tasks.make("counting", batch_size=MANY, min_length=2, length=4, sampling="u-shaped"),
        tasks.make("counting", batch_size=1, min_length=7, length=7, language="abcd"),
    ]
    batches = jax.jit(lambda key: [task.batch(key, 0) for task in both])(jax.random.key(4))
    several, one = jax.device_get(batches)
    n = np.sum(several.inputs == 1, axis=1)
    shares = np.bincount(n, minlength=5)[2:] / MANY
    p = counting.probabilities(2, "u-shaped")
    assert np.all(np.abs(shares - p) < 3 * np.sqrt(p * (1 - p) / MANY))
    assert (int(np.sum(one.inputs == 4)), one.mask.all()) == (7, True)


def test_distributions_of_n_are_beta_binomial():
    np.testing.assert_allclose(counting.probabilities(4, "uniform"), np.full(5, 1 / 5))
    # With alpha = 1 and beta = 5 the weights fall like C(N - k + 4, 4).
    falling = np.array([15, 5, 1]) / 21
    np.testing.assert_allclose(counting.probabilities(2, "right-tailed"), falling)
    np.testing.assert_allclose(counting.probabilities(2, "left-tailed"), falling[::-1])
    ends = counting.probabilities(49, "u-shaped")
    assert ends.sum() == pytest.approx(1)
    assert ends[0] == pytest.approx(ends[-1])
    assert ends[0] > 5 * ends[25]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("measure_spike_delay", {"delays": "end"}, "did you mean 'ends'"),
        ("measure_spike_delay", {"max_delay": 0}, "max_delay=0; expected at least 1"),
        ("measure_spike_delay", {"tolerance": 0.5}, "expected above 0 and below 0.5"),
        ("measure_spike_delay", {"output": "softmax"}, "output"),
        ("timed_spikes", {"max_delay": -1}, "max_delay=-1; expected at least 0"),
        ("timed_spikes", {"windows": -1}, "windows=-1; expected at least 0"),
        ("timed_spikes", {"num_spikes": 0}, "num_spikes=0; expected at least 1"),
        ("periodic_function", {"shape": "cosin"}, "did you mean 'cosine'"),
        ("periodic_function", {"period": 1}, "period=1; expected at least 2"),
        ("periodic_function", {"tolerance": 0.0}, "tolerance=0.0"),
        ("counting", {"language": "abcde"}, "did you mean 'abcd'"),
        ("counting", {"sampling": "u_shaped"}, "did you mean 'u-shaped'"),
        ("counting", {"min_length": 5, "length": 4}, "length=4; expected at least 5"),
        ("counting", {"min_length": 0}, "min_length=0; expected at least 1"),
        ("counting", {"loss": "square"}, "did you mean 'squared'"),
    ],
)
def test_wrong_options_of_timing_tasks_get_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make(name, **options)
    assert "\n" not in str(refused.value)
