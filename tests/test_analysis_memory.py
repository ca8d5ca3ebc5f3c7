"""Decoding and memory capacity: delay lines and linear networks, whose memory is known exactly."""

import jax
import numpy as np
import pytest

from lstmx.analysis import memory

pytestmark = pytest.mark.no_jax

ROWS, STEPS, LENGTH = 20, 61, 5


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def delay_line(signal, length=LENGTH):
    """States [B, T, D] that hold the last values of the signal [B, T]."""
    shifted = [np.roll(signal, k, axis=1) for k in range(length)]
    for k, row in enumerate(shifted):
        row[:, :k] = 0
    return np.stack(shifted, axis=-1)


def ring(signal, *, decay, size=LENGTH):
    """A shift by one unit per step, scaled: an orthogonal linear network that forgets."""
    state, states = np.zeros((len(signal), size)), []
    for value in signal.T:
        state = decay * np.roll(state, 1, axis=1)
        state[:, 0] += value
        states.append(state)
    return np.stack(states, axis=1)


def test_capacity_of_a_delay_line_is_its_length():
    signal = noise(ROWS, STEPS)
    lags = range(9)
    found = memory.capacity(delay_line(signal), signal, lags)
    np.testing.assert_allclose(found.curve[:LENGTH], 1, atol=1e-6)
    # Beyond, each lag adds a squared correlation of about 1 / 1000 by chance.
    assert abs(found.total - LENGTH) < 4 * 5 / (ROWS * (STEPS - 8))
    assert found.chance_curve.shape == (20, 9)


