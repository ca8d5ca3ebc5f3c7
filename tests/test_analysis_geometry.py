"""PCA, dimension and similarity of representations: cases with known answers."""

import numpy as np
import pytest

from lstmx.analysis import geometry

pytestmark = pytest.mark.no_jax


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def rotation(size, seed=0):
    return np.linalg.qr(noise(size, size, seed=seed))[0]


def test_components_are_the_axes_of_an_ellipsoid():
    axes = rotation(5)
    cross = np.concatenate([np.eye(5), -np.eye(5)]) * [1, 5, 3, 2, 4]
    states = (cross @ axes + 7.0).reshape(2, 5, 5)
    found = geometry.pca(states, components=3)
    np.testing.assert_allclose(np.abs(found.components @ axes[[1, 4, 2]].T), np.eye(3), atol=1e-9)
    np.testing.assert_allclose(found.variance, 2 * np.array([25, 16, 9]) / 9)
    np.testing.assert_allclose(found.ratio, np.array([25, 16, 9]) / 55)
    np.testing.assert_allclose(found.mean, 7)
    largest = np.abs(found.components).argmax(1)
    assert (found.components[[0, 1, 2], largest] > 0).all()


def test_other_states_are_projected_into_the_same_plane():
    states = noise(2, 7, 5)
    found = geometry.pca(states)
    other = noise(3, 5, seed=1)
    back = geometry.project(found, other) @ found.components + found.mean
    np.testing.assert_allclose(back, other, atol=1e-12)
    np.testing.assert_allclose(geometry.project(found, states).mean((0, 1)), 0, atol=1e-12)


def test_participation_ratio_counts_dimensions_in_use():
    cross = np.concatenate([np.eye(5), -np.eye(5)])
    assert geometry.participation_ratio(cross) == pytest.approx(5)
    assert geometry.participation_ratio(cross @ np.eye(5, 23)) == pytest.approx(5)  # N < D
    assert geometry.participation_ratio(cross[:, :1] * [1.0, 2.0, 3.0]) == pytest.approx(1)
    # From samples: D / (1 + D / N).
    states = noise(200, 20)
    assert geometry.participation_ratio(states) == pytest.approx(20 / 1.1, rel=0.03)


@pytest.mark.parametrize("unbiased", [False, True])
def test_alignment_with_a_rotated_copy_of_another_width_is_one(unbiased):
    states = noise(3, 7, 5)
    copy = 3 * states @ rotation(11)[:5] + 2
    for other in (states, copy):
        assert geometry.cka(states, other, unbiased=unbiased) == pytest.approx(1)
    stretched = states * [1, 1, 1, 1, 9]
    assert geometry.cka(states, stretched, unbiased=unbiased) < 0.9


@pytest.mark.parametrize("width", [2, 40])  # features are fewer, or examples
def test_alignment_is_that_of_gram_matrices(width):
    x, y = noise(21, 5), noise(21, width, seed=1)
    k, l = x @ x.T, y @ y.T
    h = np.eye(21) - 1 / 21
    biased = [np.trace(a @ h @ b @ h) for a, b in ((k, l), (k, k), (l, l))]
    expected = biased[0] / np.sqrt(biased[1] * biased[2])
    assert geometry.cka(x, y) == pytest.approx(expected)

    def hsic(a, b):  # Song et al. 2012: unbiased, with the diagonals 0
        a, b, n = a - np.diag(np.diag(a)), b - np.diag(np.diag(b)), len(a)
        whole = a.sum() * b.sum() / ((n - 1) * (n - 2))
        return np.trace(a @ b) + whole - 2 * (a @ b).sum() / (n - 2)

    expected = hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))
    assert geometry.cka(x, y, unbiased=True) == pytest.approx(expected)


def test_unrelated_networks_align_by_chance_unless_unbiased():
    pairs = [(noise(30, 20, seed=k), noise(30, 20, seed=100 + k)) for k in range(20)]
    assert np.mean([geometry.cka(*pair) for pair in pairs]) > 0.3
    assert abs(np.mean([geometry.cka(*pair, unbiased=True) for pair in pairs])) < 0.05


def test_masked_states_do_not_count():
    x, y = noise(2, 7, 5), noise(2, 7, 3, seed=1)
    mask = np.arange(7) < np.array([[7], [4]])
    rows = x[mask], y[mask]
    spoiled = np.where(mask[..., None], x, np.nan)
    assert geometry.cka(spoiled, y, mask=mask) == pytest.approx(geometry.cka(*rows))
    ratio = geometry.participation_ratio(rows[0])
    assert geometry.participation_ratio(spoiled, mask=mask) == pytest.approx(ratio)
    np.testing.assert_allclose(geometry.pca(spoiled, mask=mask).mean, rows[0].mean(0))


def test_canonical_correlations_see_shared_directions_only():
    x, y = noise(2, 300, 3), noise(2, 300, 3, seed=1)
    invertible = noise(3, 7, seed=2)
    np.testing.assert_allclose(geometry.canonical_correlations(x, x @ invertible, explained=1), 1)
    shared = np.concatenate([x[..., :1] + 0.75 * y[..., :1], y[..., 1:]], axis=-1)
    found = geometry.canonical_correlations(x, shared, explained=1)
    np.testing.assert_allclose(found, [0.8, 0, 0], atol=0.12)  # 3 / sqrt(600)
    # A direction of 1 % of the variance is left out.
    assert geometry.canonical_correlations(x, x * [1, 1, 0.1], explained=0.98).shape == (2,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: geometry.pca(noise(5)), "leading axis"),
        (lambda: geometry.pca(noise(5, 3), components=4), "at most D = 3"),
        (lambda: geometry.pca(noise(1, 3)), "two or more"),
        (lambda: geometry.pca(noise(5, 3), mask=np.ones(4, bool)), "of bool"),
        (lambda: geometry.project(geometry.pca(noise(5, 3)), noise(5, 2)), "D = 3"),
        (lambda: geometry.participation_ratio(np.ones((5, 3))), "all equal"),
        (lambda: geometry.cka(noise(5, 3), noise(4, 3)), "same leading axes"),
        (lambda: geometry.cka(noise(5, 3), np.ones((5, 3))), "all equal"),
        (lambda: geometry.cka(noise(3, 3), noise(3, 3), unbiased=True), "4 or more"),
        (lambda: geometry.cka(noise(5, 3), np.full((5, 3), np.nan)), "not finite"),
        (lambda: geometry.canonical_correlations(noise(5, 3), noise(5, 3), explained=0), "above"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
