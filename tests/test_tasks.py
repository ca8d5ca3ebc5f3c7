"""Generated tasks and images: conformance, worked examples, baselines, splits, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, perfect, score, value

from lstmx import data, tasks
from lstmx.data import digits, fetch
from lstmx.tasks import _epochs, adding, copy_memory, music, temporal_order
from lstmx.testing.tasks import check_task
from lstmx.types import Batch, Mean

B = 2
OFTEN = ("adding", "forecast", "images", "music")  # what the quick tests ask, too
MANY = 4096  # examples of a simulated baseline

GENERATED = {
    "adding": ("adding", {"length": 7}),
    "adding-anywhere": ("adding", {"length": 7, "marks": "anywhere"}),
    "copy_memory": ("copy_memory", {"length": 7}),
    "temporal_order-6a": ("temporal_order", {"length": 20}),
    "temporal_order-6b": ("temporal_order", {"length": 20, "symbols": 3}),
    "copy-variable": ("copy_memory", {"length": 5, "num_symbols": 3, "variable": True}),
    "denoise": ("denoise", {"length": 5, "num_symbols": 3}),
    "warp": ("warp", {"length": 13, "max_repeat": 3}),
    "pad": ("warp", {"length": 13, "max_repeat": 3, "form": "pad"}),
    "pad-uniform": ("warp", {"length": 13, "max_repeat": 3, "form": "pad", "uniform": True}),
}


@pytest.mark.parametrize(
    "name",
    [n if n in OFTEN else pytest.param(n, marks=pytest.mark.slow) for n in tasks.names()],
)
def test_every_task_conforms(name, strict, monkeypatch):
    def offline(entry, place):
        raise data.Missing(f"needs {place}, and tests download nothing")

    if name == "bytepairs":
        pytest.importorskip("tokenizers")
    monkeypatch.setattr(fetch, "_download", offline)
    try:
        task = tasks.make(name, batch_size=3)
    except data.Missing as missing:
        pytest.skip(str(missing))
    check_task(task)


@pytest.mark.slow
def test_held_out_splits_conform(strict):
    check_task(tasks.make("forecast", batch_size=100, split="test"))
    check_task(tasks.make("images", batch_size=100, epochs=True))
    rolls = [np.eye(5, dtype=np.uint8), np.ones((9, 5), np.uint8)]
    check_task(music.from_pieces({"train": rolls}, {}, 3, "train", window=4))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(*case, id=name, marks=() if case[0] in OFTEN else pytest.mark.slow)
        for name, case in GENERATED.items()
    ],
)
def test_splits_differ_and_a_perfect_predictor_scores_perfectly(name, options):
    splits = [
        tasks.make(name, batch_size=B, split=split, **options)
        for split in ("train", "valid", "test")
    ]

    def ask(key):  # all in one compilation
        batches = [task.batch(key, 0) for task in splits]
        metrics = splits[0].loss(perfect(splits[0], batches[0]), batches[0])
        return [batch.inputs for batch in batches], metrics

    (train, valid, test), metrics = jax.device_get(jax.jit(ask)(jax.random.key(1)))
    assert not np.array_equal(train, valid)
    assert not np.array_equal(valid, test)
    assert not np.array_equal(train, test)
    assert value(metrics["loss"]) < 1e-6
    for metric in {"accuracy", "correct"} & set(metrics):
        assert value(metrics[metric]) == 1.0


@pytest.mark.parametrize("options", [{}, {"marks": "anywhere"}])
def test_adding_baseline_equals_simulation(options):
    task = tasks.make("adding", batch_size=MANY, length=20, **options)
    batch = draw(task, 3)
    squares = np.square(1 - np.sum(batch.targets[..., 0] * batch.weights, axis=1))
    three_errors = 3 * squares.std() / MANY**0.5
    mse = score(task, np.ones_like(batch.targets), batch)["mse"]
    assert abs(value(mse) - task.spec.baseline) < three_errors
    assert float(mse.count) == MANY


@pytest.mark.parametrize("symbols", [2, 3])
def test_temporal_order_baseline_equals_simulation(symbols):
    task = tasks.make("temporal_order", batch_size=MANY, length=20, symbols=symbols)
    batch = draw(task, 4)
    outputs = np.broadcast_to(np.eye(2**symbols)[1], (*batch.targets.shape, 2**symbols))
    p = task.spec.baseline
    three_errors = 3 * (p * (1 - p) / MANY) ** 0.5
    assert abs(value(score(task, outputs, batch)["accuracy"]) - p) < three_errors


def test_copy_memory_baseline_is_knowing_when_but_not_what():
    task = tasks.make("copy_memory", batch_size=B, length=7)
    batch = draw(task, 5)
    blank, symbols = np.array([50.0] + 8 * [0.0]), np.array([-50.0] + 8 * [0.0])
    outputs = np.where((np.arange(27) >= 17)[:, None], symbols, blank)
    metrics = score(task, np.broadcast_to(outputs, (B, 27, 9)), batch)
    assert value(metrics["loss"]) == pytest.approx(task.spec.baseline, rel=1e-5)
    spec = tasks.make("copy_memory", length=1000).spec
    assert (spec.length, round(spec.baseline, 5)) == (1020, 0.02039)  # BENCHMARKS: .02039


def test_adding_examples_of_the_docstring():
    values = jnp.array([[0.5, 0.1, 0.7, 0.2]])
    modern = adding.encode(values, jnp.array([1]), jnp.array([2]))
    np.testing.assert_array_equal(modern.inputs[0, :, 1], [0, 1, 1, 0])
    np.testing.assert_allclose(modern.targets[0, :, 0], [0, 0, 0, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(modern.weights, [[0, 0, 0, 1]])
    values = jnp.array([[0.5, 0.2, 0.4, -0.6, 0.1, -0.3, 0.9]])
    old = adding.encode_1997(values, jnp.array([1]), jnp.array([3]), jnp.array([6]))
    np.testing.assert_array_equal(old.inputs[0, :, 1], [-1, 1, 0, 1, 0, -1, 0])
    np.testing.assert_array_equal(old.mask[0], 6 * [True] + [False])
    np.testing.assert_allclose(old.targets[0, :, 0], [0, 0, 0, 0, 0, 0.4, 0], rtol=1e-6)


def test_adding_1997_puts_marks_where_the_paper_does():
    task = tasks.make("adding", batch_size=512, length=100, convention="1997")
    batch = draw(task, 6)
    marker = np.asarray(batch.inputs[..., 1])
    lengths = np.sum(batch.mask, axis=1)
    assert (lengths.min(), lengths.max()) == (100, 110)
    assert np.all(marker[:, 0] == -1)
    assert np.all(marker[np.arange(512), lengths - 1] == -1)
    assert np.all(np.sum(marker == 1, axis=1) == 2)
    assert np.all(np.any(marker[:, :10] == 1, axis=1))
    assert np.all(marker[:, 50:] < 1)  # both among the first T / 2


def test_copy_memory_example_of_the_docstring():
    batch = copy_memory.encode(jnp.array([[5, 2]]), 3, 3)
    np.testing.assert_array_equal(batch.inputs, [[5, 2, 0, 0, 9, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 0, 0, 5, 2]])


def test_temporal_order_example_of_the_docstring():
    batch = temporal_order.encode(
        filler=jnp.array([[2, 4, 2, 2, 3, 2, 5, 2]]),
        bits=jnp.array([[0, 1]]),
        places=jnp.array([[2, 5]]),
        lengths=jnp.array([8]),
    )
    np.testing.assert_array_equal(batch.inputs, [[0, 4, 6, 2, 3, 7, 5, 1]])
    assert int(batch.targets[0, 7]) == 1


@pytest.mark.parametrize(("symbols", "ranges"), temporal_order.PLACES.items())
def test_temporal_order_keeps_to_the_published_places(symbols, ranges):
    task = tasks.make("temporal_order", batch_size=2048, symbols=symbols)
    inputs = np.asarray(draw(task, 7).inputs)
    places = np.nonzero(inputs >= temporal_order.X)[1].reshape(-1, symbols)
    assert list(zip(places.min(0), places.max(0))) == list(ranges)
    lengths = np.argmax(inputs == temporal_order.TRIGGER, axis=1) + 1
    assert (lengths.min(), lengths.max()) == (100, 110)


def test_digits_cover_their_test_split_once_pixel_by_pixel():
    task = tasks.make("images", batch_size=100, split="test")
    index = digits.split(digits.load().labels)["test"]
    batches = [draw(task, 0, step) for step in range(task.spec.num_batches)]
    pixels = np.concatenate([b.inputs[..., 0] for b in batches])
    labels = np.concatenate([b.targets[:, -1] for b in batches])
    weights = np.concatenate([b.weights for b in batches])
    np.testing.assert_array_equal(labels[: len(index)], digits.load().labels[index])
    expected = digits.load().pixels[index].reshape(-1, 64) / 16
    np.testing.assert_allclose(pixels[: len(index)], expected, rtol=1e-6)
    assert weights.sum() == weights[: len(index), -1].sum() == len(index) == 359
    assert not np.concatenate([b.mask for b in batches])[len(index) :].any()


def test_digits_options_change_order_scale_and_length():
    plain, permuted, standard, rows = (
        draw(tasks.make("images", batch_size=100, split="valid", **options))
        for options in ({}, {"permuted": True}, {"scaling": "standard"}, {"chunk": 8})
    )
    order = np.random.default_rng(0).permutation(64)
    np.testing.assert_array_equal(permuted.inputs, plain.inputs[:, order])
    np.testing.assert_array_equal(rows.inputs.reshape(plain.inputs.shape), plain.inputs)
    assert abs(float(standard.inputs.mean())) < 0.05
    assert abs(float(standard.inputs.std()) - 1) < 0.05


def test_epochs_show_every_image_once_in_an_order_of_their_own():
    task = tasks.make("images", batch_size=179, epochs=True)
    assert task.spec.num_batches == 7  # 1259 images fill 7 batches of 179 with 6 to spare
    steps = jnp.arange(14)
    batches = jax.device_get(jax.jit(jax.vmap(task.batch, (None, 0)))(jax.random.key(0), steps))
    first, second = (
        batches.inputs[part, ..., 0].reshape(-1, 64) for part in (slice(7), slice(7, 14))
    )
    assert len(np.unique(first, axis=0)) == len(np.unique(second, axis=0)) == 1253
    assert not np.array_equal(first, second)
    assert batches.weights.sum() == 2 * 1253


@pytest.mark.parametrize("count", [1, 2, 23, 1259])
def test_an_order_has_every_example_at_one_place(count):
    def orders(places):
        return jax.vmap(lambda epoch: _epochs.order(epoch, places, count))(jnp.arange(3))

    permutations = np.asarray(jax.jit(orders)(jnp.arange(count)))
    np.testing.assert_array_equal(np.sort(permutations, axis=1), 3 * [np.arange(count)])
    if count > 2:
        assert len(np.unique(permutations, axis=0)) == 3
        assert abs(np.corrcoef(permutations[0], np.arange(count))[0, 1]) < 3 / count**0.5


def test_digits_without_valid_images_train_on_them():
    held_out, merged = (
        tasks.make("images", batch_size=1, epochs=True, **o) for o in ({}, {"valid": 0})
    )
    sizes = {part: len(index) for part, index in digits.split(digits.load().labels).items()}
    assert held_out.spec.num_batches == sizes["train"]
    assert merged.spec.num_batches == sizes["train"] + sizes["valid"]


def test_digits_are_split_by_class():
    labels = digits.load().labels
    parts = digits.split(labels)
    together = np.sort(np.concatenate(list(parts.values())))
    np.testing.assert_array_equal(together, np.arange(1797))
    for label in range(10):
        share = np.mean(labels[parts["test"]] == label) / np.mean(labels == label)
        assert abs(share - 1) < 0.03


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adding", {"split": "tset"}, "did you mean 'test'"),
        ("adding", {"batch_size": 0}, "batch_size=0; expected at least 1"),
        ("adding", {"length": 1}, "length=1; expected at least 2"),
        ("adding", {"convention": "modren"}, "did you mean 'modern'"),
        ("adding", {"convention": "1997", "marks": "anywhere"}, "1997 has its own places"),
        ("adding", {"lenght": 9}, "did you mean 'length'"),
        ("copy_memory", {"length": -3}, "length=-3"),
        ("copy_memory", {"alphabet": 1}, "alphabet=1; expected at least 2"),
        ("temporal_order", {"symbols": 4}, "symbols=4; expected 2"),
        ("temporal_order", {"length": 9}, "expected at least 10"),
        ("images", {"source": "mnits"}, "did you mean 'mnist'"),
        ("images", {"chunk": 5}, "expected a divisor of the 64 pixels"),
        ("images", {"split": "valid", "valid": 0}, "no images with valid=0"),
        ("images", {"valid": 7}, "valid=7; expected 179 or 0"),
        ("images", {"batch_size": 2000, "epochs": True}, "at most the 1259 of an epoch"),
        ("music", {"window": 5, "max_length": 5}, "expected one of them 0"),
        ("music", {"window": 5, "epochs": True}, "streams have no pieces"),
        ("music", {"loss_per": "bar"}, "unknown loss_per 'bar'"),
        ("music", {"source": "jbs"}, "did you mean 'jsb'"),
        ("forecast", {"horizon": 0}, "horizon=0"),
        ("forecast", {"window": 5000}, "has no place for window=5000"),
        ("forecast", {"test_fraction": 1.0}, "their sum below 1"),
        ("forecast", {"file": "nowhere.csv"}, "nowhere.csv does not exist"),
    ],
)
def test_wrong_options_get_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make(name, **options)
    assert "\n" not in str(refused.value)


def _with_weight_on_padding(batch: Batch) -> Batch:
    return batch._replace(mask=batch.mask.at[:, -1].set(False))


def _with_carried_state(batch: Batch) -> Batch:
    return batch._replace(resets=batch.resets.at[:, 0].set(False))


def _with_narrow_inputs(batch: Batch) -> Batch:
    return batch._replace(inputs=batch.inputs[..., :1])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_with_weight_on_padding, "mask False has a weight"),
        (_with_carried_state, "resets"),
        (_with_narrow_inputs, r"inputs have shape \(2, 7, 1\)"),
    ],
)
def test_check_task_finds_a_wrong_batch(change, complaint):
    task = tasks.make("adding", batch_size=B, length=7)
    broken = task._replace(batch=lambda key, step: change(task.batch(key, step)))
    with pytest.raises(AssertionError, match=complaint):
        check_task(broken)


def test_check_task_finds_a_loss_that_does_not_add_up():
    task = tasks.make("adding", batch_size=4, length=7)

    def loss(outputs, batch):
        mean = task.loss(outputs, batch)["loss"]
        averaged = Mean(mean.total / mean.count, jnp.ones(()))
        return {"loss": averaged, "mse": averaged}

    with pytest.raises(AssertionError, match="adding up two shards changes loss"):
        check_task(task._replace(loss=loss))
    with pytest.raises(AssertionError, match="no Mean named 'mse'"):
        check_task(task._replace(loss=lambda o, b: {"loss": task.loss(o, b)["loss"]}))
