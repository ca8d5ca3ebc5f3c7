"""Dynamical similarity of linear systems, whose operators and distances are known exactly."""

import numpy as np
import pytest

from lstmx.analysis import similarity

pytestmark = pytest.mark.no_jax

LAMBDAS = np.array([0.95 * np.exp(0.4j), 0.95 * np.exp(-0.4j), 0.7])


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def blocks(radius=0.95, angle=0.4, decay=0.7):
    """A rotation that shrinks, and a decay."""
    c, s = radius * np.cos(angle), radius * np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, decay]])


def trajectories(a, *, inputs=None, b=None, seed=0, steps=19):
    state, states = noise(5, len(a), seed=seed), []
    for t in range(steps):
        state = state @ a.T
        if inputs is not None:
            state = state + inputs[:, t] @ b.T
        states.append(state)
    return np.stack(states, axis=1)


def operator(a, b=None):
    a = np.asarray(a, float)
    b = np.zeros((len(a), 0)) if b is None else b
    return similarity.Operator(a, b, np.linalg.eigvals(a), np.ones(len(a)), 1.0, 0.0)


def rotation(size, seed=0):
    return np.linalg.qr(noise(size, size, seed=seed))[0]


@pytest.mark.parametrize("delays", [1, 3])
def test_eigenvalues_of_a_linear_system_are_found(delays):
    found = similarity.fit(trajectories(blocks()), delays=delays)
    np.testing.assert_allclose(found.eigenvalues, LAMBDAS, atol=1e-9)
    assert found.r2 == pytest.approx(1)
    assert found.persistence < 0.99
    assert found.control.shape == (3, 0)


@pytest.mark.parametrize("into", [rotation(3), noise(3, 3), noise(3, 7), np.eye(3, 7)])
def test_a_linear_copy_of_any_width_has_the_same_dynamics(into):
    states = trajectories(blocks())
    first, second = similarity.fit(states), similarity.fit(states @ into + 5)
    found = similarity.align(first, second)
    assert similarity.spectrum_distance(first, second) < 1e-9
    assert found.distance < 1e-9
    assert found.angle < 1e-6
    assert found.code == similarity.CONVERGED
    turned = found.basis @ second.transition @ found.basis.T
    np.testing.assert_allclose(turned, first.transition, atol=1e-9)


def test_the_distance_of_two_spectra_is_known():
    first = similarity.fit(trajectories(blocks()))
    second = similarity.fit(trajectories(blocks(angle=0.6), seed=1) @ rotation(3))
    # Each of the two moved eigenvalues is 2 r sin(half the angle) away, the third stays.
    moved = 2 * 0.95 * np.sin(0.1)
    expected = np.sqrt(2 * moved**2 / 3)
    assert similarity.spectrum_distance(first, second) == pytest.approx(expected, rel=1e-6)
    assert similarity.align(first, second).distance > 0.1


def test_eigenvalues_are_paired_at_the_lowest_cost():
    first, second = operator(np.diag([0.9, 0.1])), operator(np.diag([0.2, 0.8, 0.3]))
    # 0.9 with 0.8, 0.1 with 0.3, and the missing value 0 with 0.2: 0.1 with its nearest, 0.2, would
    # cost 0.3 for the last.
    expected = np.sqrt((0.1**2 + 0.2**2 + 0.2**2) / 3)
    assert similarity.spectrum_distance(first, second) == pytest.approx(expected)


@pytest.mark.parametrize("size", [3, 6])
def test_alignment_of_normal_operators_is_that_of_their_spectra(size):
    # Hoffman & Wielandt 1953: for normal matrices the Frobenius distance, minimised over unitary
    # changes of basis, is the distance of the paired eigenvalues.
    values = noise(2, size)
    turn = rotation(size)
    first, second = operator(np.diag(values[0])), operator(turn @ np.diag(values[1]) @ turn.T)
    expected = np.linalg.norm(np.sort(values[0]) - np.sort(values[1]))
    assert similarity.align(first, second).distance == pytest.approx(expected, abs=1e-6)


def test_alignment_finds_hidden_copies_of_systems_that_are_not_normal():
    a = noise(10, 10) / np.sqrt(10)
    turn = rotation(10, seed=1)
    turn[0] *= -np.sign(np.linalg.det(turn))  # the other component of the group
    found = similarity.align(operator(a), operator(turn @ a @ turn.T), restarts=0)
    assert found.distance < 1e-9
    assert found.starts.shape == (2,)
    disturbed = turn @ (a + 1e-3 * noise(10, 10, seed=2)) @ turn.T
    assert similarity.align(operator(a), operator(disturbed), restarts=0).distance < 1e-2


def test_search_reports_whether_it_ended():
    first, second = operator(noise(7, 7)), operator(noise(7, 7, seed=1))
    ended = similarity.align(first, second)
    assert ended.code == similarity.CONVERGED
    assert ended.gradient <= 1e-6
    assert ended.distance == ended.starts.min()
    cut = similarity.align(first, second, steps=1)
    assert cut.code == similarity.STOPPED
    assert cut.gradient > 1e-6
    assert cut.distance > ended.distance
    again = similarity.align(first, second)
    np.testing.assert_array_equal(again.starts, ended.starts)


def test_angle_ignores_a_common_factor():
    a = noise(5, 5)
    found = similarity.align(operator(a), operator(2 * a))
    assert found.angle < 1e-6
    assert found.distance == pytest.approx(np.linalg.norm(a))
    assert similarity.align(operator(a), operator(-a)).angle > 0.1


