"""A convolution below the layers: a loop in NumPy, windows, masks, resets, and what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import X, close, echo, leaky

from lstmx import config as cfg
from lstmx import experiment, models, sequence
from lstmx.models import Backbone

B, T, C, H, Y, K = 3, 13, 4, 5, 2, 3
XS = np.random.default_rng(0).normal(size=(B, T, X)).astype(np.float32)
# Holes, padding, a row whose first steps do not exist; and resets, one of them at a masked step.
MASK = np.array(
    [
        [1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1],
        [1] * 10 + [0] * 3,
        [0, 0] + [1] * 11,
    ],
    bool,
)
RESETS = np.zeros((B, T), bool)
RESETS[0, 6] = RESETS[1, 0] = RESETS[2, 5] = RESETS[2, 7] = True


@functools.cache
def made(cell=None, **options):
    """A model, its parameters and its compiled `hidden`."""
    backbone = Backbone(cell or echo(C), X, Y)
    model = models.make("convolutional", backbone, channels=C, kernel=K, **options)
    params = model.init(jax.random.key(0))
    params["convolution"]["b"] = jnp.linspace(-0.5, 0.5, C)
    return model, params, jax.jit(model.hidden)


def filtered(xs, params, stride, causal):
    """The convolution of one sequence [T, X], by its equation, without an activation."""
    w, b = (np.asarray(params["convolution"][name], float) for name in ("W", "b"))
    left = K - 1 if causal else (K - 1) // 2
    rows = []
    for t in range(0, len(xs), stride):
        read = [(k, t + k - left) for k in range(K)]
        rows.append(b + sum(xs[n] @ w[k] for k, n in read if 0 <= n < len(xs)))
    return np.array(rows).reshape(-1, C)


def by_hand(xs, params, mask, resets, stride, causal):
    """What the readout reads at each step that exists, [B, T, C]; zeros elsewhere."""
    found = np.zeros((*mask.shape, C))
    for b in range(len(xs)):
        ends = [*np.flatnonzero(resets[b]), mask.shape[1]]
        for start, end in zip([0, *ends], ends):
            steps = [t for t in range(start, end) if mask[b, t]]
            rows = filtered(xs[b, steps], params, stride, causal)
            for n, t in enumerate(steps):
                found[b, t] = rows[n // stride]
    return found


@pytest.mark.parametrize(("stride", "causal"), [(1, True), (1, False), (3, True), (2, False)])
def test_the_convolution_is_that_of_a_loop_over_the_steps_that_exist(stride, causal):
    model, params, run = made(stride=stride, causal=causal, activation="identity")
    resets = RESETS & (stride == 1)
    state = model.initial_state(params, (B,))
    y, _, h = run(params, XS, state, mask=MASK, resets=resets)
    expected = by_hand(XS, params, MASK, resets, stride, causal)
    np.testing.assert_allclose(np.where(MASK[..., None], h, 0), expected, rtol=1e-4, atol=1e-5)
    close(y, h @ params["readout"]["W"] + params["readout"]["b"])
    # What does not exist does not matter.
    other = np.where(MASK[..., None], XS, 1e6).astype(np.float32)
    close(run(params, other, state, mask=MASK, resets=resets)[0], y)


@pytest.mark.parametrize("stride", [1, 3])
def test_windows_that_follow_each_other_are_one_sequence(stride):
    model, params, run = made(leaky(H), stride=stride)
    resets = RESETS & (stride == 1)
    resets[:, 0] = True
    whole = run(params, XS, model.initial_state(params, (B,)), mask=MASK, resets=resets)
    state, parts = model.initial_state(params, (B,)), []
    for n in (0, 4, 8, 9, 10, 11, 12):  # then step by step
        cut = np.s_[:, n : n + (4 if n < 8 else 1)]
        y, state, h = run(params, XS[cut], state, mask=MASK[cut], resets=resets[cut])
        parts.append((y, h))
    joined = jax.tree.map(lambda *a: jnp.concatenate(a, 1), *parts)
    there = lambda tree: jax.tree.map(lambda a: np.where(MASK[..., None], a, 0), tree)
    close(there(joined), there((whole[0], whole[2])))
    close(state, whole[1])


def test_the_last_step_shows_the_last_step_of_the_layers():
    model, params, run = made(leaky(H), stride=3)
    lengths = [13, 10, 5]
    mask = np.arange(T) < np.array(lengths)[:, None]
    h = run(params, XS, model.initial_state(params, (B,)), mask=mask, resets=RESETS & False)[2]
    for b, length in enumerate(lengths):
        v = np.maximum(filtered(XS[b, :length], params, 3, causal=True), 0)
        assert len(v) == -(-length // 3)
        alone = sequence.stack([leaky(H)], params["layers"], jnp.asarray(v, jnp.float32)[None])
        close(h[b, length - 1], alone.outputs[0, -1], rtol=1e-4)
        held = jnp.repeat(alone.outputs[0], 3, axis=0)
        close(h[b, :length], held[:length], rtol=1e-4)


@pytest.mark.parametrize(("stride", "causal"), [(1, True), (3, True), (1, False)])
def test_an_input_reaches_no_output_that_must_not_know_it(stride, causal):
    model, params, run = made(leaky(H), stride=stride, causal=causal)
    marks = {"mask": np.ones((B, T), bool), "resets": np.zeros((B, T), bool)}
    state = model.initial_state(params, (B,))
    changed = XS.copy()
    changed[:, 6] += 1
    h, other = (run(params, xs, state, **marks)[2] for xs in (XS, changed))
    moved = np.flatnonzero(np.abs(h - other).max((0, 2)))
    assert moved[0] == (6 if causal else 5)  # of a step of stride 3, too
    assert moved[-1] == T - 1


def test_a_reset_after_the_last_step_and_an_empty_window_leave_the_right_state():
    model, params, run = made(leaky(H), stride=1)
    fresh = model.initial_state(params, (B,))
    marks = {"mask": MASK, "resets": np.zeros((B, T), bool)}
    before = run(params, XS, fresh, **marks)[1]
    nothing = {"mask": MASK & False, "resets": marks["resets"]}
    close(run(params, XS, before, **nothing)[1], before)
    ends = marks["resets"].copy()
    ends[1, 11] = True  # in the padding
    after = run(params, XS, fresh, mask=MASK, resets=ends)[1]
    row = lambda tree, b: jax.tree.map(lambda a: a[b], tree)
    close(row(after, 1), row(fresh, 1))
    close(row(after, 0), row(before, 0))


def refused(message):
    return pytest.raises(ValueError, match=message)


def test_what_depends_on_the_row_is_refused_or_nan():
    marks = {"mask": np.ones((1, 4), bool), "resets": np.array([[True, False, True, False]])}
    model, params, run = made(stride=3)
    state = model.initial_state(params, (1,))
    with refused(r"cannot compute model.stride=3 with a reset within a window; expected") as error:
        model.apply(params, XS[:1, :4], state, **marks)
    assert "\n" not in str(error.value)
    assert np.isnan(run(params, XS[:1, :4], state, **marks)[0]).all()
    model, params, run = made(causal=False)
    state = model.initial_state(params, (1,))
    y, state, _ = run(params, XS[:1, :4], state, **marks)
    assert np.isfinite(y).all()
    marks["resets"] = np.zeros((1, 4), bool)
    assert np.isnan(run(params, XS[:1, :4], state, **marks)[0]).all()
    with refused("model.causal=False with windows that continue one another"):
        model.apply(params, XS[:1, :4], state, **marks)
    line = "stride=3 with a reset within a window or model.causal=False with windows that"
    assert line in made(causal=False, stride=3)[0].refusal(np.zeros((1, 4), bool))
    with refused("model 'convolutional' has no shortcut"):
        readout = models.Readout(shortcut=True)
        models.make("convolutional", Backbone(echo(C), X, Y, readout=readout))
    with refused("unknown activation 'gelu'"):
        made(activation="gelu")
    with refused("stride=0; expected"):
        made(stride=0)


def test_a_config_reaches_it_and_a_task_that_it_cannot_compute_is_refused(monkeypatch):
    c = cfg.base()
    c.task = cfg.task("adding", length=9, batch_size=2)
    c.model.cell = cfg.cell("rnn", hidden_size=3)
    own = {"model.name": "convolutional", "model.channels": 4, "model.stride": 2}
    config = cfg.checked(c, {**own, "model.causal": False, "model.activation": "tanh"})
    exp = experiment.build(config)
    hparams = dict(config.hparams)
    state = jax.eval_shape(exp.init, hparams, jax.random.key(0))
    assert state.params["convolution"]["W"].shape == (5, 2, 4)
    _, metrics = jax.eval_shape(exp.chunk, state, hparams, jax.random.key(0))
    assert metrics["loss"].total.shape == (config.log_every,)
    batch = exp.task.batch
    resets = lambda step: np.full((2, 9), step == 0)
    follow = exp.task._replace(batch=lambda *at: batch(*at)._replace(resets=resets(at[1])))
    monkeypatch.setattr(experiment, "make_task", lambda *_: follow)
    with refused("model.causal=False with windows that continue one another"):
        experiment.build(config)


@pytest.mark.slow
def test_keras_and_torch_have_the_same_convolution(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    torch = pytest.importorskip("torch")
    _, params, run = made(stride=3, causal=False, activation="identity")
    marks = {"mask": np.ones((B, T), bool), "resets": np.zeros((B, T), bool)}
    w, b = (np.array(params["convolution"][name]) for name in ("W", "b"))
    theirs = torch.nn.functional.conv1d(
        torch.tensor(XS).mT, torch.tensor(w).permute(2, 1, 0), torch.tensor(b), 3, padding=K // 2
    )
    close(run(params, XS, None, **marks)[2][:, ::3], theirs.mT.numpy(), rtol=1e-4)
    keras = pytest.importorskip("keras")
    _, params, run = made(stride=3, activation="identity")
    layer = keras.layers.Conv1D(C, K, strides=3, padding="causal")
    layer.build(XS.shape)
    layer.set_weights([w, b])
    close(run(params, XS, None, **marks)[2][:, ::3], np.asarray(layer(XS)), rtol=1e-4)
