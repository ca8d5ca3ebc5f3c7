"""Degeneracy of solutions: permuted copies are the same solution, and errors have a formula."""

import itertools

import jax
import numpy as np
import pytest

import lstmx
from lstmx.analysis import degeneracy


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def params(size=5, seed=0):
    return {
        "R": noise(size, 4, size, seed=seed),
        "W": noise(3, 4, size, seed=seed + 50),
        "b": noise(4, size, seed=seed + 100),
    }


def test_a_permuted_cell_is_the_same_cell():
    cell = lstmx.cells.make("lstm", hidden_size=5)
    start = cell.init(jax.random.key(0), 3)
    order = np.array([3, 0, 4, 1, 2])
    moved = degeneracy.permute(start, order)
    xs = noise(2, 7, 3).astype(np.float32)
    outputs = [lstmx.unroll(cell, p, xs).outputs for p in (start, moved)]
    np.testing.assert_allclose(outputs[0][..., order], outputs[1], atol=1e-6)
    found = degeneracy.match(start, moved)
    assert found.distance == found.relative == 0
    assert found.unmatched > 1
    np.testing.assert_array_equal(order[found.permutation], np.arange(5))


@pytest.mark.parametrize("leaves", [("R",), ("W", "b"), ("R", "W", "b")])
def test_the_best_of_all_permutations_is_found(leaves):
    first, second = params(), params(seed=1)

    def apart(order):
        moved = degeneracy.permute(second, order)
        return np.sqrt(sum(((first[name] - moved[name]) ** 2).sum() for name in leaves))

    best = min(itertools.permutations(range(5)), key=apart)
    found = degeneracy.match(first, second, leaves=leaves)
    np.testing.assert_array_equal(found.permutation, best)
    assert found.distance == pytest.approx(apart(best))
    assert found.unmatched == pytest.approx(apart(range(5)))
    total = sum((p[name] ** 2).sum() for p in (first, second) for name in leaves)
    assert found.relative == pytest.approx(apart(best) / np.sqrt(total))


def test_a_disturbed_copy_of_many_units_is_recognised():
    first = params(23)
    order = np.random.default_rng(0).permutation(23)
    moved = degeneracy.permute(first, order)
    disturbed = {name: a + 0.1 * noise(*a.shape, seed=7) for name, a in moved.items()}
    found = degeneracy.match(first, disturbed)
    np.testing.assert_array_equal(order[found.permutation], np.arange(23))
    assert found.relative == pytest.approx(0.1 / np.sqrt(2.01), rel=0.1)


def test_axes_of_other_leaves_can_be_named():
    first = {"u": noise(5), "Q": noise(3, 5, 5)}
    axes = {"u": (0,), "Q": (1, 2)}
    moved = degeneracy.permute(first, [4, 2, 0, 1, 3], axes=axes)
    np.testing.assert_array_equal(moved["u"], first["u"][[4, 2, 0, 1, 3]])
    assert degeneracy.match(first, moved, leaves=("u", "Q"), axes=axes).distance == 0


def test_spread_has_the_error_of_the_jackknife():
    scores = noise(6, 2)
    found = degeneracy.spread(scores)
    np.testing.assert_allclose(found.std, scores.std(0, ddof=1))
    np.testing.assert_allclose(found.relative, found.std / np.abs(scores.mean(0)))
    # By hand, for one condition.
    parts = [np.std(np.delete(scores[:, 0], k), ddof=1) for k in range(6)]
    error = np.sqrt(5 / 6 * sum((p - np.mean(parts)) ** 2 for p in parts))
    assert found.error[0] == pytest.approx(error)
    assert degeneracy.spread([1.0, 1.0, 1.0]).std == 0
    assert np.isnan(degeneracy.spread([1.0, 2.0]).error)


def test_the_mean_of_pairs_counts_each_pair_once():
    matrix = np.array([[0.0, 1, 2], [1, 0, 6], [2, 6, 0]])
    found = degeneracy.mean_of_pairs(matrix)
    assert found.mean == 3
    parts = np.array([6.0, 2, 1])  # without the first, second, third
    assert found.error == pytest.approx(np.sqrt(2 / 3 * ((parts - 3) ** 2).sum()))
    assert degeneracy.mean_of_pairs(1 - np.eye(4)).error == 0
    assert np.isnan(degeneracy.mean_of_pairs(1 - np.eye(2)).error)


def test_permuted_copies_are_one_solution_at_all_levels():
    states, start = noise(3, 11, 5), params()
    orders = [np.random.default_rng(k).permutation(5) for k in range(3)]
    found = degeneracy.levels(
        [0.5] * 3,
        [states[..., order] for order in orders],
        [degeneracy.permute(start, order) for order in orders],
    )
    assert found.behaviour.std == 0
    assert found.dynamics.mean < 1e-6
    assert found.weights.mean == 0
    assert found.r2.shape == (3,)
    assert (found.codes == 0).all()
    unlike = degeneracy.levels(
        [0.5, 0.7, 0.2],
        [noise(3, 11, 5, seed=k) for k in range(3)],
        [params(seed=k) for k in range(3)],
        inputs=noise(3, 11, 2),
        rank=3,
    )
    assert min(unlike.behaviour.std, unlike.dynamics.mean, unlike.weights.mean) > 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: degeneracy.match(params(), params(), leaves=()), "no leaves"),
        (lambda: degeneracy.match(params(), params(), leaves=("r",)), "known: R, W, b"),
        (lambda: degeneracy.match({"u": noise(5)}, {"u": noise(5)}, leaves=("u",)), "axes={'u'"),
        (lambda: degeneracy.match(params(), params(7)), "different sizes"),
        (lambda: degeneracy.match({"R": noise(6, 24)}, {"R": noise(6, 24)}), "one size H"),
        (lambda: degeneracy.permute(params(), [0, 1, 2, 3, 3]), "its 5 units"),
        (lambda: degeneracy.spread([1.0]), "at least 2"),
        (lambda: degeneracy.mean_of_pairs(noise(3, 3)), "symmetric"),
        (lambda: degeneracy.levels([1.0, 2.0], [noise(2, 7, 5)], [params()] * 2), "one of each"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