def test_inputs_are_told_from_the_dynamics():
    inputs, b = noise(5, 19, 2), noise(3, 2, seed=1)
    states = trajectories(blocks(), inputs=inputs, b=b)
    driven = similarity.fit(states, inputs)
    np.testing.assert_allclose(driven.eigenvalues, LAMBDAS, atol=1e-9)
    assert np.abs(similarity.fit(states).eigenvalues - LAMBDAS).max() > 1e-3
    copy = similarity.fit(states @ noise(3, 7, seed=2), inputs)
    assert similarity.align(driven, copy).distance < 1e-9
    # The same A with another B, then another A with the same B.
    for a, other in ((blocks(), noise(3, 2, seed=3)), (blocks(angle=1.0), b)):
        unlike = similarity.fit(trajectories(a, inputs=inputs, b=other), inputs)
        assert similarity.align(driven, unlike).distance > 0.1


def test_input_matrices_alone_are_aligned_as_procrustes_says():
    # |B1 - C B2|^2 = |B1|^2 + |B2|^2 - 2 (sum of the singular values of B1 B2').
    b1, b2 = noise(4, 3), noise(4, 3, seed=1)
    overlap = np.linalg.svd(b1 @ b2.T, compute_uv=False).sum()
    found = similarity.align(operator(np.zeros((4, 4)), b1), operator(np.zeros((4, 4)), b2))
    expected = np.sqrt((b1**2).sum() + (b2**2).sum() - 2 * overlap)
    assert found.distance == pytest.approx(expected, rel=1e-6)
    assert np.cos(found.angle) == pytest.approx(overlap / np.sqrt((b1**2).sum() * (b2**2).sum()))


def test_inputs_can_have_delays_too():
    inputs = noise(5, 19, 2)
    states = trajectories(blocks(), inputs=inputs, b=noise(3, 2, seed=1))
    found = similarity.fit(states[..., :2], inputs, delays=2, rank=4)
    assert found.r2 > 0.9
    assert found.transition.shape == (4, 4)
    assert found.control.shape == (4, 2)


def test_delay_embedding_has_the_newest_state_first():
    states = np.arange(12).reshape(1, 6, 2)
    found = similarity.hankel(states, 3)
    assert found.shape == (1, 4, 6)
    np.testing.assert_array_equal(found[0, 0], [4, 5, 2, 3, 0, 1])


def test_masked_steps_do_not_count():
    states, inputs = trajectories(blocks()), noise(5, 19, 2)
    mask = np.arange(19) < np.array([[19], [9], [9], [19], [4]])
    spoiled = np.where(mask[..., None], states, np.nan)
    for u in (None, inputs):
        found = similarity.fit(spoiled, u, mask=mask, delays=2)
        np.testing.assert_allclose(found.eigenvalues[:3], LAMBDAS, atol=1e-9)


def test_all_pairs_at_once_are_the_pairs_one_by_one(monkeypatch):
    operators = [operator(noise(size, size, seed=size)) for size in (2, 5, 3, 4)]
    for batch in (1, 2**20):
        monkeypatch.setattr(similarity, "BATCH", batch)
        for measure, one in (
            ("eigenvalues", similarity.spectrum_distance),
            ("procrustes", lambda a, b: similarity.align(a, b).distance),
            ("angular", lambda a, b: similarity.align(a, b).angle),
        ):
            found = similarity.pairwise(operators, measure)
            expected = [[one(a, b) if a is not b else 0 for b in operators] for a in operators]
            upper = np.triu(expected)
            np.testing.assert_allclose(found.distances, upper + upper.T, rtol=1e-9)
            assert (found.codes == similarity.CONVERGED).all()
    stopped = similarity.pairwise(operators, "angular", steps=1)
    np.testing.assert_array_equal(stopped.codes, similarity.STOPPED * (1 - np.eye(4)))


def test_single_precision_states_have_the_rank_of_the_system():
    states = trajectories(blocks()) @ noise(3, 7)
    found = similarity.fit(states.astype(np.float32))
    np.testing.assert_allclose(found.eigenvalues, LAMBDAS, atol=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: similarity.hankel(noise(2, 7), 1), r"\[B, T, D\]"),
        (lambda: similarity.fit(noise(2, 7, 5), delays=8), "at most T"),
        (lambda: similarity.fit(noise(2, 7, 5), rank=6), "1 to 5"),
        (lambda: similarity.fit(noise(2, 7, 5), noise(2, 6, 1)), r"\[B, T, X\]"),
        (lambda: similarity.fit(np.ones((2, 7, 5))), "all equal"),
        (lambda: similarity.fit(noise(2, 7, 5), delays=7), "pairs of successive"),
        (lambda: similarity.fit(np.full((2, 7, 5), np.nan)), "not finite"),
        (lambda: similarity.fit(noise(2, 7, 5), mask=np.ones((2, 7))), "of bool"),
        (lambda: similarity.pairwise([operator(np.eye(2))]), "two or more"),
        (lambda: similarity.pairwise([operator(np.eye(2))] * 2, "angle"), "did you mean 'angular'"),
        (
            lambda: similarity.align(operator(np.eye(2)), operator(np.eye(2), np.ones((2, 1)))),
            "the same number",
        ),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
