"""CTC: the task of digit strings and its decoding, against enumeration of all alignments."""

import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import decoding, tasks
from lstmx.analysis import structure
from lstmx.runs import decisions
from lstmx.tasks import digit_strings
from lstmx.testing import check_task
from lstmx.types import Batch

RANDOM = np.random.default_rng(0)


def collapsed(path, blank):
    return tuple(c for c, _ in itertools.groupby(path) if c != blank)


def labellings(log_p, blank):
    """The probability of every labelling, by the sum over all paths."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        p = np.exp(sum(log_p[t, c] for t, c in enumerate(path)))
        labels = collapsed(path, blank)
        found[labels] = found.get(labels, 0.0) + p
    return found


@pytest.fixture(scope="module")
def task():
    return tasks.make("digit_strings", batch_size=3, max_digits=3, gap=1, split="valid")


def test_the_loss_is_the_sum_over_all_alignments(task):
    T, real = task.spec.length, 4
    outputs = RANDOM.normal(size=(3, T, 11)) * 2
    outputs[:, :, 3:10] -= 200  # as if there were only the classes 0, 1, 2 and the blank
    labels = [(1, 1), (0, 2), (2,)]
    targets = np.full((3, T), digit_strings.BLANK)
    for row, own in zip(targets, labels):
        row[: len(own)] = own
    mask = np.tile(np.arange(T) < real, (3, 1))
    batch = Batch(np.zeros((3, T, 8)), targets, mask.astype(float), mask, mask)
    metrics = jax.jit(task.loss)(outputs, batch)
    log_p = jax.nn.log_softmax(jnp.asarray(outputs))[:, :real, np.array([0, 1, 2, 10])]
    every = [labellings(np.asarray(rows), 3) for rows in log_p]
    expected = -sum(np.log(found[own]) for found, own in zip(every, labels))
    np.testing.assert_allclose(metrics["loss"].total, expected, rtol=1e-5)
    assert metrics["loss"].count == 3


def test_a_wide_prefix_beam_sums_over_all_alignments():
    log_p = np.log(RANDOM.dirichlet(np.ones(3) * 0.7, size=5))
    expected = sorted(labellings(log_p, 1).items(), key=lambda item: -item[1])
    found = decoding.prefix_beam(log_p, width=3**5, blank=1, most=8)
    assert [labels for labels, _ in found] == [labels for labels, _ in expected[:8]]
    np.testing.assert_allclose([np.exp(p) for _, p in found], [p for _, p in expected[:8]])


def test_prefixes_add_up_paths_where_the_best_path_errs():
    # Graves et al. 2006, figure 2: the best path has only blanks, the best labelling has a label.
    log_p = np.log([[0.6, 0.4], [0.6, 0.4]])
    labels, count = decoding.best_path(jnp.asarray(log_p)[None], jnp.ones((1, 2), bool), 0)
    assert int(count[0]) == 0
    ((found, p),) = decoding.prefix_beam(log_p, width=4, blank=0)
    assert found == (1,)
    np.testing.assert_allclose(np.exp(p), 0.64)
    assert labels.shape == (1, 2)


def test_the_best_path_merges_repetitions_then_drops_blanks():
    paths = [[1, 1, 0, 1, 2, 2], [0, 3, 3, 0, 0, 3], [2, 2, 2, 2, 2, 2]]
    mask = np.arange(6) < np.array([[6], [5], [0]])
    labels, counts = decoding.best_path(jax.nn.one_hot(np.array(paths), 4), mask, 0)
    found = [tuple(row[:n].tolist()) for row, n in zip(labels, counts)]
    assert found == [(1, 1, 2), (3,), ()]


def recursive(a, b):
    if not a or not b:
        return len(a) + len(b)
    change = recursive(a[1:], b[1:]) + (a[0] != b[0])
    return min(change, recursive(a[1:], b) + 1, recursive(a, b[1:]) + 1)


def test_edit_distance_is_that_of_its_definition():
    rows = [[tuple(RANDOM.integers(0, 3, n)) for n in RANDOM.integers(0, 6, 20)] for _ in "ab"]
    expected = [recursive(a, b) for a, b in zip(*rows)]
    padded = [decoding._ctc._padded(side) for side in rows]
    np.testing.assert_array_equal(decoding.edit_distance(*padded[0], *padded[1]), expected)
    rate = decoding.label_error_rate(*rows)
    for wrong in (([[1]], [[1], [2]]), ([[1]], [[]]), ([], [])):
        with pytest.raises(ValueError, match="expected as many, and one label at least"):
            decoding.label_error_rate(*wrong)
    np.testing.assert_allclose(rate, sum(expected) / sum(map(len, rows[1])))


def test_every_held_out_digit_occurs_once_with_its_columns(task):
    from lstmx.data import digits

    images = digits.load()
    index = digits.split(images.labels)["valid"]
    make = lambda *at: jax.device_get(jax.jit(task.batch)(*at))
    labels, ink = [], 0.0
    for n in range(task.spec.num_batches):
        batch = make(jax.random.key(0), n)
        labels += batch.targets[batch.targets != digit_strings.BLANK].tolist()
        ink += float(batch.inputs.sum())
        assert not np.any(batch.inputs[~np.asarray(batch.mask)])
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(images.labels[index]))
    np.testing.assert_allclose(ink, images.pixels[index].sum() / 16, rtol=1e-5)
    first = make(jax.random.key(0), 0)
    shown = np.asarray(first.inputs[0])[np.asarray(first.mask[0])]
    found = [k for k in index if np.array_equal(shown[-8:].T * 16, images.pixels[k])]
    number = int((first.targets[0] != digit_strings.BLANK).sum())
    assert images.labels[found].tolist() == [int(first.targets[0, number - 1])]


def test_labels_without_positions_decide_nothing_at_a_step(task, monkeypatch):
    opened = SimpleNamespace(
        experiment=SimpleNamespace(evals={"valid": task}),
        model=None,
        params=None,
        config=SimpleNamespace(task=SimpleNamespace(name="digit_strings")),
    )
    monkeypatch.setattr(decisions.opened, "open", lambda *_, **__: SimpleNamespace(
        run=opened, **vars(opened)))  # fmt: skip
    with pytest.raises(ValueError, match="labels of task 'digit_strings' belong to no step"):
        decisions.decide("a run", "valid")


def test_a_string_is_scored_as_a_whole(task):
    batch = task.batch(jax.random.key(0), 0)
    outputs = jax.random.normal(jax.random.key(1), (*batch.mask.shape, digit_strings.BLANK + 1))
    whole = task.loss(outputs, batch)
    found = structure.by_length(task.loss, outputs, batch)
    for name, mean in whole.items():
        counts = found.counts[name]
        assert counts.sum() == mean.count
        np.testing.assert_allclose(counts @ found.values[name], mean.total, rtol=1e-5)
    assert np.ptp(found.values["label_error_rate"]) > 0
    # No step has a part of its labels, and so none has a metric.
    assert np.isnan(structure.by_position(task.loss, outputs, batch).values["loss"]).all()


def test_the_task_keeps_the_protocol(task):
    check_task(task)
    with pytest.raises(ValueError, match="max_digits=1; expected at least 2"):
        tasks.make("digit_strings", max_digits=1)
