"""Traced constants: in params everywhere, swept in one compilation, never trained or counted."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import leaky, same

from lstmx import config as cfg
from lstmx import experiment, models, runs, sweep, tasks
from lstmx.constants import joined, split_constants
from lstmx.runs import checkpoint, loop
from lstmx.runs import group as groups
from lstmx.train.step import train_step
from lstmx.types import TrainState

H = 5
MODEL = '''
"""Layers of which the readout sees the first hidden units only; the share is swept."""

import jax.numpy as jnp

from lstmx import sequence
from lstmx.models import Readout
from lstmx.models import _parts as parts
from lstmx.types import Model


def constants(backbone, *, share: float = 1.0):
    width = backbone.hidden_features
    return {"mask": jnp.arange(width) < share * width, "share": share}


def model(backbone, *, sign: int = 1) -> Model:
    layers = backbone.layers

    def init(key):
        keys = parts.keys(key)
        readout = parts.init_readout(Readout(), keys, backbone.hidden_features, 1, 0)
        return {**parts.init_layers(backbone, keys), "readout": readout}

    def initial_state(params, batch_shape):
        return sequence.initial_states(layers, params["layers"], batch_shape)

    def apply(params, inputs, state=None, *, return_trace=False, **options):
        result = parts.run_layers(
            backbone, params, inputs, inputs, state, return_trace=return_trace, **options
        )
        h = sign * result.outputs * params["constants"]["mask"]
        y = parts.read(Readout(), params["readout"], h, None, backbone.stack.precision)
        return y, result.state, result.trace

    return Model(init, initial_state, apply)
'''
SHARES = (1.0, 0.6, 0.0)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """overrides -> a config of the model above, which exists for one test only."""
    lab = f"lab_{tmp_path.name}"
    (tmp_path / lab).mkdir()
    (tmp_path / lab / "masked.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**overrides):
        c = cfg.base()
        c.task = cfg.task("adding", length=7, batch_size=8)
        c.model.cell = cfg.cell("rnn", hidden_size=H)
        c.name = "masked"
        c.steps, c.log_every, c.eval_every, c.eval_batches = 4, 2, 4, 1
        named = {"model.name": f"{lab}.masked", "optimizer.name": "adamw"}
        named |= {"hparams.weight_decay": 1.0, "hparams.learning_rate": 0.1}
        return cfg.resolve(c, {**named, **overrides})

    return make


def mask(share):
    """The mask [H] of a share of the hidden units."""
    return (np.arange(H) < share * H).astype(np.float32)


def test_split_and_joined_are_inverse_at_any_depth():
    params = {
        "layers": {"layer_0": {"W": 1, "constants": {"mask": 2}}, "layer_1": {"W": 3}},
        "flags": {"constants": {"on": 4}},
        "empty": {},
        "constants": {"gate": 5},
    }
    trained, constants = split_constants(params)
    assert trained == {"layers": {"layer_0": {"W": 1}, "layer_1": {"W": 3}}, "empty": {}}
    assert sorted(jax.tree.leaves(constants)) == [2, 4, 5]
    assert joined(trained, constants) == params


def test_params_without_constants_are_the_trained_part_itself():
    params = {"layers": {"layer_0": {"W": 1}}, "none": {}}
    trained, constants = split_constants(params)
    assert trained is params
    assert constants == {}
    assert joined(trained, constants) is params


def test_the_constants_of_a_cell_are_not_trained():
    """A fixed mask of recurrent connections, sampled by the cell itself."""
    cell = leaky(H)

    def init(key, in_features):
        params = cell.init(key, in_features)
        mask = jax.random.bernoulli(key, 0.5, params["R"].shape)
        return {**params, "constants": {"mask": mask.astype(float)}}

    def step(params, state, x, noise=()):
        R = params["R"] * params["constants"]["mask"]
        return cell.step({**params, "R": R}, state, x, noise)

    task = tasks.make("adding", length=7, batch_size=8)
    model = models.sequence_model(cell._replace(init=init, step=step), 2, 1)
    params = model.init(jax.random.key(0))
    optimizer = optax.adamw(0.1, weight_decay=1.0)
    trained, _ = split_constants(params)
    state = model.initial_state(params, (8,))
    now = TrainState(jnp.int32(0), params, optimizer.init(trained), state)
    new, metrics = jax.jit(lambda s, key: train_step(task, model, optimizer, s, key))(
        now, jax.random.key(1)
    )
    before, after = (s.params["layers"]["layer_0"] for s in (now, new))
    assert 0 < before["constants"]["mask"].mean() < 1
    same(after["constants"], before["constants"])
    assert all((after[name] != before[name]).any() for name in ("W", "R", "b"))
    assert metrics["finite"].total


def test_a_sweep_shares_one_compilation_and_each_run_has_its_constants(config):
    configs = sweep.resolve(config(), sweep.product({"hparams.share": SHARES}))
    assert sweep.groups(configs) == [[0, 1, 2]]
    group = groups.make(experiment.build(configs[0]), configs)
    start = group.init(group.hparams, group.seeds)
    initial = np.array(start.params["readout"]["W"])[:3, :, 0]
    state, metrics = group.chunks[0](start, group.hparams, group.seeds)
    state, _ = group.chunks[0](state, group.hparams, group.seeds)
    assert group.chunks[0]._cache_size() == 1
    for n, share in enumerate(SHARES):
        constants = groups.replica(jax.device_get(state.params["constants"]), n)
        same(constants, {"mask": mask(share), "share": np.float32(share)})
    readouts = np.asarray(state.params["readout"]["W"])[:3, :, 0]
    decayed = 0.9**4  # weights of masked units have no gradient, but decay as all do
    for n, share in enumerate(SHARES):
        off = mask(share) == 0
        np.testing.assert_allclose(readouts[n][off], initial[n][off] * decayed, rtol=1e-5)
        assert not np.isclose(readouts[n][~off], initial[n][~off] * decayed, rtol=1e-3).any()
    losses = np.asarray(metrics["loss"].total)[:3, -1]
    assert len(set(losses)) == 3


def test_the_optimizer_owns_no_constant(config):
    c = config()
    built = experiment.build(c)
    state = built.init(dict(c.hparams), jax.random.key(0))
    trained, constants = split_constants(state.params)
    assert set(constants) == {"constants"}
    shapes = sorted(leaf.shape for leaf in jax.tree.leaves(trained))
    moments = sorted(leaf.shape for leaf in jax.tree.leaves(state.opt_state) if leaf.ndim)
    assert moments == sorted(2 * shapes)
    needed = experiment.least_memory(built, c)
    size = 4 * sum(leaf.size for leaf in jax.tree.leaves(trained))
    assert (needed["gradients"], needed["parameters"]) == (size, size + 4 * (H + 1))


@pytest.mark.files
def test_runs_keep_their_constants_when_they_are_resumed_evaluated_and_opened(
    config, tmp_path, monkeypatch
):
    configs = [config(**{"hparams.share": share}) for share in SHARES[:2]]
    labels = ["all", "some"]
    whole = runs.train(configs, tmp_path / "whole", labels=labels, quiet=True)
    note = loop.Followed.note

    def killed(self, step, *arguments):
        if step == 4:
            raise KeyboardInterrupt
        note(self, step, *arguments)

    monkeypatch.setattr(loop.Followed, "note", killed)
    often = [cfg.resolve(c, {"checkpoint_every": 2}) for c in configs]
    with pytest.raises(KeyboardInterrupt):
        runs.train(often, tmp_path / "resumed", labels=labels, quiet=True)
    monkeypatch.undo()
    assert all(checkpoint.steps(p) == [2] for p in tmp_path.glob("resumed/**/checkpoints"))
    resumed = runs.train(often, tmp_path / "resumed", labels=labels, quiet=True)
    for path, again, share in zip(whole, resumed, SHARES):
        states = [checkpoint.restore(p / "checkpoints", 4) for p in (path, again)]
        same(*states)
        same(states[0]["params"]["constants"], {"mask": mask(share), "share": np.float32(share)})
        opened = runs.open(path, trust=True)
        same(opened.params["constants"]["mask"], mask(share))
        same(opened.at("initial").params["constants"]["mask"], mask(share))
        run = runs.load(path)
        assert run.meta["parameters"] == (2 * H + H * H + H) + (H + 1)
        assert np.isfinite(run.metrics[-1]["eval/valid/mse"])
        assert cfg.from_dict(run.config).hparams.share == share


def test_only_a_constant_that_was_set_is_in_the_identity(config):
    text = cfg.canonical(config())
    assert "share" not in text
    assert cfg.canonical(config(**{"hparams.share": 0.6})) != text


def test_another_model_leaves_no_constant_behind(config):
    back = cfg.resolve(config(), {"model.name": "sequence"})
    assert "share" not in back.hparams
    with pytest.raises(ValueError, match=r"has no option 'share', which is set to 0\.6"):
        cfg.resolve(config(**{"hparams.share": 0.6}), {"model.name": "sequence"})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("share: int = 1", "constant 'share' is traced; expected a float"),
        ("b1: float = 1.0", "constant 'b1' is a key of hparams or of the optimizer already"),
        ("nesterov: float = 1.0", "constant 'nesterov' is a key of hparams or of the optimizer"),
        ("share: float", "constants '.*' reads 'share', which no config has"),
    ],
)
def test_a_constant_that_no_config_can_hold_is_refused(config, tmp_path, option, message):
    file = next(tmp_path.glob("*/masked.py"))
    file.write_text(MODEL.replace("share: float = 1.0", option))
    with pytest.raises(ValueError, match=message) as caught:
        config()
    assert "\n" not in str(caught.value)
