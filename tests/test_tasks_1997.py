"""The tasks of Hochreiter & Schmidhuber 1997 and their streams of 2000."""

import math

import drawing
import jax
import numpy as np
import pytest
from drawing import draw, quickly, value

from lstmx import tasks
from lstmx.tasks import _reber, long_lag, multiplication, reber, temporal_order, two_sequence
from lstmx.testing.tasks import check_task
from lstmx.types import Batch, Task

MANY = 2048  # rows of a simulated baseline

SPLIT = {  # what draws its batches in a way of its own
    "reber-fresh": ("reber", {"strings": 0}),
    "reber-stream": ("reber", {"strings": 9, "length": 20, "continual": 2}),
    "long_lag": ("long_lag", {"lag": 7, "distractors": 5}),
    "two_sequence": ("two_sequence", {"length": 11}),
    "multiplication": ("multiplication", {"length": 20}),
}


def score(task: Task, outputs, batch: Batch) -> dict[str, float]:
    """The metrics of outputs as numbers."""
    return {name: value(mean) for name, mean in drawing.score(task, outputs, batch).items()}


def legal(inputs):
    return np.array(quickly(_reber.legal, inputs))


def logit(probability):
    """Finite logits, certain within 1e-7."""
    p = np.clip(np.asarray(probability, np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(p) - np.log1p(-p), np.float32)


def tokens(*rows: str):
    return np.array([_reber.tokens(row) for row in rows])


@pytest.mark.parametrize(("name", "options"), SPLIT.values(), ids=SPLIT)
def test_splits_differ(name, options):
    splits = [
        tasks.make(name, batch_size=3, split=s, **options) for s in ("train", "valid", "test")
    ]
    ask = lambda key: [task.batch(key, 0).inputs for task in splits]
    train, valid, test = quickly(ask, jax.random.key(1))
    for one, two in ((train, valid), (valid, test), (train, test)):
        assert one.shape != two.shape or not np.array_equal(one, two)


# The grammar


def test_grammar_of_the_docstring():
    string = "BTBPVVETE"
    rows = legal(tokens(string))[0]
    sets = ["".join(sorted(s for s, may in zip(_reber.SYMBOLS, row) if may)) for row in rows]
    assert sets == ["PT", "B", "PT", "TV", "PV", "E", "T", "E", "B"]
    batch = quickly(reber.encode, tokens(string + "BBB"), np.array([9]))
    np.testing.assert_array_equal(batch.inputs[0, :8], _reber.tokens("BTBPVVET"))
    np.testing.assert_array_equal(batch.targets[0, :8], _reber.tokens("TBPVVETE"))
    np.testing.assert_array_equal(batch.weights[0], 8 * [1] + 3 * [0])


def test_the_grammar_has_strings_of_9_symbols_and_12_on_average():
    generate = lambda key: _reber.strings(key, (8 * MANY,), 50)
    symbols, lengths = quickly(generate, jax.random.key(2))
    assert lengths.min() == 9
    assert abs(lengths.mean() - 12) < 3 * 3.37 / len(lengths) ** 0.5
    may_follow = legal(symbols[:64])[:, :-1]
    following = np.take_along_axis(may_follow, symbols[:64, 1:, None], axis=-1)[..., 0]
    assert np.all(following)  # past the end too, where the next string begins
    last = symbols[np.arange(len(lengths)), lengths - 2]
    np.testing.assert_array_equal(symbols[:, 1], last)
    assert abs(np.mean(last == _reber.T) - 0.5) < 3 * 0.5 / len(lengths) ** 0.5


def test_stored_strings_are_disjoint_and_cover_their_split_once():
    sets = _reber.sets(0, 256, 50)
    distinct = {split: {tuple(s) for s in strings} for split, strings in sets.items()}
    assert [len(strings) for strings in sets.values()] == [256, 256, 256]
    assert not distinct["train"] & distinct["test"]
    assert not (distinct["train"] | distinct["test"]) & distinct["valid"]
    assert _reber.sets(0, 256, 60) == sets  # a longer row changes no string
    assert _reber.sets(1, 256, 50) != sets
    task = tasks.make("reber", batch_size=100, split="test")
    assert task.spec.length == max(map(len, sets["test"])) - 1  # no step that no string has
    batches = [draw(task, 0, step) for step in range(task.spec.num_batches)]
    rows = [np.flatnonzero(np.any(b.weights > 0, axis=1)) for b in batches]
    seen = [
        (*b.inputs[row, : int(b.weights[row].sum())], _reber.END)
        for b, here in zip(batches, rows)
        for row in here
    ]
    assert [tuple(map(int, s)) for s in seen] == [tuple(s) for s in sets["test"]]


def memoryless(batch: Batch, seed: int):
    """Logits of all legal symbols, and a coin for T or P before the last."""
    rows = legal(batch.inputs)
    pair = rows[..., [_reber.T, _reber.P]]
    outer = (rows.sum(-1, keepdims=True) == 1) & pair.any(-1, keepdims=True)
    coin = np.random.default_rng(seed).random((*rows.shape[:2], 1)) < 0.5
    guess = np.concatenate([coin, ~coin], axis=-1)
    rows[..., [_reber.T, _reber.P]] = np.where(outer, guess, pair)
    return logit(rows)


@pytest.mark.parametrize("targets", ["next", "legal"])
def test_reber_stream_baseline_equals_simulation(targets):
    task = tasks.make("reber", batch_size=MANY, strings=0, continual=4, targets=targets)
    batch = draw(task, 3)
    metrics = score(task, memoryless(batch, 4), batch)
    # The spread of a sum of a geometric number of strings is at most its mean and a string.
    assert abs(metrics["until_error"] - task.spec.baseline) < 3 * 24 / MANY**0.5
    assert abs(metrics["outer"] - 0.5) < 3 * 0.5 / (4 * MANY) ** 0.5
    assert abs(metrics["sequence_accuracy"] - 0.5**4) < 3 * (0.5**4 / MANY) ** 0.5
    ideal = score(task, logit(legal(batch.inputs)), batch)
    assert ideal["legal"] == ideal["sequence_accuracy"] == ideal["outer"] == 1.0
    assert ideal["until_error"] == pytest.approx(batch.weights.sum(1).mean(), rel=1e-5)


def test_half_of_single_strings_are_whole_by_a_coin():
    task = tasks.make("reber", batch_size=MANY)
    batch = draw(task, 5)
    metrics = score(task, memoryless(batch, 6), batch)
    assert abs(metrics["sequence_accuracy"] - task.spec.baseline) < 3 * 0.5 / MANY**0.5


def test_stream_lays_strings_end_to_end_and_resets_once():
    one, two = "BTBTXSETE", "BPBPVVEPE"
    symbols = np.stack([tokens(one + "BB", two + "XX", one + "VV")])
    lay = lambda symbols, lengths: reber.encode_stream(symbols, lengths, 20)
    made = quickly(lay, symbols, np.array([[9, 9, 9]]))
    np.testing.assert_array_equal(made.inputs[0, :18], _reber.tokens(one + two))
    np.testing.assert_array_equal(made.targets[0, :18], _reber.tokens((one + two)[1:] + "B"))
    np.testing.assert_array_equal(made.mask[0], 18 * [True] + 2 * [False])  # the third is left out
    np.testing.assert_array_equal(np.flatnonzero(made.resets[0]), [0, 9])


@pytest.mark.parametrize(("name", "options"), [("reber", {}), ("temporal_order", {"length": 10})])
def test_streams_carry_their_state_unless_reset_from_outside(name, options):
    options = {**options, "batch_size": 2, "continual": 3}
    kinds = ({}, {"external_reset": True}, {"restart_every": 2})
    made = [tasks.make(name, **options, **kind) for kind in kinds]
    ask = lambda key, step: [task.batch(key, step).resets.sum() for task in made]
    found = [quickly(ask, jax.random.key(3), step) for step in (0, 1, 2)]
    assert found == [[2, 6, 2], [0, 6, 0], [0, 6, 2]]


def test_before_error_counts_right_steps_from_the_start():
    right = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1.0]])
    weights = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0.0]])
    mean = quickly(reber.before_error, right, weights)
    assert (float(mean.total), float(mean.count)) == (2 + 0 + 2, 3)


