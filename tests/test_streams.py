"""Networks that learn from streams which end at an error: where streams end, updates, resuming."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import _recipe
from experiments.claims import protocols, side_by_side, streams_order, streams_reber, traces
from lstmx import experiment
from lstmx.interrupt import Interrupt
from lstmx.tasks import _reber, temporal_order

PAPER = Path(__file__).parents[1] / "configs" / "papers" / "gers2000.py"


def config(mode):
    return _recipe.recipe(f"{PAPER}:{mode}").config


def test_streams_end_at_the_first_error_and_begin_anew():
    """Symbol by symbol: what is off by .49 ends a stream, and a new one has no memory."""
    short = brief("forget")
    layer = traces.blocks(short.make())
    params = {
        "layers": {"layer_0": layer.cell.init(jax.random.key(0), 7)},
        "readout": {"W": jnp.zeros((8, 7)), "V": jnp.zeros((7, 7)), "b": jnp.zeros(7)},
    }
    nets = streams_reber.fresh(layer, jax.tree.map(lambda leaf: leaf[None], params))
    net = jax.tree.map(lambda leaf: leaf[0], nets)
    step = jax.jit(
        lambda net: streams_reber.symbol(short, layer, jnp.float32(0.5), net, 0, learning=True)
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


@pytest.fixture(scope="module")
def orders():
    """Network and inputs of temporal order: three sequences of short lengths, batched as one."""
    chosen = config("order")
    with chosen.unlocked():
        chosen.task.length = 12
    task = temporal_order.task(length=12, symbols=3, loss="logistic", batch_size=3)
    return chosen, task.batch(jax.random.key(3), 0)


def one_net(layer, params):
    nets = streams_order.fresh(layer, jax.tree.map(lambda leaf: leaf[None], params))
    return jax.tree.map(lambda leaf: leaf[0], nets)


def lesson(batch, n):
    """Inputs, length and target of a sequence of the batch, for `streams_order.sequence`."""
    length = int(np.sum(batch.mask[n]))
    target = np.eye(8)[int(batch.targets[n, length - 1])]
    return jax.nn.one_hot(batch.inputs[n], 8), length, target


def test_the_end_of_a_sequence_has_the_gradient_of_its_stream(orders, x64):
    """Back-propagation through both sequences of a stream, with a target at the end of the second.

    So is every one of the first alone: the update of training with one sequence a batch.
    """
    chosen, batch = orders
    layer, model = traces.blocks(chosen), experiment.build(chosen).model
    params = jax.tree.map(lambda w: 3 * w, model.init(jax.random.key(1)))
    protocol = protocols.Orders(lambda: chosen, tolerance=2.0)

    def loss(params, inputs, target):
        y = jax.nn.sigmoid(model.apply(params, inputs[None])[0][0, -1])
        return 0.5 * jnp.sum((y - target) ** 2)

    @jax.jit
    def learn(rate, net, x, length, target):
        return streams_order.sequence(protocol, layer, rate, net, x, length, target, True)

    net, read = one_net(layer, params), []
    for n in range(2):
        x, length, target = lesson(batch, n)
        read.append(batch.inputs[n, :length])
        after = learn(1.0, net, x, length, target)
        slopes = jax.jit(jax.grad(loss))(params, jnp.concatenate(read), target)
        expected = jax.tree.map(jnp.subtract, params, slopes)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12),
            expected,
            after.params,
        )
        net = learn(0.0, net, x, length, target)  # on to the next sequence, with the same weights
    assert int(net.sequences) == 2
    assert float(jnp.max(jnp.abs(slopes["layers"]["layer_0"]["R"]))) > 1e-6


def test_streams_of_sequences_end_at_an_error_or_at_their_longest(orders):
    """Training ends with enough right streams in a row, or with the last one that is allowed."""
    chosen, batch = orders
    layer, model = traces.blocks(chosen), experiment.build(chosen).model
    params = model.init(jax.random.key(1))

    def after(tolerances, **options):
        net = one_net(layer, params)
        for tolerance in tolerances:
            protocol = protocols.Orders(lambda: chosen, tolerance=tolerance, longest=2, **options)
            net = streams_order.sequence(protocol, layer, 0.0, net, *lesson(batch, 0), True)
        return net

    right, wrong = 2.0, 0.0
    net = after([right], row=2)
    assert (int(net.stream), int(net.sequences), int(net.row)) == (0, 1, 0)
    assert np.any(net.state.c)
    net = after([right, right], row=2)
    assert (int(net.stream), int(net.sequences), int(net.row)) == (1, 0, 1)
    assert (int(net.correct), bool(net.done)) == (2, False)
    assert not np.any(net.state.c)
    assert not any(np.any(trace) for trace in net.traces.values())
    net = after([right, right, right, wrong], row=2)
    assert (int(net.stream), int(net.row), int(net.correct)) == (2, 0, 1)
    assert bool(after([right] * 4, row=2).done)
    assert bool(after([wrong] * 3, training=3).done)
    assert not bool(after([wrong] * 2, training=3).done)


KINDS = {"forget": streams_reber, "order": streams_order}


def brief(mode):
    """A protocol of few and short streams."""
    chosen = config(mode)
    kind = protocols.Orders if mode == "order" else protocols.Streams
    longest = 2 if mode == "order" else 40
    return kind(lambda: chosen, networks=3, training=30, longest=longest, tests=2)


@pytest.mark.slow
@pytest.mark.parametrize("mode", KINDS)
def test_streams_are_resumed_to_the_same_result(mode, tmp_path, monkeypatch):
    """Interrupted after every chunk; without training nothing unfinished counts."""
    short, chunk = brief(mode), 4 if mode == "order" else 16
    monkeypatch.setattr(KINDS[mode], "CHUNK", chunk)
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
    monkeypatch.setattr(KINDS[mode], "CHUNK", chunk)
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
