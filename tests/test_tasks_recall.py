"""Recall and selection: worked examples, baselines, splits, places, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import tasks
from lstmx.tasks import associative_recall, induction_heads, selective_copying

MANY = 4096
SMALL = {
    "associative_recall": {"length": 14, "pairs": 3, "vocab_size": 22},
    "induction_heads": {"length": 11, "min_length": 3, "vocab_size": 7},
    "selective_copying": {"length": 11, "symbols": 3, "vocab_size": 7},
}


def test_selective_copying_example_of_the_docstring():
    batch = selective_copying.encode(jnp.array([[3, 5]]), jnp.array([[1, 4]]), length=6, filler=7)
    np.testing.assert_array_equal(batch.inputs, [[7, 3, 7, 7, 5, 7, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 0, 0, 0, 3, 5]])
    np.testing.assert_array_equal(batch.weights, [[0, 0, 0, 0, 0, 0, 1, 1]])


def test_induction_heads_example_of_the_docstring():
    tokens = jnp.array([[4, 9, 1, 6, 2, 2, 0, 3], [4, 9, 1, 6, 2, 2, 0, 3]])
    batch = induction_heads.encode(tokens, jnp.array([2, 0]), jnp.array([8, 3]), special=15)
    np.testing.assert_array_equal(batch.inputs[0], [4, 9, 15, 6, 2, 2, 0, 15])
    np.testing.assert_array_equal(batch.targets[0], [0, 0, 0, 0, 0, 0, 0, 6])
    np.testing.assert_array_equal(batch.inputs[1], [15, 9, 15, 0, 0, 0, 0, 0])
    assert (int(batch.targets[1, 2]), float(batch.weights[1].sum())) == (9, 1.0)


def test_associative_recall_example_of_the_docstring():
    fill = jnp.zeros((1, 14), jnp.int32)
    keys, values, gaps = (jnp.array([pair]) for pair in ([2, 4], [8, 7], [2, 1]))
    batch = associative_recall.encode(keys, values, gaps, fill)
    np.testing.assert_array_equal(batch.inputs, [[2, 8, 4, 7, 0, 0, 4, 0, 2, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 0, 0, 0, 7, 0, 8, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(batch.weights, np.asarray(batch.targets) > 0)


@pytest.fixture(scope="module", params=SMALL)
def drawn(request):
    """The name of a task, its spec, and what it draws and measures, in one compilation."""
    options = SMALL[request.param]
    made = [
        tasks.make(request.param, batch_size=MANY, split=split, **options)
        for split in ("train", "valid", "test")
    ]

    def ask(key):
        batches = [task.batch(key, 0) for task in made]
        outputs = 100.0 * jax.nn.one_hot(batches[0].targets, made[0].spec.out_features)
        return batches, made[0].loss(outputs, batches[0])

    batches, metrics = jax.device_get(jax.jit(ask)(jax.random.key(2)))
    return request.param, made[0], batches, metrics


def test_splits_are_disjoint_and_a_perfect_predictor_scores_perfectly(drawn):
    _, _, (train, valid, test), metrics = drawn
    for one, two in ((train, valid), (valid, test), (train, test)):
        assert np.mean(np.all(one.inputs == two.inputs, axis=1)) < 0.1  # but for the shortest
    for name, mean in metrics.items():
        assert float(mean.total / mean.count) == pytest.approx(0 if name == "loss" else 1, abs=1e-6)


def test_baselines_equal_simulation(drawn):
    name, task, (batch, *_), _ = drawn
    answers = batch.targets[batch.weights > 0]
    guess = answers.min() + 1  # any answer: all are equally likely
    p = task.spec.baseline
    assert abs(np.mean(answers == guess) - p) < 3 * (p * (1 - p) / len(answers)) ** 0.5
    counts = np.bincount(answers)[answers.min() :]
    assert len(counts) == round(1 / p)
    assert counts.min() > 0.8 * counts.max()
    if name == "associative_recall":
        first = batch.inputs[:, 1]  # guess the first value shown
        hits = (batch.targets == first[:, None])[batch.weights > 0]
        assert np.mean(hits) == task.spec.references["shown"]


@pytest.mark.parametrize("drawn", ["selective_copying"], indirect=True)
def test_selective_copying_asks_for_the_data_in_order_from_any_places(drawn):
    _, _, (batch, *_), _ = drawn
    noise, asked = batch.inputs[:, :11], batch.inputs[:, 11:]
    data = (noise != 6).nonzero()
    np.testing.assert_array_equal(noise[data].reshape(MANY, 3), batch.targets[:, 11:])
    assert not asked.any()
    share = np.bincount(data[1], minlength=11) / MANY
    assert np.all(abs(share - 3 / 11) < 4 * (3 / 11 * 8 / 11 / MANY) ** 0.5)


@pytest.mark.parametrize("drawn", ["induction_heads"], indirect=True)
def test_induction_heads_repeat_one_special_token_at_any_place(drawn):
    _, _, (batch, *_), _ = drawn
    special, lengths = batch.inputs == 6, batch.mask.sum(1)
    rows = np.arange(MANY)
    first = special.argmax(1)
    assert np.all(special.sum(1) == 2)
    assert np.all(special[rows, lengths - 1] & (batch.weights[rows, lengths - 1] == 1))
    np.testing.assert_array_equal(batch.inputs[rows, first + 1], batch.targets[rows, lengths - 1])
    assert (lengths.min(), lengths.max()) == (3, 11)
    longest = first[lengths == 11]
    assert (longest.min(), longest.max()) == (0, 8)
    assert np.bincount(longest).min() > 0.5 * len(longest) / 9


@pytest.mark.parametrize("drawn", ["associative_recall"], indirect=True)
def test_associative_recall_asks_for_every_key_once_by_a_power_law(drawn):
    _, _, (batch, *_), _ = drawn
    keys, values = batch.inputs[:, 0:6:2], batch.inputs[:, 1:6:2]
    assert (keys.min(), keys.max(), values.min(), values.max()) == (1, 10, 11, 21)
    rows, places = (batch.weights > 0).nonzero()
    asked, answers = batch.inputs[rows, places].reshape(MANY, 3), batch.targets[rows, places]
    which = np.argmax(asked[:, :, None] == keys[:, None], axis=2)
    np.testing.assert_array_equal(np.sort(which), MANY * [[0, 1, 2]])
    expected = np.take_along_axis(values, which, axis=1)
    np.testing.assert_array_equal(answers.reshape(MANY, 3), expected)
    assert np.all(places % 2 == 0)
    # The first key chooses first: weights 1, 2 ** -.99, ... of four places.
    at_first = places.reshape(MANY, 3)[which == 0]
    p = np.arange(1.0, 5.0) ** (0.01 - 1)
    p /= p.sum()
    share = np.bincount(at_first // 2 - 3, minlength=4) / MANY
    assert np.all(abs(share - p) < 4 * (p * (1 - p) / MANY) ** 0.5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("associative_recall", {"length": 15}, "length=15; expected an even number"),
        ("associative_recall", {"pairs": 9}, "length=32; .* at least 36 for pairs=9"),
        ("associative_recall", {"vocab_size": 8}, "vocab_size=8; .* at least 10 for pairs=4"),
        ("associative_recall", {"fill": "ranodm"}, "did you mean 'random'"),
        ("induction_heads", {"length": 2}, "length=2; expected at least 3"),
        (
            "induction_heads",
            {"min_length": 99},
            "min_length=99; expected 0, or 3 to length=64",
        ),
        ("induction_heads", {"split": "tset"}, "did you mean 'test'"),
        ("selective_copying", {"length": 3}, "length=3; expected at least one step"),
        ("selective_copying", {"vocab_size": 3}, "vocab_size=3; expected at least 4"),
        ("selective_copying", {"symbols": 0}, "symbols=0; expected at least 1"),
    ],
)
def test_wrong_options_get_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make(name, **options)
    assert "\n" not in str(refused.value)
