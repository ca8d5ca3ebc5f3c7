"""Networks that learn at every symbol of single strings: learning, success, resuming."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import _recipe
from experiments.claims import side_by_side, strings, traces
from lstmx import config as cfg
from lstmx import experiment
from lstmx.tasks import _reber, reber

PAPER = Path(__file__).parents[1] / "configs" / "papers" / "hochreiter1997.py"
NAMES = ("BTBTXSETE", "BPBPVVEPE", "BTBPVVETE")


@pytest.fixture(scope="module")
def protocol():
    """That of the paper, with few networks, strings and evaluations."""
    claims = {claim.name: claim for claim in _recipe.claims(PAPER)}
    chosen = claims["1997-1-symbol"].protocol
    changes = {"steps": 40, "eval_every": 10, "task.strings": 3}
    small = cfg.resolve(chosen.make(), changes)
    return chosen._replace(make=lambda: small, networks=3)


def encoded(*lengths):
    """The first symbols of three strings, one a row."""
    symbols = jnp.asarray([_reber.tokens(name) for name in NAMES])
    return symbols, jnp.asarray(lengths, jnp.int32)


def test_strings_begin_without_memory_and_are_learned_symbol_by_symbol(x64, protocol):
    """A rate near 0 leaves the weights: the change is the gradient of the strings, added up."""
    config = protocol.make()
    layer, built = traces.blocks(config), experiment.build(config)
    params = built.model.init(jax.random.key(1))
    batch = reber.encode(*encoded(9, 0, 8))
    rate = 1e-7

    def loss(params):
        outputs = built.model.apply(params, batch.inputs, mask=batch.mask, resets=batch.resets)[0]
        return built.task.loss(outputs, batch)["loss"].total

    def both(params):
        learned = strings.read(layer, rate, params, *encoded(9, 0, 8))
        return jax.grad(loss)(params), jax.tree.map(lambda a, b: (a - b) / rate, params, learned)

    expected, found = jax.jit(both)(params)
    # Rounding of the weights, 1e-17 / rate, and their change while reading, of the order of rate.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=0, atol=1e-6), expected, found)


def test_success_is_to_predict_every_stored_string(protocol):
    """Outputs that are right after the first symbol only: T and P."""
    config = protocol.make()
    layer, right = traces.blocks(config), jax.jit(strings.predictor(config))
    params = experiment.build(config).model.init(jax.random.key(1))
    state, _ = traces.start(layer, params)
    _, h, _ = layer.cell.step(params["layers"]["layer_0"], state, jnp.eye(7)[0])
    may_follow = jnp.asarray(_reber.LEGAL[1], float)
    params = params | {"readout": {"W": h[:, None] * may_follow}}

    def groups(*lengths):
        return jax.tree.map(lambda leaf: leaf[:, None], reber.encode(*encoded(*lengths)))

    assert right(params, groups(2, 2, 0))
    assert not right(params, groups(2, 2, 9))
    assert not right(params, groups(9, 2, 0))


def test_stored_strings_are_those_of_the_task_once_each(protocol):
    found = strings.stored(protocol.make(), 2)
    for seed in range(2):
        sets = _reber.sets(seed, 3, 50)
        expected = {tuple(string) for string in (*sets["train"], *sets["test"])}
        rows = zip(*(np.reshape(leaf[seed], (-1, leaf.shape[-1])) for leaf in found[:4]))
        held = [(*x[mask], y[mask][-1]) for x, y, _, mask in rows if mask.any()]
        assert sorted(held) == sorted(expected)


@pytest.mark.slow
def test_networks_are_resumed_to_the_same_result(protocol, tmp_path, monkeypatch):
    """Killed after some of four evaluations; without training nothing unfinished counts."""
    whole, seconds = protocol.measure(tmp_path / "a", train=True)
    assert np.isnan(whole).all()  # 40 strings are too few
    assert seconds > 0
    np.testing.assert_array_equal(protocol.measure(tmp_path / "a", train=False)[0], whole)
    assert protocol.measure(tmp_path / "b", train=False) is None
    advance, calls = side_by_side.advance, []

    def killed(chunk, nets, at, seconds, until=None):
        calls.append(at)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return advance(chunk, nets, at, 1e-9, until)

    monkeypatch.setattr(side_by_side, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        protocol.measure(tmp_path / "b", train=True)
    monkeypatch.undo()
    assert protocol.measure(tmp_path / "b", train=False) is None
    protocol.measure(tmp_path / "b", train=True)
    file = f"{protocol.digest}.npz"
    with np.load(tmp_path / "a" / file) as one, np.load(tmp_path / "b" / file) as other:
        assert int(one["at"]) == int(other["at"]) == 4
        assert all(np.array_equal(one[n], other[n]) for n in one if n.startswith("leaf"))
