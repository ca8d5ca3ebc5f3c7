"""The parameters that a run started from, computed again: bit for bit those of the trainer."""

import json
import shutil

import jax
import numpy as np
import pytest
from helpers import same

from lstmx import config as cfg
from lstmx import runs
from lstmx.parallel import mesh
from lstmx.runs import group as groups
from lstmx.runs import start


def tiny(**overrides):
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=4)
    c.model.cell = cfg.cell("lstm", hidden_size=5)
    c.name = "tiny"
    c.steps, c.log_every, c.eval_every, c.eval_batches = 4, 2, 2, 1
    return cfg.resolve(c, overrides)


@pytest.fixture
def started(monkeypatch):
    """Run directory -> what the trainer began with, copied before the first update."""
    seen = {}
    begin = start.state

    def spy(job, group, todo):
        state = begin(job, group, todo)
        if not job.start:
            params = jax.tree.map(np.array, mesh.fetch(state.params))
            seen.update({job.paths[n]: groups.replica(params, n) for n in job.active})
        return state

    monkeypatch.setattr(start, "state", spy)
    return seen


@pytest.mark.slow
def test_initial_parameters_are_those_of_the_trainer(started, tmp_path):
    group = [tiny(seed=seed) for seed in (0, 1, 2)]
    paths = runs.train(group, tmp_path, quiet=True)
    assert set(started) == set(paths)
    for path in paths:
        opened = runs.open(path, step="initial")
        same(opened.params, started[path])
        assert not np.array_equal(opened.params["readout"]["W"], opened.run.params["readout"]["W"])
        same(opened.at("latest").params, runs.params(opened.run, "latest"))
    # Three replicas on two devices are two on each; a run that continues one of them is alone.
    assert runs.load(paths[1]).meta["replicas_per_device"] == 2
    (longer,) = runs.train([tiny(seed=1, steps=6)], tmp_path, quiet=True)
    assert longer not in started
    assert runs.load(longer).meta["replicas_per_device"] == 2
    same(runs.open(longer, step="initial").params, started[paths[1]])


@pytest.mark.slow
def test_a_run_alone_in_float64_starts_from_another_run_or_its_seed(started, tmp_path):
    deep = {"model.cell.name": "gru", "model.precision": "float64", "seed": 7}
    (first,) = runs.train([tiny(**deep)], tmp_path, quiet=True)
    untrained = runs.open(first, step="initial")
    same(untrained.params, started[first])
    assert untrained.params["readout"]["W"].dtype == np.float64
    (row,) = runs.evaluate(first, ["length=7,split=valid"], step="initial", batches=1)
    assert row.metrics["mse"] > min(runs.load(first).frame["eval/valid/mse"].dropna())
    (second,) = runs.train([tiny(**deep | {"seed": 8})], tmp_path, init_from=first, quiet=True)
    same(runs.open(second, step="initial").params, started[second])
    same(started[second], runs.load(first).params)
    shutil.move(first, first.with_name("moved"))
    with pytest.raises(ValueError, match=r"started from the parameters of tiny/.* which is not at"):
        runs.open(second, step="initial")


def test_what_the_log_of_a_run_does_not_have_is_asked_of_open(tmp_path):
    (path,) = runs.train([tiny(**{"model.cell.name": "rnn"})], tmp_path, quiet=True)
    run = runs.load(path)
    assert run.checkpoints == [2, 4]
    with pytest.raises(ValueError, match=r"step=initial: .*; lstmx\.runs\.open has the initial"):
        runs.params(run, "initial")
    meta = json.loads((path / "meta.json").read_text())
    del meta["replicas_per_device"]  # a run of an earlier version
    (path / "meta.json").write_text(json.dumps(meta))
    assert runs.open(path, step="initial").params["readout"]["W"].shape == (5, 1)
