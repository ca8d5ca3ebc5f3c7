"""Replicas side by side: how many, and that they train as one after the other."""

import re

import jax
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import experiment, planner
from lstmx.runs import group

BATCHED = re.compile(r"dimension_numbers=\(\(\[\d\], \[\d\]\), \(\[0\], \[0\]\)\)")


@pytest.mark.no_jax
def test_small_networks_are_side_by_side_on_a_cpu_in_equal_parts():
    chosen = planner.side_by_side
    assert chosen(8, 16, cpu=True) == 16
    assert chosen(32, 16, cpu=True) == 8, "256 floats at once"
    assert chosen(32, 7, cpu=True) == 7
    assert chosen(32, 12, cpu=True) == 6, "a remainder would be one more program"
    assert chosen(32, 11, cpu=True) == 1
    assert chosen(33, 16, cpu=True) == 1
    assert chosen(33, 16, cpu=False) == 16


def test_a_group_of_small_networks_is_one_product_and_trains_as_one_by_one():
    c = cfg.base()
    c.task, c.model.cell = (
        cfg.task("adding", length=5, batch_size=1),
        cfg.cell("gru", hidden_size=3),
    )
    c.steps = c.log_every = c.eval_every = 2
    c.evals = {}

    def trained(block, width=3):
        base = cfg.resolve(c, {"replicas_per_vmap": block, "model.cell.hidden_size": width})
        configs = [cfg.resolve(base, {"seed": seed}) for seed in range(4)]
        made = group.make(experiment.build(base), configs, jax.devices()[:1])
        state = made.init(made.hparams, made.seeds)
        text = str(jax.make_jaxpr(made.chunks[0])(state, made.hparams, made.seeds))
        return lambda: made.chunks[0](state, made.hparams, made.seeds)[0].params, text

    (chosen, text), (single, by_one) = trained(0), trained(1)
    assert BATCHED.search(text), "one product for all replicas"
    assert not BATCHED.search(by_one)
    assert trained(0, width=80)[1] == trained(1, width=80)[1], "too large: one by one"
    for a, b in zip(jax.tree.leaves(chosen()), jax.tree.leaves(single())):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