# Long lags


def test_long_lag_examples_of_the_docstring():
    y = np.array([1])
    for middle in ([[0, 1, 2]], [[2, 0, 2]]):
        batch = quickly(long_lag.encode, np.array(middle), y)
        np.testing.assert_array_equal(batch.inputs, [[4, *middle[0]]])
        np.testing.assert_array_equal(batch.targets, [[*middle[0], 4]])
    ask = lambda *given: long_lag.encode_triggered(*given, kinds=4)
    batch = quickly(ask, np.array([[1, 0, 1, 3, 3]]), np.array([4]), y)
    np.testing.assert_array_equal(batch.inputs, [[5, 7, 1, 0, 1, 3, 4, 0]])
    np.testing.assert_array_equal(batch.mask, [7 * [True] + [False]])
    np.testing.assert_array_equal(batch.weights, [[0, 0, 0, 0, 0, 0, 1, 0]])
    assert int(batch.targets[0, 6]) == 1


def test_long_lag_has_the_sizes_of_the_paper():
    for form, inputs, outputs in (("2a", 101, 101), ("2b", 101, 101), ("2c", 104, 2)):
        spec = tasks.make("long_lag", form=form).spec
        assert (spec.in_features, spec.out_features) == (inputs, outputs)
    assert tasks.make("long_lag", lag=1000, distractors=50).spec.in_features == 54
    task = tasks.make("long_lag", batch_size=MANY, lag=5)
    lengths = draw(task, 7).mask.sum(1) + 1  # with the last symbol, which is only a target
    assert lengths.min() == 5 + 4
    spread = 0.9**0.5 / 0.1  # of a geometric number
    assert abs(lengths.mean() - (5 + 13)) < 3 * spread / MANY**0.5


