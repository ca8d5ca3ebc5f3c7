"""Networks to which a memory cell is added once their error has stopped falling."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import _recipe
from experiments.claims import added, side_by_side
from lstmx import config as cfg

PAPER = Path(__file__).parents[1] / "configs" / "papers" / "hochreiter1997.py"


@pytest.fixture(scope="module")
def protocol():
    """That of experiment 2a with a lag of two steps."""
    claims = {claim.name: claim for claim in _recipe.claims(PAPER)}
    chosen = claims["1997-2a-added"].protocol
    small = cfg.resolve(chosen.make(), {"task.lag": 2, "steps": 600, "eval_every": 20})
    return chosen._replace(make=lambda: small, networks=2)


@pytest.mark.slow
def test_a_cell_is_untouched_until_the_error_stops_falling_and_learns_then(protocol, tmp_path):
    """Two networks, whose errors before were large and 0: one goes on, the other has its cell."""
    config = protocol.make()
    chunk, nets = added.compiled(config), added.fresh(config, 2)
    nets = jax.device_get(chunk(nets, np.arange(2), 0))
    assert nets.added.tolist() == [0, 0]
    assert np.isfinite(nets.error).all()
    later = chunk(nets._replace(error=jnp.array([9.0, 0.0])), np.arange(2), 1)
    assert later.added.tolist() == [0, 40]
    assert not later.solved.any()  # without the cell, half of the sequences at most are correct
    last = chunk(later._replace(error=jnp.array([9.0, 9.0])), np.arange(2), 2)
    start = added.fresh(config, 2).params
    for tree, moved in ((later.params, [False, False]), (last.params, [False, True])):
        changes = jax.tree.map(lambda new, old: np.any(new != old, axis=(1, 2)), tree, start)
        assert changes["layers"]["layer_0"]["W"].tolist() == moved
        assert changes["readout"]["W"].tolist() == moved
        assert changes["readout"]["V"].all()
    for at in range(3, 30):
        last = chunk(last, np.arange(2), at)
        if last.done.all():
            break
    side_by_side.save(tmp_path / f"{protocol.digest}.npz", side_by_side.Progress(last, seconds=2))
    values, seconds = protocol.measure(tmp_path, train=False)
    assert all(40 < n <= 600 for n in values)  # no network without memory succeeds
    assert seconds == 2
