"""Gates: time scales, saturation and activity with known answers; retention of every cell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X, leaky

import lstmx
from lstmx import cells, wrappers
from lstmx.analysis import gates

UNKNOWN = ("cornn", "indrnn", "irnn", "mgu", "rnn", "scrn")
"""Cells whose trace does not say what they retain."""
STABILISED = ("mlstm", "slstm")
"""Cells whose memory is divided by exp(m) where it is stored."""


def unrolled(name, **options):
    """A cell with weights of some size, its parameters, inputs and trace."""
    spatial = (2,) if name == "conv_lstm" else ()
    options = {"kernel_size": (3,), **options} if spatial else options
    cell = cells.make(name, hidden_size=H, **options)
    params = cell.init(jax.random.key(0), X)
    xs = jax.random.normal(jax.random.key(1), (B, T, *spatial, X))
    return cell, params, xs, lstmx.unroll(cell, params, xs, return_trace=True).trace


@pytest.mark.parametrize("name", sorted(set(cells.names()) - {*UNKNOWN, *STABILISED}))
def test_retention_is_the_derivative_of_the_step_at_fixed_gates(name):
    cell, params, xs, trace = unrolled(name)
    found, measured = gates.retention(trace), gates.measured_retention(cell, params, xs)
    assert found.keys() == measured.keys()
    for leaf, r in found.items():
        np.testing.assert_allclose(r, measured[leaf], atol=1e-6)


@pytest.mark.parametrize("name", UNKNOWN)
def test_cells_without_a_known_gate_are_refused(name):
    trace = unrolled(name)[3]
    with pytest.raises(ValueError, match=r"expected a cell with gates|expected gate="):
        gates.retention(trace)


def test_gate_that_retains_can_be_named():
    cell, params, xs, trace = unrolled("mgu", convention="paper")
    (r,) = gates.retention(trace, gate="1 - f").values()
    np.testing.assert_allclose(r, gates.measured_retention(cell, params, xs)["h"], atol=1e-6)
    np.testing.assert_array_equal(gates.retention(trace, gate="f")["f"], trace.gates["f"])
    with pytest.raises(ValueError, match="unknown gate 'q'"):
        gates.retention(trace, gate="1 - q")


def test_trace_of_a_model_is_refused_by_name():
    model = lstmx.models.sequence_model(cells.make("gru", hidden_size=H), X, 1)
    params = model.init(jax.random.key(0))
    trace = model.apply(params, jnp.ones((B, T, X)), return_trace=True)[2]
    with pytest.raises(ValueError, match="got layer_0; expected the Trace of one layer"):
        gates.retention(trace)
    assert gates.retention(trace["layer_0"])["h"].shape == (B, T, H)


@pytest.mark.parametrize("name", STABILISED)
def test_retention_of_a_stabilised_memory_is_that_of_its_forget_gate(name):
    """With W = R = 0 the gate is sigma(b_f) at every step, whatever the stabiliser does."""
    cell, params, xs, _ = unrolled(name, forget_bias=2.0)
    params = {k: v if k == "b" else jnp.zeros_like(v) for k, v in params.items()}
    trace = lstmx.unroll(cell, params, xs, return_trace=True).trace
    ((_, r),) = gates.retention(trace).items()
    assert np.isnan(r[:, 0]).all()
    np.testing.assert_allclose(r[:, 1:], jax.nn.sigmoid(2.0), rtol=1e-5)


def test_measured_retention_sees_own_cells_and_wrappers():
    cell = leaky()
    params, xs = cell.init(jax.random.key(0), X), jnp.ones((B, T, X))
    trace = lstmx.unroll(cell, params, xs, return_trace=True).trace
    found = gates.measured_retention(cell, params, xs)
    np.testing.assert_allclose(found["c"], 1 - trace.gates["i"], atol=1e-6)
    np.testing.assert_allclose(found["h"], 0.1, atol=1e-6)
    # In evaluation zoneout with rate p mixes the old cell in: c'' = p c + (1 - p) c'.
    lstm = cells.make("lstm", hidden_size=H)
    zoned = wrappers.zoneout(lstm, {"c": 0.25})
    params = zoned.init(jax.random.key(0), X)
    f = lstmx.unroll(zoned, params, xs, return_trace=True).trace.gates["f"]
    mask = jnp.arange(T)[None] < jnp.array([[T], [4]])
    r = gates.measured_retention(zoned, params, xs, mask=mask)["c"]
    np.testing.assert_allclose(r[0], 0.25 + 0.75 * f[0], atol=1e-6)
    np.testing.assert_array_equal(r[1, 4:], 1)


def test_measured_retention_refuses_units_that_mix():
    cell, params, xs, _ = unrolled("rnn")
    with pytest.raises(ValueError, match=r"no unit of the state \(h\) retains its own value"):
        gates.measured_retention(cell, params, xs)


def test_constant_forget_gate_has_its_time_scale():
    f = jnp.broadcast_to(jnp.array([0.5, 0.9, 0.999, 1.0, 0.0]), (B, T, H))
    found = gates.time_scales(f)
    expected = [-1 / np.log(0.5), -1 / np.log(0.9), -1 / np.log(0.999), np.inf, 0]
    np.testing.assert_allclose(found.tau, expected, rtol=1e-3)  # of float32 near 1
    np.testing.assert_allclose(found.quartiles, np.sort(expected)[1:4], rtol=1e-3)


def test_median_of_an_even_number_of_units_is_between_the_middle_ones():
    f = jnp.broadcast_to(jnp.exp(-1 / jnp.array([1.0, 2.0, 4.0, 9.0])), (B, T, 4))
    assert gates.time_scales(f).quartiles[1] == pytest.approx(3, rel=1e-5)
    f = f.at[..., 2:].set(1)  # kept for ever
    assert gates.time_scales(f).quartiles[1] == np.inf


def test_time_scale_is_of_the_mean_logarithm_of_steps_that_exist():
    f = jnp.array([[[0.25], [1.0], [0.0]], [[jnp.nan], [0.25], [0.0]]])
    mask = jnp.array([[1, 1, 0], [1, 1, 0]])
    np.testing.assert_allclose(
        gates.time_scales(f, mask).tau, -1 / (2 * np.log(0.25) / 3), rtol=1e-6
    )


def test_memory_length_is_a_geometric_sum():
    r = jnp.full((B, T, H), 0.5)
    expected = np.array([(1 - 0.5 ** (t + 1)) / 0.5 for t in range(T)])
    np.testing.assert_allclose(gates.memory_length(r)[1, :, 2], expected, rtol=1e-6)
    mask = jnp.arange(T)[None] < jnp.array([[T], [3]])
    held = gates.memory_length(r, mask)
    np.testing.assert_allclose(held[1, 3:, 0], expected[2], rtol=1e-6)


def test_saturation_counts_steps_that_exist():
    f = jnp.array([[[0.05, 0.5], [0.95, 0.5], [0.0, 0.0]]])
    mask = jnp.array([[True, True, False]])
    found = gates.saturation({"f": f, "z": f - 0.5}, mask)
    assert found.keys() == {"f"}
    np.testing.assert_array_equal(found["f"].left, [0.5, 0])
    np.testing.assert_array_equal(found["f"].right, [0.5, 0])
    with pytest.raises(ValueError, match="'z' has values outside of"):
        gates.saturation({"z": f - 0.5}, names=["z"])
    with pytest.raises(ValueError, match="none of z is within"):
        gates.saturation({"z": f - 0.5})
    with pytest.raises(ValueError, match="no gates"):
        gates.saturation({})


def test_activity_is_by_class_of_step():
    labels = jnp.array([[0, 1, 1, -1, 1]])
    i = jnp.array([[[0.1], [0.4], [0.8], [9.0], [0.0]]])
    mask = jnp.array([[1, 1, 1, 1, 0]])
    found = gates.activity({"i": i}, labels, mask, classes=3)["i"]
    np.testing.assert_allclose(found.mean[:2, 0], [0.1, 0.6], rtol=1e-6)
    np.testing.assert_allclose(found.deviation[:2, 0], [0, 0.2], atol=1e-6)
    assert found.count.tolist() == [1, 2, 0]
    assert np.isnan(found.mean[2, 0])
    with pytest.raises(ValueError, match="labels are float32"):
        gates.activity({"i": i}, labels.astype(float))
    with pytest.raises(ValueError, match="unknown gate 'o'"):
        gates.activity({"i": i}, labels, names=["o"])
