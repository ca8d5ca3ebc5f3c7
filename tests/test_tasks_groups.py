"""Word problems: axioms of groups, running products by brute force, baselines, refusals."""

import itertools

import jax
import numpy as np
import pytest

from lstmx import tasks
from lstmx.tasks import word_problem

ORDERS = {"S3": 6, "A5": 60, "S5": 120, "Z60": 60, "A4xZ5": 60}
ABELIAN = {"Z60"}
LENGTH, ROWS = 9, 2048


@pytest.mark.parametrize("group", ORDERS)
def test_table_is_that_of_a_group(group):
    products = word_problem.table(group)
    elements = np.arange(len(products))
    assert len(products) == ORDERS[group]
    np.testing.assert_array_equal(products[0], elements)  # the identity
    np.testing.assert_array_equal(products[:, 0], elements)
    assert np.all(np.sort(products, axis=1) == elements)  # so each element has an inverse
    assert np.all(np.sort(products, axis=0) == elements[:, None])
    some = elements[:: max(1, len(elements) // 30)]
    for a, b in itertools.product(some, some):
        np.testing.assert_array_equal(products[products[a, b]], products[a][products[b]])
    assert np.array_equal(products, products.T) == (group in ABELIAN)


def test_groups_are_the_named_ones():
    """The derived subgroup tells them: of A5 it is A5, of S5 A5, of S3 Z3, of A4xZ5 four."""

    def derived(group):
        products = word_problem.table(group)
        inverse = np.argmin(products, axis=1)
        pairs = itertools.product(range(len(products)), repeat=2)
        found = {products[products[inverse[a], inverse[b]], products[a, b]] for a, b in pairs}
        while (more := found | {products[a, b] for a in found for b in found}) != found:
            found = more
        return len(found)

    assert {name: derived(name) for name in ORDERS} == {
        "S3": 3,
        "A5": 60,
        "S5": 60,
        "Z60": 1,
        "A4xZ5": 4,
    }


def test_example_of_the_docstring():
    elements = ["".join(map(str, p)) for p in itertools.permutations(range(3))]
    word = np.array([[elements.index(e) for e in ("021", "102", "210")]])
    batch = word_problem.encode(word, word_problem.table("S3"))
    assert [elements[e] for e in np.asarray(batch.targets)[0]] == ["021", "120", "102"]


def test_targets_are_running_products_and_a_constant_is_the_baseline():
    """The factors of A4xZ5 one by one: permutations applied in order, and a sum modulo 5."""
    group = tasks.make("word_problem", group="A4xZ5", length=LENGTH, batch_size=ROWS)
    splits = [group, tasks.make("word_problem", group="A4xZ5", length=LENGTH, split="test")]

    def ask(key):
        batches = [task.batch(key, 0) for task in splits]
        perfect = jax.nn.one_hot(batches[0].targets, 60) * 100.0
        constant = jax.nn.one_hot(0 * batches[0].targets, 60)
        copied = jax.nn.one_hot(batches[0].inputs, 60)
        return batches, [group.loss(o, batches[0]) for o in (perfect, constant, copied)]

    (batch, test), (right, guessed, copied) = jax.device_get(jax.jit(ask)(jax.random.key(4)))
    # Even: as many inversions.
    even = [
        p
        for p in itertools.permutations(range(4))
        if sum(a > b for a, b in itertools.combinations(p, 2)) % 2 == 0
    ]
    for word, target in zip(batch.inputs[:200].tolist(), batch.targets.tolist()):
        places, count = list(range(4)), 0
        for element, product in zip(word, target):
            places = [even[element // 5][i] for i in places]
            count += element % 5
            assert product == 5 * even.index(tuple(places)) + count % 5
    value = lambda metrics, name: float(metrics[name].total / metrics[name].count)
    assert {name: value(right, name) for name in right if name != "loss"} == {
        "accuracy": 1.0,
        "last": 1.0,
        "sequence_accuracy": 1.0,
    }
    n = ROWS * LENGTH
    for metrics, expected in (
        (guessed, group.spec.baseline),
        (copied, group.spec.references["copy"]),
    ):
        assert abs(value(metrics, "accuracy") - expected) < 4 * (expected / n) ** 0.5
    assert value(guessed, "last") < 3 / 60
    assert not np.array_equal(batch.inputs[:32], test.inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "B3"}, "group='B3'; expected S<n>, A<n> or Z<n>, or several"),
        ({"group": "A4x"}, "group='A4x'; expected"),
        ({"group": "S3\n"}, "expected S<n>"),
        ({"group": "A2"}, "group='A2' has 1 element; expected 2 to 720"),
        ({"group": "S7"}, "has 5040 elements; expected 2 to 720"),
        ({"group": "S999"}, "has over a million elements"),
        ({"length": 0}, "length=0; expected at least 1"),
        ({"split": "tset"}, "did you mean 'test'"),
    ],
)
def test_wrong_options_get_one_line(options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make("word_problem", **options)
    assert "\n" not in str(refused.value)
