"""The gradient of traces, symbol by symbol, against back-propagation of the truncated cell."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import _recipe
from experiments.claims import traces
from lstmx import experiment
from lstmx.tasks import _reber

PAPERS = Path(__file__).parents[1] / "configs" / "papers"
NETWORKS = ("gers2000:forget", "gers2000:none", "hochreiter1997:1", "hochreiter1997-1-symbol")


def config(network):
    if network == "hochreiter1997-1-symbol":
        claims = _recipe.claims(PAPERS / "hochreiter1997.py")
        return next(claim for claim in claims if claim.name == "1997-1-symbol").protocol.make()
    paper, mode = network.split(":")
    return _recipe.recipe(f"{PAPERS / paper}.py:{mode}").config


def walk(string):
    """Inputs of a stream, and the codes of all legal symbols as targets."""
    node, targets = 0, []
    for token in _reber.tokens(string):
        node = _reber.NEXT[node, token]
        targets.append(_reber.LEGAL[node])
    return np.eye(7)[_reber.tokens(string)], np.array(targets, float)


@pytest.mark.parametrize("network", NETWORKS)
def test_traces_give_the_truncated_gradient_of_back_propagation(x64, network):
    """Summed over a stream whose weights stay, as the gradient of the whole stream.

    Gates read cells, or gates too; h is narrow or wide; the readout has a bias and a shortcut, or
    none.
    """
    chosen = config(network)
    layer, model = traces.blocks(chosen), experiment.build(chosen).model
    params = jax.tree.map(lambda w: 3 * w, model.init(jax.random.key(1)))  # far from linear
    x, targets = walk("BTBPVVETEBPBTXSEPE")

    def loss(params):
        y = jax.nn.sigmoid(model.apply(params, jnp.argmax(x, axis=1)[None])[0][0])
        return 0.5 * jnp.sum((y - targets) ** 2)

    def by_symbol(params):
        def step(carry, now):
            learned = traces.learn(layer, params, *carry[:2], *now)
            total = jax.tree.map(jnp.add, carry[2], learned.slopes)
            return (learned.state, learned.traces, total), None

        start = (*traces.start(layer, params), jax.tree.map(jnp.zeros_like, params))
        return jax.lax.scan(step, start, (x, targets))[0][2]

    expected, found = jax.jit(lambda p: (jax.grad(loss)(p), by_symbol(p)))(params)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12), expected, found
    )
    assert all(np.all(leaf != 0) for leaf in jax.tree.leaves(found["layers"]))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("truncated", False, "truncated=False; expected True"),
        ("output_activation", "tanh", "output_activation='tanh'; expected 'narrow' or 'wide'"),
        ("name", "lstm2002", "'lstm2002' has no traces here; expected 'lstm1997' or 'lstm2000'"),
    ],
)
def test_other_networks_are_refused(option, value, message):
    other = config("gers2000:forget")
    with other.unlocked():
        other.model.cell[option] = value
    with pytest.raises(ValueError, match=message):
        traces.blocks(other)
