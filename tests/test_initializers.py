"""How weights start: gains, biases, and what two variants share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import cells, initializers

KEY = jax.random.key(0)
H, X = 64, 3


def start(initializer="orthogonal", **options):
    cell = cells.make("lstm", hidden_size=H, initializer=initializer, **options)
    return jax.tree.map(np.asarray, cell.init(KEY, X))


def singular_values(R):
    return np.linalg.svd(R.swapaxes(0, 1), compute_uv=False)  # by gate


def test_each_gate_is_orthogonal_for_itself():
    np.testing.assert_allclose(singular_values(start()["R"]), 1.0, rtol=1e-4)


def test_fused_orthogonal_start_has_half_the_gain():
    # Measured for H = 64: 0.50 root mean square over the values of a gate, at most about 0.86.
    values = singular_values(start("orthogonal_fused")["R"])
    np.testing.assert_allclose(np.sqrt(np.mean(values**2, axis=1)), 0.5, rtol=0.05)
    flat = start("orthogonal_fused")["R"].reshape(H, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(H), atol=1e-5)


def test_uniform_start_fills_its_bounds():
    params = start("uniform")
    for weights in (params["W"], params["R"]):
        assert np.abs(weights).max() < 1 / 8
        assert np.abs(weights).max() > 0.95 / 8
        assert abs(weights.std() - 1 / 8 / np.sqrt(3)) < 0.1 / 8


def test_normal_start_has_one_deviation_at_any_width():
    params = start("normal")
    for weights in (params["W"], params["R"]):
        assert weights.std() == pytest.approx(0.1, rel=0.1)
        assert np.abs(weights).max() > 0.25


def test_identity_start_keeps_the_state_of_a_relu_network():
    cell = cells.make("rnn", hidden_size=5, activation="relu", start="identity")
    params = cell.init(KEY, X)
    np.testing.assert_array_equal(params["R"][:, 0], np.eye(5))
    np.testing.assert_array_equal(params["b"], 0)
    h = jnp.array([[0.0, 1, 2, 3, 4]])
    state = cell.initial_state(params, (1,))._replace(h=h)
    np.testing.assert_allclose(cell.step(params, state, jnp.zeros((1, X)))[1], h)


def test_input_weights_have_variance_one_over_the_inputs():
    W = cells.make("gru", hidden_size=200).init(KEY, 50)["W"]
    assert float(W.std()) == pytest.approx(1 / np.sqrt(50), rel=0.05)


@pytest.mark.parametrize(("variant", "biases"), [("NP", (0, 3, 0, 0)), ("CIFG", (-3, 0, 0))])
def test_forget_bias_lands_on_the_gate_that_forgets(variant, biases):
    b = start(variant=variant, forget_bias=3.0)["b"]
    np.testing.assert_array_equal(b, np.broadcast_to(np.array(biases)[:, None], b.shape))


def test_chrono_biases_cover_the_dependencies_up_to_the_longest(x64):
    longest = 200
    cell = cells.make("lstm", hidden_size=4000, chrono=longest)
    # Only the biases are asked for: a QR of 4000 x 4000 would take minutes.
    i, f, z, o = np.asarray(jax.jit(lambda key: cell.init(key, 1)["b"])(KEY))
    steps = 1 / (1 - 1 / (1 + np.exp(-f)))
    assert steps.min() >= 2
    assert steps.max() <= longest
    # Standard error of the mean of a uniform over 198 steps: 198 / sqrt(12 * 4000) = 0.9.
    assert steps.mean() == pytest.approx(1 + longest / 2, abs=3)
    np.testing.assert_array_equal(i, -f)
    assert not z.any()
    assert not o.any()


def test_chrono_reaches_the_gate_that_keeps_in_other_cells():
    np.testing.assert_array_less(0, -start(variant="CIFG", chrono=50)["b"][0] + 1e-6)
    r, u, n = cells.make("gru", hidden_size=H, chrono=50).init(KEY, X)["b"]
    assert float(u.min()) >= 0
    assert float(u.max()) <= np.log(49) + 1e-6
    assert not r.any()
    assert not n.any()


@pytest.mark.parametrize("variant", ["NIG", "CIFG", "FGR", "NP"])
def test_variants_that_start_from_one_key_share_the_gates_they_share(variant):
    whole = start(variant="V")
    part = start(variant=variant)
    gates = {"NIG": (1, 2, 3), "CIFG": (0, 2, 3)}.get(variant, (0, 1, 2, 3))
    np.testing.assert_array_equal(part["R"], whole["R"][:, gates])
    np.testing.assert_array_equal(part["W"], whole["W"][:, gates])
    for name in set(whole) & set(part) - {"R", "W", "b"}:
        np.testing.assert_array_equal(part[name], whole[name])


def test_gates_differ_and_keys_differ():
    R = start()["R"]
    assert len(np.unique(np.abs(R[0, :, 0]))) == 4
    other = cells.make("lstm", hidden_size=H).init(jax.random.key(1), X)["R"]
    assert not np.allclose(R, other)


def test_peepholes_start_small_by_the_width_that_they_sum_over():
    diagonal, full = start(variant="V"), start(variant="V", peepholes="full")
    assert diagonal["p_i"].std() == pytest.approx(0.1, rel=0.4)  # 64 draws
    assert full["P_i"].std() == pytest.approx(0.1 / 8, rel=0.05)


def test_weights_of_cells_that_share_gates_lie_side_by_side():
    params = start(variant="V", block_size=4)
    assert params["W"].shape == (X, 16 + 16 + 64 + 16)
    i = params["R"][:, :16]
    np.testing.assert_allclose(i.T @ i, np.eye(16), atol=1e-5)
    np.testing.assert_array_equal(params["b"][16:32], 1)


def test_unknown_start_names_the_known_ones():
    with pytest.raises(ValueError, match=r"did you mean 'uniform'.*orthogonal_fused"):
        initializers.get("unifrom")
