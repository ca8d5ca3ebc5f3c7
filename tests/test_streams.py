"""Networks that learn at every symbol: traces against back-propagation, ends, resuming."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import _recipe
from experiments.claims import online, streams
from lstmx import cells
from lstmx.interrupt import Interrupt
from lstmx.sequence import unroll
from lstmx.tasks import _reber

PAPER = Path(__file__).parents[1] / "configs" / "papers" / "gers2000.py"
STRING = "BTBPVVETEBPBTXSEPE"


def config(mode="forget"):
    return _recipe.recipe(f"{PAPER}:{mode}").config


def walk(string):
    """Inputs and targets of a stream, and the choices that generate it."""
    node, bits, targets = 0, [], []
    for token in _reber.tokens(string):
        bits.append(int(token != _reber.CHOICES[node][0]))
        node = _reber.NEXT[node, token]
        targets.append(_reber.LEGAL[node])
    return np.eye(7)[_reber.tokens(string)], np.array(targets, float), np.array(bits)


@pytest.mark.parametrize("mode", ["forget", "none"])
def test_traces_give_the_truncated_gradient_of_back_propagation(x64, mode):
    """Summed over a stream whose weights stay, as the gradient of the whole stream."""
    chosen = config(mode)
    options = chosen.model.cell.to_dict()
    cell = cells.make(options.pop("name"), **options)
    keys = jax.random.split(jax.random.key(1), 4)
    readout = {
        name: jax.random.normal(key, shape)
        for name, key, shape in zip("WVb", keys, ((8, 7), (7, 7), (7,)))
    }
    layer = cell.init(keys[3], 7)
    params = {"layers": {"layer_0": layer}, "readout": readout}
    x, targets, _ = walk(STRING)

    def loss(params):
        h = unroll(cell, params["layers"]["layer_0"], x[None]).outputs[0]
        read = params["readout"]
        y = jax.nn.sigmoid(h @ read["W"] + x @ read["V"] + read["b"])
        return 0.5 * jnp.sum((y - targets) ** 2)

    def online_gradient(params):
        layer, read = params["layers"]["layer_0"], params["readout"]
        state = cell.initial_state(layer, ())
        traces = {gate: jnp.zeros((8, 16)) for gate in ("ifz" if mode == "forget" else "iz")}
        total = jax.tree.map(jnp.zeros_like, params)

        def step(carry, now):
            state, traces, total = carry
            x, target = now
            after, h, gates = cell.step(layer, state, x)
            y = jax.nn.sigmoid(h @ read["W"] + x @ read["V"] + read["b"])
            inputs = jnp.concatenate([x, state.h, jnp.ones(1)])
            traces = streams.accumulate(traces, state.c, gates, inputs, 2)
            delta = (y - target) * y * (1 - y)
            slopes = streams.gradients(read, traces, after.c, h, gates, inputs, delta, 2)
            return (after, traces, jax.tree.map(jnp.add, total, slopes)), None

        (_, _, total), _ = jax.lax.scan(step, (state, traces, total), (x, targets))
        return total

    expected, found = jax.jit(lambda p: (jax.grad(loss)(p), online_gradient(p)))(params)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12), expected, found
    )


@pytest.fixture(scope="module")
def short():
    """A protocol of few and short streams."""
    chosen = config()
    return online.Streams(lambda: chosen, networks=3, training=30, longest=40, tests=2)


def test_streams_end_at_the_first_error_and_begin_anew(short):
    """Symbol by symbol: what is off by .49 ends a stream, and a new one has no memory."""
    options = short.make().model.cell.to_dict()
    cell = cells.make(options.pop("name"), **options)
    params = {
        "layers": {"layer_0": cell.init(jax.random.key(0), 7)},
        "readout": {"W": jnp.zeros((8, 7)), "V": jnp.zeros((7, 7)), "b": jnp.zeros(7)},
    }
    nets = streams._fresh(short.make(), jax.tree.map(lambda leaf: leaf[None], params))
    net = jax.tree.map(lambda leaf: leaf[0], nets)
    step = jax.jit(
        lambda net: streams.symbol(short, cell, 2, jnp.float32(0.5), net, 0, learning=True)
    )
    after = step(net)  # .5 everywhere is off by .5
    assert (int(after.stream), int(after.symbols), int(after.node)) == (1, 0, 0)
    assert not np.any(after.state.c)
    assert not any(np.any(trace) for trace in after.traces.values())
    assert np.any(after.params["readout"]["b"] != 0)  # it has learned from the error
    # B is followed by T or P: outputs that say so are right, whatever the cells do.
    right = jnp.asarray(_reber.LEGAL[1], float) * 40 - 20
    read = net.params["readout"] | {"b": right}
    after = step(net._replace(params=net.params | {"readout": read}))
    assert (int(after.stream), int(after.symbols), int(after.node)) == (0, 1, 1)
    assert np.any(after.state.c)
    ended = step(net._replace(stream=jnp.asarray(29)))
    assert bool(ended.done)
    np.testing.assert_array_equal(step(ended).params["readout"]["b"], ended.params["readout"]["b"])


@pytest.mark.slow
def test_streams_are_resumed_to_the_same_result(short, tmp_path, monkeypatch):
    """Interrupted after every chunk; without training nothing unfinished counts."""
    monkeypatch.setattr(streams, "CHUNK", 16)
    whole, seconds = short.measure(tmp_path / "a", train=True)
    assert len(whole) == 3
    assert set(whole) <= {0.0, 100.0}
    assert seconds > 0
    assert short.measure(tmp_path / "a", train=False)[0] == whole
    assert short.measure(tmp_path / "b", train=False) is None
    file = tmp_path / "b" / f"{short.digest}.npz"
    interrupt = Interrupt()
    interrupt.request()
    assert short.measure(tmp_path / "b", train=True, interrupt=interrupt) is None
    assert not file.exists()
    monkeypatch.setattr(streams, "SAVE", 0.0)
    monkeypatch.setattr(streams, "advance", once(streams.advance))
    with pytest.raises(KeyboardInterrupt):
        short.measure(tmp_path / "b", train=True)
    monkeypatch.undo()
    monkeypatch.setattr(streams, "CHUNK", 16)
    assert short.measure(tmp_path / "b", train=True)[0] == whole
    with np.load(file) as one, np.load(tmp_path / "a" / file.name) as other:
        assert all(np.array_equal(one[n], other[n]) for n in one if n.startswith("leaf"))


def once(function):
    """The function with a chunk at least, which is killed when it is called for the third time."""
    calls = []

    def advance(chunk, nets, at, seconds, until=None):
        calls.append(at)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return function(chunk, nets, at, 1e-9, until)

    return advance


def test_other_networks_are_refused():
    other = config()
    with other.unlocked():
        other.model.cell.truncated = False
    with pytest.raises(ValueError, match="truncated=False; expected True"):
        streams._check(other)