@pytest.mark.parametrize("form", ["2a", "2b", "2c"])
def test_long_lag_baseline_is_to_know_all_but_the_last_symbol(form):
    task = tasks.make("long_lag", batch_size=MANY, form=form, lag=3)
    batch = draw(task, 8)
    last = np.arange(batch.mask.shape[1]) == batch.mask.sum(1)[:, None] - 1
    x = task.spec.out_features - 2
    always_x = np.where(last, x, batch.targets)
    metrics = score(task, logit(np.eye(task.spec.out_features)[always_x]), batch)
    assert abs(metrics["sequence_accuracy"] - 0.5) < 3 * 0.5 / MANY**0.5
    assert metrics["accuracy"] == metrics["sequence_accuracy"]
    ideal = score(task, logit(np.eye(task.spec.out_features)[batch.targets]), batch)
    assert ideal["sequence_accuracy"] == ideal["correct"] == ideal["accuracy"] == 1
    steps = 3 if form == "2a" else 1
    assert metrics["correct"] == pytest.approx(
        1 - (1 - metrics["sequence_accuracy"]) / steps, rel=1e-5
    )


# Numbers


def test_two_sequence_example_of_the_docstring():
    noise = np.array([[0.7, 0.2, 0.3, -0.5, 0.1, 0.9]], np.float32)
    given = (np.array([False]), noise, np.array([0.1], np.float32), np.array([5]))
    ask = lambda *given: [two_sequence.encode(*given, 2, form) for form in two_sequence.FORMS]
    plain, signal, target = quickly(ask, *given)
    expected = np.array([-1, -1, 0.3, -0.5, 0.1, 0])
    np.testing.assert_allclose(plain.inputs[0, :, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(target.inputs, plain.inputs)
    np.testing.assert_allclose(signal.inputs[0, :2, 0], [-0.3, -0.8], rtol=1e-6)
    assert [float(b.targets[0, 4, 0]) for b in (plain, signal)] == [0, 0]
    assert float(target.targets[0, 4, 0]) == pytest.approx(0.9)


@pytest.mark.parametrize("form", two_sequence.FORMS)
def test_two_sequence_baseline_noise_and_perfect_answers(form):
    task = tasks.make("two_sequence", batch_size=MANY, length=10, form=form)
    batch = draw(task, 9)
    for answer in (0.2, 0.6):
        metrics = score(task, logit(np.full(batch.targets.shape, answer)), batch)
        near = 3 * 0.5 / MANY**0.5
        assert abs(metrics["error"] - task.spec.baseline) < near
        assert abs(metrics["accuracy"] - 0.5) < near
    first = np.sum(batch.inputs[:, :3, 0], axis=1) > 0
    one, two = two_sequence.TARGETS[form]
    answers = logit(np.where(first, one, two))[:, None, None] * np.ones_like(batch.targets)
    metrics = score(task, answers, batch)
    assert metrics["correct"] > 0.999
    assert metrics["error"] < 1e-3
    later = batch.inputs[:, 3:10, 0]
    assert abs(later.var() - 0.2) < 3 * 0.2 * (2 / later.size) ** 0.5
    residual = (batch.targets[..., 0] * batch.weights).sum(1) - np.where(first, one, two)
    variance = 0.1 if form == "3c" else 0.0
    assert abs(residual.var() - variance) < max(3 * variance * (2 / MANY) ** 0.5, 1e-3)


def test_multiplication_example_of_the_docstring():
    values = np.array([[0.5, 0.2, 0.4, 0.6, 0.1, 0.3, 0.9]], np.float32)
    batch = quickly(multiplication.encode, values, *np.array([[1], [3], [6]]))
    np.testing.assert_array_equal(batch.inputs[0, :, 1], [-1, 1, 0, 1, 0, -1, 0])
    np.testing.assert_allclose(batch.targets[0, :, 0], [0, 0, 0, 0, 0, 0.12, 0], rtol=1e-6)


def product_below(z: float) -> float:
    return z - z * math.log(z)


@pytest.mark.parametrize(
    ("name", "options", "answer", "mse", "correct"),
    [
        ("adding", {"convention": "1997"}, 0.5, 1 / 24, 0.1536),
        ("multiplication", {}, 0.25, 7 / 144, product_below(0.29) - product_below(0.21)),
    ],
)
def test_baselines_of_the_logistic_sums_and_products(name, options, answer, mse, correct):
    task = tasks.make(name, batch_size=4 * MANY, length=20, **options)
    assert task.spec.baseline == mse
    batch = draw(task, 10)
    metrics = score(task, logit(np.full(batch.targets.shape, answer)), batch)
    squares = np.square(answer - np.sum(batch.targets[..., 0] * batch.weights, axis=1))
    assert abs(metrics["mse"] - mse) < 3 * squares.std() / len(squares) ** 0.5
    assert metrics["loss"] == pytest.approx(metrics["mse"] / 2, rel=1e-5)
    assert abs(metrics["correct"] - correct) < 3 * (correct * (1 - correct) / len(squares)) ** 0.5
    metrics = score(task, logit(batch.targets), batch)
    assert metrics["correct"] == 1
    assert max(metrics["loss"], metrics["mse"], metrics["error"]) < 1e-6


# Temporal order


def test_temporal_order_stream_of_the_docstring():
    def ask(filler, bits, places, lengths):
        made = temporal_order.encode(filler, bits, places, lengths)
        return temporal_order.join(made, 2)

    filler = np.array([[2, 4, 2, 2, 3, 2, 5, 2, 2, 2], [2, 5, 2, 2, 3, 2, 4, 2, 2, 2]])
    pairs = np.array([[0, 1], [1, 0]]), np.array([[2, 5], [3, 5]])
    batch = quickly(ask, filler, *pairs, np.array([8, 8]))
    inputs = [0, 4, 6, 2, 3, 7, 5, 1, 0, 0, 0, 5, 2, 7, 3, 6, 4, 1, 0, 0]
    np.testing.assert_array_equal(batch.inputs, [inputs])
    np.testing.assert_array_equal(np.flatnonzero(batch.mask[0] == 0), [8, 9, 18, 19])
    np.testing.assert_array_equal(np.flatnonzero(batch.weights), [7, 17])
    np.testing.assert_array_equal(batch.targets[0, [7, 17]], [1, 2])
    np.testing.assert_array_equal(np.flatnonzero(batch.resets), [0, 10])
    two_rows = temporal_order.join(Batch(*[np.arange(8).reshape(4, 2)] * 5), 2)
    np.testing.assert_array_equal(two_rows.inputs, [[0, 1, 2, 3], [4, 5, 6, 7]])


@pytest.mark.parametrize("loss", ["softmax", "logistic"])
def test_temporal_order_stream_counts_right_answers_before_an_error(loss):
    task = tasks.make("temporal_order", batch_size=MANY // 8, length=10, continual=3, loss=loss)
    batch = draw(task, 11)
    guess = np.broadcast_to(logit(np.eye(4)[2]), (*batch.targets.shape, 4))
    metrics = score(task, guess, batch)
    p, rows = 0.25, MANY // 8
    assert abs(metrics["accuracy"] - p) < 3 * (p * (1 - p) / (3 * rows)) ** 0.5
    assert abs(metrics["sequence_accuracy"] - p**3) < 3 * (p**3 / rows) ** 0.5
    assert abs(metrics["until_error"] - (p + p**2 + p**3)) < 3 * 0.7 / rows**0.5
    if loss == "logistic":
        assert metrics["correct"] == pytest.approx(metrics["accuracy"])
        unsure = score(task, np.zeros_like(guess), batch)
        assert (unsure["correct"], unsure["error"]) == (0, 0.5)
        assert (unsure["sequence_accuracy"], unsure["until_error"]) == (0, 0)
        assert unsure["loss"] == pytest.approx(3 * 4 * 0.25 / 2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("reber", {"strings": 3, "split": "test"}),
        ("reber", {"continual": 2, "strings": 0, "targets": "legal", "external_reset": True}),
        ("temporal_order", {"length": 10, "continual": 2, "loss": "logistic"}),
    ],
)
@pytest.mark.slow
def test_other_forms_conform(name, options, strict):
    check_task(tasks.make(name, batch_size=2, **options))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("reber", {"length": 8}, "length=8; expected at least 9"),
        ("reber", {"length": 9}, "too few strings for three sets of strings=256"),
        ("reber", {"targets": "leagl"}, "did you mean 'legal'"),
        ("reber", {"targets": "legal", "loss": "softmax"}, "needs loss='logistic'"),
        ("reber", {"external_reset": True}, "need continual"),
        ("reber", {"restart_every": 3}, "need continual"),
        ("reber", {"continual": 2, "external_reset": True, "restart_every": 3}, "one of them"),
        ("reber", {"continual": -1}, "continual=-1; expected at least 0"),
        ("long_lag", {"form": "2d"}, "form"),
        ("long_lag", {"form": "2a", "distractors": 7}, "belongs to form='2c'"),
        ("long_lag", {"form": "2b", "lag": 1}, "lag=1; expected at least 2"),
        ("two_sequence", {"informative": 0}, "informative=0; expected at least 1"),
        ("two_sequence", {"informative": 9, "length": 8}, "length=8; expected at least 9"),
        ("multiplication", {"length": 7}, "length=7; expected at least 8"),
        ("temporal_order", {"loss": "sofmax"}, "did you mean 'softmax'"),
        ("temporal_order", {"external_reset": True}, "need continual"),
    ],
)
def test_wrong_options_get_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make(name, **options)
    assert "\n" not in str(refused.value)