def test_an_orthogonal_network_remembers_as_theory_says():
    # Unit k holds sum_j decay^(k + j D) u(t - k - j D), so lag m D + k has the share
    # decay^(2 m D) (1 - decay^(2 D)) of its variance; over all lags these add up to D.
    decay, signal = 0.9, noise(ROWS, 260)
    turn = np.linalg.qr(noise(LENGTH, LENGTH, seed=1))[0]
    states = (ring(signal, decay=decay) @ turn)[:, 60:]
    lags = np.arange(3 * LENGTH)
    found = memory.decode(states, signal[:, 60:], lags, permutations=0)
    fade = decay ** (2 * LENGTH)
    expected = fade ** (lags // LENGTH) * (1 - fade)
    np.testing.assert_allclose(found.score, expected, atol=0.04)  # 3 / sqrt(4000 steps)
    assert memory.horizon(lags, found.score, level=0.5) == LENGTH - 1
    assert memory.horizon(lags, found.score, level=0.15) == 2 * LENGTH - 1
    assert memory.horizon(lags, found.score, level=0.9) == -1


def test_horizon_ends_where_the_score_first_drops():
    assert memory.horizon([1, 3, 5, 7], [0.9, 0.5, 0.4, 0.8]) == 3


def test_chance_is_what_unrelated_signals_reach():
    signal, lags = noise(ROWS, STEPS), range(4)
    found = memory.decode(delay_line(signal), signal, lags)
    assert found.chance.shape == (20, 4)
    assert np.abs(found.chance.mean(0)).max() < 0.005
    capacity = memory.capacity(noise(ROWS, STEPS, 3, seed=1), signal, range(8))
    steps = ROWS * (STEPS - 4)
    for value in (capacity.total, capacity.chance.mean()):
        assert 0.2 < value / (8 / steps) < 4  # one degree of freedom per lag


def test_every_fold_is_scored_by_a_readout_of_the_others():
    states, signal = noise(3, 17, 2), noise(3, 17, seed=1)
    signal = signal + states[..., 0]
    found = memory.decode(states, signal, [2], folds=3, penalties=[0.3], permutations=0)
    errors, spreads = 0.0, 0.0
    for held in range(3):
        others = [k for k in range(3) if k != held]
        x, y = states[others, 2:].reshape(-1, 2), signal[others, :-2].ravel()
        centred = x - x.mean(0)
        covariance = centred.T @ centred / len(x)
        ridge = 0.3 * np.trace(covariance) / 2 * np.eye(2)
        w = np.linalg.solve(covariance + ridge, centred.T @ (y - y.mean()) / len(x))
        guess = y.mean() + (states[held, 2:] - x.mean(0)) @ w
        errors += ((signal[held, :-2] - guess) ** 2).sum()
        spreads += ((signal[held, :-2] - y.mean()) ** 2).sum()
    np.testing.assert_allclose(found.score, 1 - errors / spreads, rtol=1e-9)
    np.testing.assert_array_equal(found.count, [3 * 15])


def test_the_penalty_keeps_many_useless_features_from_hurting():
    states, signal = noise(6, 11, 30), noise(6, 11, seed=1)
    free = memory.decode(states, signal, [0], penalties=[1e-8], permutations=0)
    chosen = memory.decode(states, signal, [0], permutations=0)
    assert free.score[0] < -0.5
    assert chosen.score[0] > -0.1
    assert chosen.penalty.shape == (5, 1)
    assert np.median(chosen.penalty) >= 1


def test_classes_are_scored_by_accuracy():
    classes = np.random.default_rng(0).integers(3, size=(ROWS, STEPS))
    shown = np.eye(3)[np.roll(classes, 2, axis=1)]
    found = memory.decode(shown[:, 2:], classes[:, 2:], [0, 2], permutations=5)
    assert found.score[1] == 1
    assert found.score[0] == pytest.approx(1 / 3, abs=0.05)
    assert found.chance.mean() == pytest.approx(1 / 3, abs=0.03)
    assert found.folds.shape == found.penalty.shape == (5, 2)


def test_columns_are_read_for_themselves():
    signal = noise(ROWS, STEPS)
    both = np.stack([signal, noise(ROWS, STEPS, seed=1)], axis=-1)
    found = memory.decode(delay_line(signal), both, range(3), permutations=2)
    assert found.score.shape == (3, 2)
    assert found.chance.shape == (2, 3, 2)
    assert found.folds.shape == found.penalty.shape == (5, 3, 2)
    assert (found.score[:, 0] > 0.99).all()
    assert (found.score[:, 1] < 0.01).all()
    assert memory.capacity(delay_line(signal), both, range(3)).total.shape == (2,)


def test_masked_steps_do_not_exist():
    signal = noise(ROWS, STEPS)
    states = delay_line(signal) + 0.3 * noise(ROWS, STEPS, LENGTH, seed=2)
    mask = np.arange(STEPS) < 40 + np.zeros((ROWS, 1), int)
    spoiled = np.where(mask[..., None], states, np.nan), np.where(mask, signal, np.inf)
    masked = memory.decode(*spoiled, range(3), mask=mask, permutations=3)
    short = memory.decode(states[:, :40], signal[:, :40], range(3), permutations=3)
    for a, b in zip(masked, short):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_states_are_decomposed_once_where_every_step_exists(monkeypatch):
    calls = []
    monkeypatch.setattr(
        memory._ridge, "cross_validate", lambda *a, f=memory._ridge.cross_validate, **k: (
            calls.append(a), f(*a, **k))[1]
    )  # fmt: skip
    signal = noise(ROWS, STEPS)
    found = [
        memory.decode(delay_line(signal), signal, [0, 2], mask=mask, permutations=3)
        for mask in (None, np.ones(signal.shape, bool))
    ]
    assert len(calls) == 4
    np.testing.assert_array_equal(found[0].chance, found[1].chance)


def test_single_precision_arrays_of_jax_are_taken():
    signal = noise(ROWS, STEPS).astype(np.float32)
    found = memory.capacity(*jax.device_put((delay_line(signal), signal)), range(6))
    assert found.total == pytest.approx(LENGTH, abs=0.01)
    assert memory.decode(0 * delay_line(signal), signal, [0]).score == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": noise(4, 9)}, "expected \\[B, T, D\\]"),
        ({"signal": noise(4, 8)}, "expected \\[B, T, D\\]"),
        ({"lags": [9]}, "0 to T - 1 = 8"),
        ({"lags": [0.5]}, "whole numbers"),
        ({"folds": 5}, "4 sequences for 5 folds"),
        ({"folds": 2}, "at least 3"),
        ({"penalties": [0.0]}, "above 0"),
        ({"mask": np.ones((4, 9))}, "of bool"),
        ({"mask": np.zeros((4, 9), bool)}, "no steps"),
        ({"states": np.full((4, 9, 2), np.nan)}, "not finite"),
    ],
)
def test_wrong_input_is_refused(change, message):
    given = {"states": noise(4, 9, 2), "signal": noise(4, 9), "lags": [1], "folds": 4, **change}
    with pytest.raises(ValueError, match=message):
        memory.decode(**given)


def test_capacity_of_classes_is_refused():
    with pytest.raises(ValueError, match="real signal"):
        memory.capacity(noise(4, 9, 2), np.ones((4, 9), int), [1], folds=4)
    with pytest.raises(ValueError, match="ascending"):
        memory.horizon([1, 0], [1.0, 1.0])
