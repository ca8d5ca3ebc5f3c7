"""Pruning while training: the schedule, which weights are zero, runs and what is refused."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import reuse
from helpers import close, same

from lstmx import bibliography, experiment, runs
from lstmx import config as cfg
from lstmx.runs import checkpoint, loop, selection
from lstmx.runs import group as groups
from lstmx.train import optimizer
from lstmx.train.pruning import Plan, keep, matrices, pruned

PLAN = Plan(start=10, end=50, every=16)


def test_sparsity_rises_by_a_cubic_and_is_final_at_the_end():
    share = {0: 0.0, 10: 0.0, 20: 1 - 0.75**3, 30: 7 / 8, 40: 1 - 0.25**3, 50: 1.0, 90: 1.0}
    for step, value in share.items():
        assert float(PLAN.share(step)) == pytest.approx(value, abs=1e-6)
    assert [step for step in range(100) if PLAN.due(step)] == [10, 26, 42, 50]


def test_the_smallest_of_a_group_are_not_kept_and_never_come_back():
    weights = {"A": {"W": jnp.array([[0.3, -0.1], [0.0, 2.0]])}, "V": jnp.array([5.0, -0.2, 0.2])}
    whole = jax.tree.map(lambda w: jnp.ones(w.shape, bool), weights)
    listed = lambda kept: (kept["A"]["W"].ravel().tolist(), kept["V"].tolist())
    first = keep(weights, whole, 0.5, "matrix")  # of three weights, round(1.5) = 2
    assert listed(first) == ([True, False, False, True], [True, False, False])
    assert listed(keep(weights, whole, 3 / 7, "global")) == ([True, False, False, True], [1, 0, 1])
    # What is gone stays gone, however large; and nothing else goes at the same sparsity.
    grown = {"A": {"W": jnp.array([[0.3, 9.0], [9.0, 2.0]])}, "V": jnp.array([0.1, 9.0, 9.0])}
    same(keep(grown, first, 0.5, "matrix"), first)
    assert listed(keep(grown, first, 0.75, "matrix")) == ([False, False, False, True], [1, 0, 0])


PARAMS = {
    "layers": {
        "W": np.random.default_rng(0).normal(size=(3, 2, 5)).astype(np.float32),
        "b": np.zeros((2, 5), np.float32),
    },
    "p": np.array([1e-9, 1.0], np.float32),
    "readout": {"W": np.random.default_rng(1).normal(size=(5, 1)).astype(np.float32)},
}
RATE, MOMENTUM, DECAY, LIMIT, STEPS = 0.05, 0.9, 0.01, 2.0, 60


def slope(w):
    """The gradient of a loss that would move any weight away from zero."""
    return 0.3 * w + 1


def by_hand(sparsity):
    """Momentum with weight decay, clipped, and the masks of every update, in NumPy."""
    params, tree = jax.tree.flatten(jax.tree.map(np.float64, PARAMS))
    # b and p, the second and third leaf, are no matrices.
    prunable = [k for k, path in enumerate(jax.tree.leaves_with_path(PARAMS)) if "W" in str(path)]
    kept = [np.ones(p.shape, bool) for p in params]
    moved = [np.zeros(p.shape) for p in params]
    for step in range(1, STEPS + 1):
        gradients = [slope(p) * k for p, k in zip(params, kept)]
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        factor = min(1.0, LIMIT / norm)
        for n, g in enumerate(gradients):
            moved[n] = MOMENTUM * moved[n] + factor * g + DECAY * params[n]
            params[n] = (params[n] - RATE * moved[n]) * kept[n]
        if PLAN.due(step):
            share = sparsity * float(PLAN.share(step))
            for n in prunable:
                sizes = np.where(kept[n], abs(params[n]), -1).ravel()
                gone = np.argsort(sizes, kind="stable")[: round(share * sizes.size)]
                kept[n].ravel()[gone] = False
                params[n] = params[n] * kept[n]
    return jax.tree.unflatten(tree, params)


def test_training_with_pruning_is_that_of_numpy_and_zeros_stay_zero():
    options = {
        **{"name": "sgd", "schedule": "constant", "warmup_steps": 0, "decay_steps": 0},
        **{"decay_factor": 0.5, "nesterov": False, "pruning": "matrix", "pruning_start": 10},
        **{"pruning_end": 50, "pruning_every": 16},
    }
    fixed = {"learning_rate": RATE, "momentum": MOMENTUM, "weight_decay": DECAY}
    limits = {"clip_norm": LIMIT, "clip_value": 0.0}

    def train(sparsity, options):
        rule = optimizer.make(options, {**fixed, **limits, "sparsity": sparsity}, 100)

        def step(now, _):
            params, state = now
            updates, state = rule.update(jax.tree.map(slope, params), state, params)
            params = optax.apply_updates(params, updates)
            return (params, state), (params, state.sparsity if options["pruning"] != "none" else 0)

        start = jax.tree.map(jnp.asarray, PARAMS)
        return jax.lax.scan(step, (start, rule.init(start)), None, STEPS)[1]

    shares = np.array([0.0, 0.5, 0.8], np.float32)
    history, sparsity = jax.jit(jax.vmap(functools.partial(train, options=options)))(shares)
    for k, share in enumerate(shares):
        close(jax.tree.map(lambda a, k=k: a[k, -1], history), by_hand(share), rtol=1e-4, atol=1e-5)
    layer, readout = history["layers"]["W"], history["readout"]["W"]
    assert [(layer[k, -1] == 0).sum() for k in range(3)] == [0, 15, 24]
    assert [(readout[k, -1] == 0).sum() for k in range(3)] == [0, 2, 4]
    for w in (layer, readout):
        zero = np.asarray(w == 0)
        assert (zero[:, :-1] <= zero[:, 1:]).all()
    np.testing.assert_allclose(sparsity[:, -1], [0, 17 / 35, 28 / 35], rtol=1e-6)
    assert not (history["layers"]["b"][:, -1] == 0).any()
    assert (history["p"][:, -1] != 0).all()
    plain, _ = jax.jit(functools.partial(train, options={**options, "pruning": "none"}))(0.0)
    close(jax.tree.map(lambda a: a[0], history), plain)


def test_matrices_are_those_whose_names_begin_with_a_capital_letter():
    assert matrices(PARAMS).keys() == {"layers", "readout"}
    assert matrices(PARAMS)["layers"].keys() == {"W"}
    bare = pruned(optax.sgd(0.1), PLAN, 0.5, by="matrix")
    with pytest.raises(ValueError, match="has nothing to prune: no parameter") as error:
        bare.init({"b": jnp.ones(3)})
    assert "\n" not in str(error.value)


def tiny(**overrides):
    """A config that prunes in a moment."""
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=8)
    c.model.cell = cfg.cell("rnn", hidden_size=5)
    c.name = "tiny"
    c.steps, c.log_every, c.eval_every, c.eval_batches = 24, 3, 6, 2
    own = {"optimizer.pruning": "global", "optimizer.pruning_every": 2, "hparams.sparsity": 0.8}
    return cfg.resolve(c, {**own, **overrides})


@pytest.mark.slow
def test_a_run_prunes_resumes_bit_for_bit_and_shows_its_sparsity(tmp_path, monkeypatch):
    configs = [tiny(), tiny(**{"hparams.sparsity": 0.4})]
    labels = ["much", "little"]
    monkeypatch.setattr(groups, "make", reuse.once(groups.make))
    whole = runs.train(configs, tmp_path / "whole", labels=labels, quiet=True)
    notes, calls = loop.Followed.note, []

    def killed(self, *arguments):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        notes(self, *arguments)

    monkeypatch.setattr(loop.Followed, "note", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.train(configs, tmp_path / "cut", labels=labels, quiet=True)
    monkeypatch.setattr(loop.Followed, "note", notes)
    cut = runs.train(configs, tmp_path / "cut", labels=labels, quiet=True)
    weights = 2 * 5 + 5 * 5 + 5
    for first, second, share in zip(whole, cut, (0.8, 0.4), strict=True):
        run = runs.load(first)
        states = [checkpoint.restore(path / "checkpoints", 24) for path in (first, second)]
        same(*states)
        gone = sum(int((np.asarray(w) == 0).sum()) for w in jax.tree.leaves(matrices(run.params)))
        assert gone == round(share * weights)
        assert run.metrics[-1]["train/sparsity"] == pytest.approx(gone / weights)
        assert run.metrics[0]["train/sparsity"] < gone / weights
        assert f"pruned  {gone / weights:.1%} of the weights in matrices" in runs.summary(run)
        # What is best is so among steps that have the sparsity that was asked for.
        assert runs.best_step(run) in (12, 18, 24)
        judged = run._replace(metrics=[{**run.metrics[1], "eval/valid/mse": 0.0}, *run.metrics[2:]])
        assert runs.best_step(judged) == runs.best_step(run)


@pytest.mark.no_jax
def test_a_checkpoint_before_the_final_sparsity_counts_as_the_worst():
    by = selection.Selection("m", maximize=False, start=20)
    points = [{"step": 10, "m": 1.0}, {"step": 20, "m": 3.0}, {"step": 30, "m": 4.0}]
    assert np.isnan(by.last(points[:1]))
    assert (by.last(points), by.best(points)["step"]) == (4.0, 20)
    assert (by.without_improvement(points[:1]), by.without_improvement(points)) == (0, 1)
    old = types.SimpleNamespace(config={"steps": 8}, meta={"selection": "m", "maximize": True})
    assert selection.of(old).start == 0


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"optimizer.pruning": "layer"}, "unknown optimizer.pruning 'layer'; known"),
        ({"optimizer.pruning": "none"}, r"hparams.sparsity=0.8 is read where optimizer.pruning is"),
        ({"hparams.sparsity": 1.0}, "hparams.sparsity=1.0; expected 0 or more and below 1"),
        ({"optimizer.pruning_every": 0}, "optimizer.pruning_every=0; expected at least 1"),
        ({"optimizer.pruning_start": 12}, "prune from update 12 to 12; expected an end after"),
        ({"optimizer.pruning_end": 22}, "at least log_every=3 of the steps=24 after it"),
    ],
)
def test_keys_of_pruning_that_cannot_be_are_refused(overrides, message):
    every = {"optimizer.pruning_every": 100} if overrides.get("optimizer.pruning") == "none" else {}
    with pytest.raises(ValueError, match=message) as error:
        cfg.validate(tiny(**overrides, **every))
    assert "\n" not in str(error.value)


@pytest.mark.no_jax
def test_pruning_is_cited_shrinks_and_changes_no_other_id():
    c = tiny()
    assert "zhu2017prune" in bibliography.citation(c)
    assert "zhu2017prune" not in bibliography.citation(cfg.base())
    cfg.validate(cfg.shrink(cfg.resolve(c, {"steps": 3000, "optimizer.pruning_start": 900})))
    assert cfg.static_part(c) == cfg.static_part(tiny(**{"hparams.sparsity": 0.0}))
    assert (cfg.pruned_until(c), cfg.pruned_until(cfg.base()), cfg.pruned_until({})) == (12, 0, 0)


def test_a_pruned_run_has_a_program_of_its_width_alone():
    reason = experiment.refusal(tiny(), 8, experiment.make_task(tiny().task))
    assert reason == "optimizer.pruning ranks all weights, those that do not exist too"
