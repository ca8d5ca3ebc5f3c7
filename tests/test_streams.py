"""Networks that learn at every symbol of a stream: where streams end, resuming."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import _recipe
from experiments.claims import protocols, side_by_side, streams, traces
from lstmx.interrupt import Interrupt
from lstmx.tasks import _reber

PAPER = Path(__file__).parents[1] / "configs" / "papers" / "gers2000.py"


def config(mode="forget"):
    return _recipe.recipe(f"{PAPER}:{mode}").config


@pytest.fixture(scope="module")
def short():
    """A protocol of few and short streams."""
    chosen = config()
    return protocols.Streams(lambda: chosen, networks=3, training=30, longest=40, tests=2)


def test_streams_end_at_the_first_error_and_begin_anew(short):
    """Symbol by symbol: what is off by .49 ends a stream, and a new one has no memory."""
    layer = traces.blocks(short.make())
    params = {
        "layers": {"layer_0": layer.cell.init(jax.random.key(0), 7)},
        "readout": {"W": jnp.zeros((8, 7)), "V": jnp.zeros((7, 7)), "b": jnp.zeros(7)},
    }
    nets = streams.fresh(layer, jax.tree.map(lambda leaf: leaf[None], params))
    net = jax.tree.map(lambda leaf: leaf[0], nets)
    step = jax.jit(
        lambda net: streams.symbol(short, layer, jnp.float32(0.5), net, 0, learning=True)
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
    monkeypatch.setattr(side_by_side, "SAVE", 0.0)
    monkeypatch.setattr(side_by_side, "advance", once(side_by_side.advance))
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
