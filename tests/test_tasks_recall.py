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
    keys, values, gaps = (jnp.array([pair]) for pair in ([[2], [4]], [[8], [7]], [2, 1]))
    batch = associative_recall.encode(keys, values, gaps, fill)
    np.testing.assert_array_equal(batch.inputs, [[2, 8, 4, 7, 0, 0, 4, 0, 2, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 0, 0, 0, 7, 0, 8, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(batch.weights, np.asarray(batch.targets) > 0)


def test_fuzzy_and_noisy_recall_are_the_examples_of_the_docstring():
    fuzzy = associative_recall.encode(
        jnp.array([[[2, 3]]]), jnp.array([[[8, 7, 7]]]), jnp.array([[1]]), jnp.zeros((1, 15), int)
    )
    np.testing.assert_array_equal(fuzzy.inputs, [[2, 3, 8, 7, 7, *5 * [0], 2, 3, 8, 7, 0]])
    np.testing.assert_array_equal(fuzzy.targets, [[*11 * [0], 8, 7, 7, 0]])
    np.testing.assert_array_equal(fuzzy.weights, np.asarray(fuzzy.targets) > 0)
    clean = associative_recall.encode(
        *(jnp.array([pair]) for pair in ([[2], [4]], [[8], [7]], [1, 0])), jnp.zeros((1, 8), int)
    )
    kind = jnp.array([[13, 0, 0, 14, 0, 0, 12, 0, 12, 0, 0, 0]])
    noisy = associative_recall.insert(clean, jnp.array([[8, 0, 6, 3]]), kind)
    np.testing.assert_array_equal(noisy.inputs, [[13, 2, 8, 14, 4, 7, 12, 4, 12, 0, 2, 0]])
    np.testing.assert_array_equal(noisy.targets, [[*7 * [0], 7, 0, 0, 8, 0]])
    np.testing.assert_array_equal(noisy.weights, np.asarray(noisy.targets) > 0)


FUZZY = {"length": 44, "pairs": 3, "vocab_size": 12, "key_tokens": 2, "value_tokens": 3}
FUZZY |= {"noise": 14, "noise_vocab": 5}


@pytest.fixture(scope="module")
def fuzzy():
    """The spec of a fuzzy and noisy recall, and a batch of it."""
    task = tasks.make("associative_recall", batch_size=MANY, **FUZZY)
    return task.spec, jax.device_get(jax.jit(lambda key: task.batch(key, 0))(jax.random.key(3)))


def test_noise_is_never_asked_and_comes_anywhere(fuzzy):
    spec, batch = fuzzy
    noisy = batch.inputs >= 12
    assert (spec.in_features, spec.out_features, batch.inputs.max()) == (17, 12, 16)
    np.testing.assert_array_equal(noisy.sum(axis=1), 14)
    assert not batch.weights[noisy].any()
    assert not batch.targets[noisy].any()
    share = noisy.mean(axis=0)
    p = 14 / 44
    assert np.all(abs(share - p) < 5 * (p * (1 - p) / MANY) ** 0.5)
    kinds = np.bincount(batch.inputs[noisy] - 12, minlength=5) / noisy.sum()
    assert np.all(abs(kinds - 0.2) < 0.01)


def test_fuzzy_recall_answers_the_value_of_the_whole_key(fuzzy):
    """Without its noise every row is three pairs, then queries with the values that were shown."""
    spec, batch = fuzzy
    clean = batch.inputs < 12
    rows, targets, weights = (
        values[clean].reshape(MANY, 30) for values in (batch.inputs, batch.targets, batch.weights)
    )
    shown_first = []
    for row, target, weight in zip(rows[:500], targets, weights):
        pairs = {tuple(p[:2]): tuple(p[2:]) for p in row[:15].reshape(3, 5).tolist()}
        assert len(pairs) == len(set(pairs.values())) == 3  # keys differ, and values
        assert all(0 < k < 6 for key in pairs for k in key)
        asked = weight.nonzero()[0].reshape(3, 3)  # three answers of three tokens
        for at in asked[:, 0]:
            assert at % 5 == 1
            value = pairs.pop(tuple(row[at - 1 : at + 1].tolist()))  # each is asked once
            assert tuple(target[at : at + 3].tolist()) == value
            assert tuple(row[at + 1 : at + 3].tolist()) == value[:2]
            shown_first += list(target[at : at + 3] == row[2:5])
    expected = spec.references["shown"]
    assert abs(np.mean(shown_first) - expected) < 5 * (expected / len(shown_first)) ** 0.5


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


def test_splits_differ_and_a_perfect_predictor_scores_perfectly(drawn):
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
        (
            "associative_recall",
            {"key_tokens": 2},
            "length=32; expected a multiple of 3, at least 24",
        ),
        ("associative_recall", {"noise": 1}, "even number besides noise=1, at least 16"),
        ("associative_recall", {"noise": -1}, "noise=-1; expected at least 0"),
        (
            "associative_recall",
            {"key_tokens": 2, "length": 36, "vocab_size": 8192},
            "16769025 keys or values of several tokens; expected at most 65536",
        ),
        (
            "associative_recall",
            {"key_tokens": 2, "length": 36, "vocab_size": 4},
            "vocab_size=4; .* at least 8 for pairs=4",
        ),
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
