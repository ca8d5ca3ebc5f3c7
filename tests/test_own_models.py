"""A user's own model and task, whose batches and outputs are pytrees, through the experiment."""

import jax
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import experiment
from lstmx.runs import group as groups
from lstmx.testing import check_model

TASK = '''
"""Two heads: the sum of a sequence over 3, and its sign, both asked at every step."""

import jax
import jax.numpy as jnp

from lstmx.types import Batch, Mean, Task, TaskSpec


def task(*, batch_size: int = 8, split: str = "train", length: int = 7) -> Task:
    def batch(key, step):
        key_xs, key_start = jax.random.split(jax.random.fold_in(key, len(split)))
        xs = jax.random.normal(key_xs, (batch_size, length, 2))
        start = jax.random.normal(key_start, (batch_size, length, 1))
        total = jnp.broadcast_to(xs[..., :1].sum(1, keepdims=True) / 3, start.shape)
        every = jnp.ones((batch_size, length), bool)
        return Batch(
            inputs={"encoder": xs, "decoder": start},
            targets={"total": total, "sign": jnp.asarray(total[..., 0] > 0, int)},
            weights={"total": every * 1.0, "sign": every * 0.5},
            mask=every,
            resets=jnp.zeros_like(every).at[:, 0].set(True),
        )

    def loss(outputs, batch):
        squares = (outputs["total"] - batch.targets["total"])[..., 0] ** 2
        log_p = jax.nn.log_softmax(outputs["sign"])
        nll = -jnp.take_along_axis(log_p, batch.targets["sign"][..., None], axis=-1)[..., 0]
        mean = lambda a, weights: Mean(jnp.sum(a * weights), jnp.sum(weights))
        square, sign = mean(squares, batch.weights["total"]), mean(nll, batch.weights["sign"])
        return {"loss": square._replace(total=square.total + sign.total), "nll": sign}

    spec = TaskSpec(2, 1, length, batch_size, "nll", False, baseline=0.7)
    return Task(spec, batch, loss)
'''

MODEL = '''
"""An encoder whose last state starts a decoder, and two heads; it carries no state on."""

import jax
import jax.numpy as jnp

from lstmx import sequence
from lstmx.models import _parts as parts
from lstmx.models import Readout
from lstmx.types import Model


def model(backbone, *, classes: int = 2, reads: int = 1) -> Model:
    layers, stack, width = backbone.layers, backbone.stack, backbone.hidden_features
    widths = {"total": backbone.out_features, "sign": classes}

    def init(key):
        keys = parts.keys(key)
        params = {
            "encoder": sequence.init_stack(layers, next(keys), backbone.in_features),
            "decoder": sequence.init_stack(layers, next(keys), reads),
        }
        heads = {n: parts.init_readout(Readout(), keys, width, w, 0) for n, w in widths.items()}
        return params | heads

    def hidden(params, inputs, state=(), *, mask=None, resets=None, key=None):
        read = sequence.stack(layers, params["encoder"], inputs["encoder"], stack=stack, mask=mask)
        h = sequence.stack(
            layers, params["decoder"], inputs["decoder"], read.state, stack=stack, mask=mask
        ).outputs
        each = lambda name: parts.read(Readout(), params[name], h, None, stack.precision)
        return {name: each(name) for name in widths}, (), h

    def apply(params, inputs, state=(), *, return_trace=False, **options):
        outputs, state, _ = hidden(params, inputs, state, **options)
        return outputs, state, None

    return Model(init, lambda params, batch_shape: (), apply, hidden)
'''


@pytest.fixture
def config(tmp_path, monkeypatch):
    """overrides -> a config of the two members, which exist for one test only."""
    lab = f"lab_{tmp_path.name}"
    (tmp_path / lab).mkdir()
    (tmp_path / lab / "sums.py").write_text(TASK)
    (tmp_path / lab / "coder.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**overrides):
        c = cfg.base()
        c.task = cfg.task(f"{lab}.sums")
        c.model.cell = cfg.cell("gru", hidden_size=5)
        c.steps, c.log_every, c.eval_every, c.eval_batches = 30, 10, 30, 2
        named = {"model.name": f"{lab}.coder", "hparams.learning_rate": 0.05}
        return cfg.resolve(c, {**named, **overrides})

    return make


def train(config, devices):
    """The mean loss of each chunk of training on these devices, and the evaluation at the end."""
    built = experiment.build(config)
    group = groups.make(built, [config], devices)
    state = group.init(group.hparams, group.seeds)
    losses = []
    for _ in range(config.steps // config.log_every):
        state, metrics = group.chunks[0](state, group.hparams, group.seeds)
        assert np.asarray(metrics["finite"].total).all()
        losses.append(np.asarray(metrics["loss"].total / metrics["loss"].count).mean())
    evaluated = group.evaluate(state.params, group.seeds)["valid"]
    return losses, jax.tree.map(np.asarray, evaluated), built


@pytest.mark.parametrize("ar", [0.0, pytest.param(0.3, marks=pytest.mark.slow)])
def test_two_heads_and_two_inputs_train_on_any_number_of_devices(config, ar):
    described = config(**{"hparams.ar": ar, "stop": (("train/nll", -1.0),)})
    losses, evaluated, built = train(described, jax.devices()[:1])
    assert losses[-1] < 0.8 * losses[0]
    assert built.selection == "eval/valid/nll"
    assert evaluated["nll"].count == pytest.approx(2 * 8 * 7 * 0.5)
    shared, again, _ = train(described, jax.devices()[:2])
    np.testing.assert_allclose(shared, losses, rtol=1e-4)
    np.testing.assert_allclose(again["nll"].total, evaluated["nll"].total, rtol=1e-4)


def test_metrics_are_those_of_the_outputs_that_the_model_has(config):
    with pytest.raises(ValueError, match="selection='eval/valid/mse': unknown metric 'mse'; known"):
        experiment.build(config(selection="eval/valid/mse"))


def test_an_own_model_passes_check_model(config):
    xs = jax.random.normal(jax.random.key(0), (2, 7, 3))
    check_model(experiment.build(config()).model, {"encoder": xs[..., :2], "decoder": xs[..., 2:]})


def test_own_options_reach_the_model(config):
    params = experiment.build(config(**{"model.classes": 3})).model.init(jax.random.key(0))
    assert params["sign"]["W"].shape == (5, 3)
