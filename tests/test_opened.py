"""Finished runs opened without their data, and runs that somebody watches and ends."""

import json

import jax
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import experiment, registry, runs
from lstmx.data import fetch
from lstmx.runs import checkpoint


def tiny(**overrides):
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=4)
    c.model.cell = cfg.cell("rnn", hidden_size=3)
    c.name = "tiny"
    c.steps, c.log_every, c.eval_every, c.eval_batches = 8, 2, 4, 1
    return cfg.resolve(c, overrides)


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A run of two bidirectional layers in a wrapper, and its config."""
    config = tiny(
        **{"model.layers": 2, "model.bidirectional": True},
        **{"model.wrappers": (("zoneout", {"rates": {"h": 0.1}}),)},
    )
    (path,) = runs.train([config], tmp_path_factory.mktemp("deep"), quiet=True)
    return path, config


def test_an_opened_run_is_the_model_that_was_trained(deep, monkeypatch):
    path, config = deep
    built = experiment.build(config)
    batch = built.task.batch(jax.random.key(0), 0)

    def refused(*_, **__):
        raise AssertionError("data are read")

    monkeypatch.setattr(fetch, "find", refused)
    make = registry.make
    no_task = lambda kind, *a, **o: refused() if kind == "tasks" else make(kind, *a, **o)
    monkeypatch.setattr(registry, "make", no_task)
    opened = runs.open(path)
    outputs, _, _ = opened.model.apply(opened.params, batch.inputs)
    expected, _, _ = built.model.apply(opened.run.params, batch.inputs)
    np.testing.assert_array_equal(outputs, expected)
    widths = [jax.tree.leaves(params)[0].size for _, params in opened.layers]
    assert len(opened.layers) == 4
    assert [cell.out_features for cell, _ in opened.layers] == [3, 3, 3, 3]
    assert widths[0] == widths[1]
    cell, params = opened.layers[1]
    like = jax.eval_shape(lambda: cell.init(jax.random.key(0), 2))
    assert jax.tree.map(lambda a: a.shape, like) == jax.tree.map(lambda a: a.shape, params)


@pytest.mark.files
def test_a_run_that_does_not_say_how_wide_it_is_is_refused(deep, tmp_path):
    path, _ = deep
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "checkpoints").symlink_to(path / "checkpoints")
    for name in ("config.json", "metrics.jsonl", "DONE"):
        (copy / name).write_bytes((path / name).read_bytes())
    meta = json.loads((path / "meta.json").read_text())
    del meta["task"]["in_features"]
    (copy / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match="has no in_features of the task"):
        runs.open(copy)


@pytest.mark.files
def test_a_watched_run_ends_saves_and_says_why(tmp_path):
    seen = []

    def watch(point):
        seen.append(point["step"])
        return "pruned" if point["step"] >= 6 else None

    configs, labels = [tiny(seed=0), tiny(seed=1)], ["a", "b"]
    paths = runs.train(configs, tmp_path / "one", labels=labels, quiet=True, watch=[watch, None])
    pruned, other = map(runs.load, paths)
    assert seen == [2, 4, 6]
    assert (pruned.done["step"], pruned.done["reason"]) == (6, "pruned")
    assert (other.done["step"], other.done["reason"]) == (8, "steps")
    # Step 6 is not evaluated, so that the best step stays the one that was.
    assert checkpoint.steps(pruned.path / "checkpoints") == [4, 6]
    assert runs.best_step(pruned) == 4
    np.testing.assert_array_equal(
        runs.params(pruned)["readout"]["W"], runs.params(pruned, 4)["readout"]["W"]
    )
    free = runs.train(configs, tmp_path / "free", labels=labels, quiet=True)
    for a, b in zip(
        jax.tree.leaves(runs.params(other)), jax.tree.leaves(runs.load(free[1]).params)
    ):
        np.testing.assert_array_equal(a, b)
    # Finished: the same call skips both.
    again = runs.train(configs, tmp_path / "one", labels=labels, quiet=True, watch=[watch, None])
    assert again == paths
    assert seen == [2, 4, 6]


@pytest.mark.files
@pytest.mark.parametrize(
    ("reason", "message"),
    [("steps", "which lstmx itself uses"), ("", "a reason in one line"), (3, "in one line")],
)
def test_what_is_no_reason_is_refused(tmp_path, reason, message):
    with pytest.raises(ValueError, match=message):
        runs.train([tiny()], tmp_path, quiet=True, watch=lambda point: reason)


def test_there_is_one_watch_for_all_runs_or_one_for_each(tmp_path):
    with pytest.raises(ValueError, match="got 1 watches for 2 configs"):
        runs.train([tiny(seed=0), tiny(seed=1)], tmp_path, quiet=True, watch=[None])
