"""Benchmarks: what is timed computes the same, and is timed in turns."""

import time
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import close

from experiments.benchmarks import flagged, layers, peers, text, timing
from experiments.benchmarks.contestant import Size
from lstmx import cells, constants

SIZE = Size(8, 5, 3, 2)


@pytest.fixture(scope="module")
def ours():
    """Gradients of (parameters, inputs) by the reference engine on one device."""
    return layers.ours(cells.make("lstm", hidden_size=SIZE.H), SIZE, engine="scan").gradients()


@pytest.mark.parametrize(
    "options",
    [{}, {"sharded": True}, {"engine": "scan", "sharded": True}, {"eager": True}],
    ids=lambda options: " ".join(options) or "auto",
)
def test_every_arrangement_of_ours_has_the_same_gradients(ours, options):
    cell = cells.make("lstm", hidden_size=SIZE.H)
    layer = layers.ours(cell, SIZE, **options)
    assert layer.devices == 1 + ("sharded" in options)
    # One loss, mean(h^2): a shard that averaged over its own rows would be off by a factor of 2.
    close(layer.gradients(), ours, 1e-4, 1e-7)


def test_what_is_fast_by_being_wrong_is_not_timed():
    right = layers.ours(cells.make("lstm", hidden_size=SIZE.H), SIZE, engine="scan")
    off = right._replace(gradients=lambda: jax.tree.map(lambda a: 1.01 * a, right.gradients()))
    nan = right._replace(gradients=lambda: jax.tree.map(lambda a: 0 * a / 0, right.gradients()))
    assert layers.checked(right, right) is right
    assert layers.checked(off, right) == "not measured: gradients are off the plain scan's by 0.01"
    assert layers.checked(nan, right).startswith("not measured")


@pytest.mark.parametrize("name", [name for name, (m, _) in peers.LAYERS.items() if m != "cudnn"])
def test_every_peer_gives_gradients_of_a_layer_of_this_size(name):
    module, function = peers.LAYERS[name]
    if peers.missing(module):
        pytest.skip(f"{peers.PACKAGES[module]} is not installed; lstmx[peers] brings it")
    layer = peers.make({name: (module, function)}, SIZE, layers.inputs(SIZE), "cpu")[name]
    assert not isinstance(layer, str), layer
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(layer.gradients())]
    *of_params, of_inputs = leaves
    assert sorted(of_inputs.shape) == sorted((SIZE.T, SIZE.B, SIZE.X))
    weights = 4 * SIZE.H * (SIZE.X + SIZE.H)
    biases = sum(g.size for g in of_params) - weights
    assert biases in (4 * SIZE.H, 8 * SIZE.H)  # torch has two biases for each gate
    assert all(np.isfinite(g).all() and g.any() for g in leaves)


@pytest.mark.parametrize("name", peers.STEPS)
def test_every_step_of_a_peer_is_of_this_size(name):
    made = peers.step(name, SIZE)
    if made == peers.MISSING:
        pytest.skip(f"{name} is not installed; lstmx[peers] brings it")
    state = made.state(SIZE.B)
    new, y = made.step(made.params, state, layers.inputs(SIZE)[0])
    assert y.shape == (SIZE.B, SIZE.H)
    assert not any(leaf.any() for leaf in jax.tree.leaves(state))
    close(jax.tree.map(jnp.shape, new), jax.tree.map(jnp.shape, state))
    assert len(jax.tree.leaves(state)) == (2 if "LSTM" in name else 1)


def test_a_peer_that_is_missing_is_a_row_that_says_so(monkeypatch):
    monkeypatch.setitem(peers.PACKAGES, "no_such_library", "no-such-library")
    made = peers.make({"a": ("no_such_library", "lstm"), "b": ("flax", "no_such_function")})
    assert made["a"] == "not installed"
    assert made["b"].startswith("not measured: ")
    assert text.times(made["a"]) == "not installed"
    row = SimpleNamespace(name="a", times=made["a"])
    assert text.notes([row, row]) == "- a: not installed"


def test_contestants_take_turns_and_a_failure_stops_nobody(monkeypatch):
    monkeypatch.setattr(timing, "LONG", 0.02)
    monkeypatch.setattr(timing, "MEASURED", 0.0)
    order = []

    def fails():
        raise RuntimeError("no kernel\nlong story")

    def call(name, seconds):
        order.append(name)
        time.sleep(seconds)

    slow = timing.LONG * 1.1  # one call a turn, and none before it
    calls = {n: lambda n=n: call(n, slow) for n in "abc"} | {"x": fails, "y": "not installed"}
    times = timing.interleaved(calls, 3)
    assert times["x"] == "not measured: no kernel"
    assert times["y"] == "not installed"
    assert times["a"].calls == 3
    assert times["a"].minimum >= 1e3 * slow
    assert "".join(order) == "aabbcc" + "abc" + "bca" + "cab"


def test_times_and_ratios_are_of_medians_and_of_minima():
    slow, fast = timing.times([0.004, 0.002, 0.009]), timing.times([0.001, 0.002, 0.0005])
    assert slow == (4.0, 2.0, 3)
    ratio = timing.ratio(slow, fast)
    assert ratio == pytest.approx((4.0, 4.0))
    assert text.ratio(ratio) == "4.00 (4.00)"
    assert timing.ratio("not installed", fast) is None
    assert text.ratio(None) == "–"
    assert timing.rate(slow, 3, 60.0) == pytest.approx((45_000.0, 90_000.0))
    assert timing.rate("not installed", 3) is None


def test_floor_counts_the_products_of_a_layer():
    # 100 steps x 32 rows x (64 + 64) x 4 gates x 64 multiplications and as many additions
    assert Size(32, 100, 64, 64).gflop == pytest.approx(0.2097152)


@pytest.mark.parametrize("variant", flagged.VARIANTS)
def test_an_lstm_with_traced_flags_is_the_variant(variant):
    traced = flagged.cell(3, variant=variant)
    params = jax.tree.map(
        lambda leaf: np.random.default_rng(leaf.size).normal(size=leaf.shape).astype("f"),
        traced.init(jax.random.key(0), 2),
    )
    params[constants.CONSTANTS] = flagged.VARIANTS[variant]
    own = cells.make("lstm", hidden_size=3, variant=variant)
    learned = cells.lstm.describe(variant, hidden_size=3).blocks
    kept = ["ifzo".index(gate) for gate in learned]
    names = own.init(jax.random.key(0), 2)
    narrow = {n: params[n] if n.startswith("p_") else params[n][..., kept, :] for n in names}
    state = cells.lstm.LSTMState(*np.random.default_rng(0).normal(size=(2, 1, 3)).astype("f"))
    x = np.array([[0.3, -0.7]], "f")
    close(traced.step(params, state, x)[0], own.step(narrow, state, x)[0], 1e-5, 1e-6)
