"""Cells start where their options say; how matrices start is asked in `test_initializers.py`."""

import jax
import numpy as np
import pytest

from lstmx import cells
from lstmx.initializers import STARTS

H, X = 6, 3


def start(name, hidden_size=H, **options):
    params = cells.make(name, hidden_size=hidden_size, **options).init(jax.random.key(0), X)
    return {k: np.asarray(v) for k, v in params.items()}


@pytest.mark.parametrize(
    ("name", "options", "biases"),
    [
        ("mgu", {"forget_bias": 1.5}, [1.5, 0]),
        ("janet", {}, [1, 0]),
        ("janet", {"forget_bias": -2.0}, [-2, 0]),
        ("ugrnn", {}, [1, 0]),
        ("ugrnn", {"update_bias": 0.5}, [0.5, 0]),
        ("mut1", {}, [0, 0, 0]),
        ("lem", {}, [0, 0, 0, 0]),
        ("lstm", {"projection": 2, "heads": 2}, [0, 1, 0, 0]),
    ],
)
def test_biases_start_by_gate(name, options, biases):
    np.testing.assert_array_equal(
        start(name, **options)["b"], np.repeat([biases], H, axis=0).T.astype(np.float32)
    )


@pytest.mark.parametrize("variant", ["NP", "CIFG"])
@pytest.mark.parametrize(
    ("forget_start", "first", "middle", "last"),
    [("linear", 3, 4.5, 6), ("power law", 5, 5 - 12 * 0.5**0.3, -7)],
)
def test_forget_bias_is_spread_over_the_units(variant, forget_start, first, middle, last):
    b = start("lstm", 5, variant=variant, forget_start=forget_start)["b"]
    b_f = -b[0] if variant == "CIFG" else b[1]
    np.testing.assert_allclose(b_f[[0, 2, 4]], [first, middle, last], rtol=1e-6)
    assert not b[2:].any()


def test_janet_with_chrono_starts_for_dependencies_up_to_the_longest():
    b_f, b_z = start("janet", 500, chrono=20)["b"]
    assert (np.exp(b_f) >= 1).all()
    assert (np.exp(b_f) <= 19).all()
    assert np.exp(b_f).mean() == pytest.approx(10, rel=0.1)  # uniform on [1, 19]; 3 deviations
    assert not b_z.any()


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_irnn_starts_as_a_multiple_of_the_identity(scale):
    params = start("irnn", scale=scale)
    np.testing.assert_allclose(params["R"][:, 0], scale * np.eye(H), rtol=1e-6)
    assert not params["b"].any()
    assert 0 < np.abs(params["W"]).max() < 0.005  # five standard deviations


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({}, 0, 1),
        ({"bound": 0.5}, 0, 0.5),
        ({"longest": 2}, 0, 2**0.5),
        ({"longest": 2, "last_layer": True}, 2**-0.5, 2**0.5),
        ({"bound": 1.25, "last_layer": True}, 0.8, 1.25),
    ],
)
def test_indrnn_starts_within_its_range_and_fills_it(options, low, high):
    u = start("indrnn", 300, **options)["u"]
    margin = 0.05 * (high - low)
    assert low <= u.min() < low + margin
    assert high - margin < u.max() <= high * (1 + 1e-6)  # 2^(1/2) in float32


def test_adaptive_context_starts_from_alpha():
    beta = start("scrn", alpha=0.9, adaptive=True, context_size=4)["beta"]
    np.testing.assert_allclose(1 / (1 + np.exp(-beta)), 0.9, rtol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_each_head_starts_orthogonal_and_unlike_the_others(name):
    R = start(name, heads=2)["R"]  # [N, H / N, G, H / N]
    for gate in range(R.shape[2]):
        for head in R[:, :, gate]:
            np.testing.assert_allclose(head @ head.T, np.eye(H // 2), atol=1e-6)
    assert np.abs(R[0] - R[1]).max() > 0.1


@pytest.mark.parametrize("initializer", STARTS)
def test_heads_and_projection_take_every_initializer(initializer):
    cell = cells.make("lstm", hidden_size=H, heads=2, projection=4, initializer=initializer)
    params = jax.eval_shape(lambda key: cell.init(key, X), jax.random.key(0))
    assert params["R"].shape == (2, 2, 4, 3)
    assert params["W_hr"].shape == (6, 4)


def test_projection_starts_orthogonal():
    W_hr = start("lstm", projection=4)["W_hr"]
    np.testing.assert_allclose(W_hr.T @ W_hr, np.eye(4), atol=1e-6)


def test_memory_blocks_start_in_their_range_and_gates_at_their_biases():
    params = start("lstm1997", 60, block_size=20, input_bias=(-1.0, -3.0, -5.0), weight_range=0.2)
    b = params.pop("b")  # i [3], z [60], o [3]
    np.testing.assert_array_equal(b[:3], [-1, -3, -5])
    for values in (b[3:], *params.values()):
        assert 0.19 < np.abs(values).max() <= 0.2
        assert abs(values.mean()) < 0.05


def test_forms_of_2000_and_2002_start_every_gate_by_block():
    said = {"input_bias": (0.0, -1.0), "forget_bias": (1.0, 2.0), "output_bias": (3.0, -4.0)}
    b = start("lstm2000", 4, block_size=2, **said)["b"]
    np.testing.assert_array_equal(b, [0, -1, 1, 2, 3, -4])
    b = start("lstm2002", 2, **said)["b"]  # i, f, z, o; z as the weights
    np.testing.assert_array_equal(b[[0, 1, 2, 3, 6, 7]], [0, -1, 1, 2, 3, -4])
