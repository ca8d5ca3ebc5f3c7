"""Importance of hyperparameters: functions with closed-form shares, and brute force."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from lstmx import stats
from lstmx.stats import Dimension, spaces
from lstmx.stats.forests import Tree
from lstmx.stats.importance import tree_shares

pytestmark = pytest.mark.no_jax


def brute_force(tree, widths):
    """Shares by enumeration of all cells between the ends of the boxes; widths: [D][C]."""
    shape = [len(w) for w in widths]
    table = np.zeros(shape)
    for index in itertools.product(*map(range, shape)):
        inside = np.ones(len(tree.values), bool)
        for k, (side, cell) in enumerate(zip(tree.sides, index)):
            if side.dtype == bool:
                inside &= side[:, cell]
            else:
                middle = widths[k][:cell].sum() + widths[k][cell] / 2
                inside &= (side[:, 0] < middle) & (middle <= side[:, 1])
        assert inside.sum() == 1
        table[index] = tree.values[inside][0]

    def mean_over(axes):
        out = table
        for axis in axes:
            weight = widths[axis].reshape([-1 if k == axis else 1 for k in range(len(shape))])
            out = (out * weight).sum(axis=axis, keepdims=True)
        return out

    everything = set(range(len(shape)))
    f0 = mean_over(everything)

    def power(values):
        full = np.broadcast_to(values**2, shape)
        for axis in sorted(everything):
            weight = widths[axis].reshape([-1 if k == axis else 1 for k in range(len(shape))])
            full = (full * weight).sum(axis=axis, keepdims=True)
        return float(full.ravel()[0])

    total = power(table - f0)
    one = {k: mean_over(everything - {k}) - f0 for k in everything}
    two = {
        (a, b): mean_over(everything - {a, b}) - f0 - one[a] - one[b]
        for a, b in itertools.combinations(sorted(everything), 2)
    }
    return {k: power(v) / total for k, v in (one | two).items()}


def test_shares_of_a_fitted_tree_are_those_of_all_cells():
    generator = np.random.default_rng(3)
    points = {
        "rate": 10 ** generator.uniform(-4, -1, 23),
        "width": generator.integers(2, 8, 23),
        "cell": generator.choice(["lstm", "gru", "rnn"], 23),
    }
    dimensions = [
        Dimension("rate", 1e-4, 1e-1, log=True),
        Dimension("width", 2, 7, integer=True),
        Dimension("cell", choices=("lstm", "gru", "rnn")),
    ]
    forest = stats.fit(points, generator.normal(size=23), dimensions, trees=32)
    for tree in forest.trees[:3]:
        edges = np.unique(np.concatenate([[0, 1], tree.sides[0].ravel()]))
        widths = [np.diff(edges), np.full(6, 1 / 6), np.full(3, 1 / 3)]
        # Whole numbers are split half way between them.
        np.testing.assert_allclose(6 * tree.sides[1], np.round(6 * tree.sides[1]), atol=1e-9)
        singles, pairs = tree_shares(tree)
        for key, share in brute_force(tree, widths).items():
            found = pairs[key] if isinstance(key, tuple) else singles[key]
            assert found == pytest.approx(share, abs=1e-9)


def test_shares_of_boxes_by_hand():
    # x1 > 1/4 adds 2, the choice b adds 1, both together 1 more.
    boxes = [(0, 0, 0.25, "a"), (2, 0.25, 1, "a"), (1, 0, 0.25, "b"), (4, 0.25, 1, "b")]
    sides = (
        np.array([[l, h] for _, l, h, _ in boxes]),
        np.array([[c == "a", c == "b"] for *_, c in boxes]),
    )
    singles, pairs = tree_shares(Tree(np.array([v for v, *_ in boxes], float), sides))
    # Means of x1: 2.5 apart, weights 1/4 and 3/4; of the choice: 1.75 apart; interaction: 1.
    variances = np.array([2.5**2 * 3 / 16, 1.75**2 / 4, 3 / 16 / 4])
    np.testing.assert_allclose([*singles, pairs[0, 1]], variances / variances.sum(), rtol=1e-12)


def sampled(count=400, seed=0):
    generator = np.random.default_rng(seed)
    unit = generator.random((count, 3))
    points = {
        "rate": 1e-6 * 1e4 ** unit[:, 0],
        "noise": unit[:, 1],
        "units": np.round(20 * 10 ** unit[:, 2]),
    }
    return unit, points


SPACE = [
    Dimension("rate", 1e-6, 1e-2, log=True),
    Dimension("noise"),
    Dimension("units", 20, 200, log=True, integer=True),
]


def test_additive_function_on_the_searched_scale():
    unit, points = sampled()
    # Shares 10 / 11 and 1 / 11, of a range that was searched on the log scale.
    forest = stats.fit(points, math.sqrt(10) * unit[:, 0] + unit[:, 1], SPACE)
    found = stats.shares(forest)
    assert forest.r2 > 0.98
    np.testing.assert_allclose(found.singles.mean(axis=0), [10 / 11, 1 / 11, 0], atol=0.02)
    ranked = found.ranked()
    assert [share.names for share in ranked[:2]] == [("rate",), ("noise",)]
    assert all(s.low <= s.mean <= s.high for s in ranked[:2])
    linear = [Dimension("rate", 1e-6, 1e-2), *SPACE[1:]]
    other = stats.shares(stats.fit(points, math.sqrt(10) * unit[:, 0] + unit[:, 1], linear))
    assert other.singles.mean(axis=0)[0] < 0.75  # on the wrong scale


def test_product_has_an_interaction():
    unit, points = sampled()
    # u v: variances 1/48, 1/48 and 1/144 for the interaction, of 7/144.
    forest = stats.fit(points, unit[:, 0] * unit[:, 2], SPACE)
    found = stats.shares(forest)
    np.testing.assert_allclose(found.singles.mean(axis=0), [3 / 7, 0, 3 / 7], atol=0.02)
    assert found.pairs[:, 0, 2].mean() == pytest.approx(1 / 7, abs=0.02)
    np.testing.assert_array_equal(found.pairs, found.pairs.transpose(0, 2, 1))


def test_noise_explains_nothing_and_r2_says_so():
    _, points = sampled()
    forest = stats.fit(points, np.random.default_rng(1).normal(size=400), SPACE)
    assert forest.r2 < 0.1


def test_marginal_is_the_mean_over_the_others():
    unit, points = sampled()
    points["cell"] = np.where(unit[:, 1] < 0.3, "gru", "lstm")
    space = [*SPACE[:1], Dimension("cell", choices=("lstm", "gru")), SPACE[2]]
    value = unit[:, 0] + 2.0 * (points["cell"] == "gru") + unit[:, 2]
    forest = stats.fit(points, value, space)
    rate = stats.marginal(forest, "rate", size=11)
    np.testing.assert_allclose(rate.grid, 1e-6 * 1e4 ** np.linspace(0, 1, 11))
    # Half of the choices, though not of the points, are gru; at its ends a forest is too flat.
    np.testing.assert_allclose(rate.mean[2:-2], np.linspace(0, 1, 11)[2:-2] + 1.5, atol=0.1)
    assert (rate.low <= rate.high).all()
    cell = stats.marginal(forest, "cell")
    assert list(cell.grid) == ["lstm", "gru"]
    np.testing.assert_allclose(cell.mean, [1, 3], atol=0.1)
    units = stats.marginal(forest, "units")
    assert (units.grid == np.round(units.grid)).all()
    assert (units.grid[0], units.grid[-1]) == (20, 200)
    with pytest.raises(ValueError, match="one of rate, cell, units"):
        stats.marginal(forest, "width")


def test_a_constant_metric_has_no_shares():
    _, points = sampled(20)
    forest = stats.fit(points, np.ones(20), SPACE, trees=32)
    assert np.isnan(stats.shares(forest).singles).all()
    assert stats.shares(forest).ranked() == []


@pytest.mark.parametrize(
    ("change", "values", "message"),
    [
        ({}, [1.0] * 7, "8 or more"),
        ({}, [math.nan] * 20, "finite"),
        ({"rate": [1e-3] * 19}, [1.0] * 20, "19 values"),
        ({"rate": [1.0] * 20}, [1.0] * 20, "rate: got 1; expected 1e-06 to 0.01"),
        ({"rate": [math.nan] * 20}, [1.0] * 20, "rate: got nan"),
    ],
)
def test_points_that_do_not_fit_are_refused(change, values, message):
    _, points = sampled(20)
    with pytest.raises(ValueError, match=message):
        stats.fit(points | change, values, SPACE)


@pytest.mark.parametrize(
    "dimension",
    [
        Dimension("a", 0, 1, log=True),
        Dimension("a", 2, 1),
        Dimension("a", choices=("x",)),
        Dimension("a", choices=("x", "x")),
    ],
)
def test_dimensions_that_are_none_are_refused(dimension):
    with pytest.raises(ValueError, match="expected"):
        spaces.check(dimension)


def test_choices_are_known():
    with pytest.raises(ValueError, match="expected one of"):
        spaces.to_unit(Dimension("cell", choices=("lstm", "gru")), ["rnn"])


def test_few_trees_are_refused():
    _, points = sampled(20)
    with pytest.raises(ValueError, match="got 3 trees"):
        stats.fit(points, [1.0] * 20, SPACE, trees=3)


def test_import_is_light():
    code = "import sys, lstmx.stats; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
