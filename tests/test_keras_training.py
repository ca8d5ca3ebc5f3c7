"""Training equals Keras from the same weights, in programs of tutorials, after 100 updates too."""

import jax
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import experiment
from lstmx.data import arrays
from lstmx.interop import keras

H = 5  # of 50 in the tutorials; equality does not depend on the width
ROUNDING = {0: 1e-6, 1: 2e-6, 99: 3e-5}
"""Update -> largest difference of a weight of order 1: float32 sums in another order. Measured with
50 units: 1e-7, 1e-7, 3e-6."""


@pytest.fixture
def library(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    found = pytest.importorskip("keras", reason="needs keras, of the extra `peers`")
    if found.backend.backend() != "jax":
        pytest.skip("needs keras on JAX, another backend is set up")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "features", "batch", "layers", "activation"),
    [
        pytest.param(100, 10, 4, 1, "relu", id="LSTM(50, relu), 100 steps of 10 features"),
        pytest.param(10, 1, 1, 2, "tanh", id="two LSTM(50), 10 steps, batches of 1"),
        pytest.param(9, 1, 4, 1, "relu", id="LSTM(50, relu), next value, broadcast"),
    ],
)
def test_a_hundred_updates_are_those_of_keras(
    library, steps, features, batch, layers, activation, tmp_path, request
):
    every = "broadcast" in request.node.callspec.id  # targets [B, T, 1] for outputs [B, 1]
    c = cfg.base()
    if every:
        c.task = cfg.task(
            "next_value", target="broadcast", series=8, length=steps + 1, batch_size=batch
        )
    else:
        values = np.random.default_rng(0).normal(size=(8, steps, features)).astype(np.float32)
        targets = values[:, :, 0].mean(1, keepdims=True)
        part = arrays.Part(values, np.ones((8, steps), bool), targets)
        file = arrays.save(tmp_path, arrays.Labelled({"train": part}))
        c.task = cfg.task("arrays", file=str(tmp_path / file), batch_size=batch)
    kind = {"input_activation": activation, "output_activation": activation}
    c.model.cell = cfg.cell("lstm", hidden_size=H, **kind)
    c.model.layers = layers
    c.hparams.clip_norm = 0.0  # Keras does not clip
    c.evals = {"train": {"split": "train"}}
    c.steps, c.log_every, c.eval_every = 100, 1, 100
    c = cfg.resolve(c, {"optimizer.name": "keras_adam"})

    library.utils.set_random_seed(0)
    make = library.layers.LSTM
    stacked = [
        make(H, activation=activation, return_sequences=n < layers - 1) for n in range(layers)
    ]
    network = library.Sequential(
        [library.Input((steps, features)), *stacked, library.layers.Dense(1)]
    )
    network.compile(library.optimizers.Adam(1e-3), "mse")

    def weights():
        found = {
            f"layer_{n}": keras.load(
                dict(zip(keras.NAMES, layer.get_weights())), activation=activation
            )[1]
            for n, layer in enumerate(stacked)
        }
        return {"layers": found, "readout": dict(zip("Wb", network.layers[-1].get_weights()))}

    built, hparams, key = experiment.build(c), dict(c.hparams), jax.random.key(0)
    state = built.start(hparams, weights())
    chunk, draw = jax.jit(built.chunk), jax.jit(built.task.batch)
    for update in range(100):
        drawn = draw(key, update)
        targets = np.asarray(drawn.targets)
        given = (np.asarray(drawn.inputs), targets if every else targets[:, -1])
        theirs = network.train_on_batch(*given)
        state, metrics = chunk(state, hparams, key)
        if update in ROUNDING:
            ours = float(metrics["loss"].total[0] / metrics["loss"].count[0])
            assert ours == pytest.approx(float(theirs), rel=1e-4, abs=1e-7)
            for one, two in zip(jax.tree.leaves(state.params), jax.tree.leaves(weights())):
                np.testing.assert_allclose(one, two, rtol=0, atol=ROUNDING[update])


def test_kerass_adam_is_its_formula():
    from lstmx.train.optimizers import adam, keras_adam

    gradient = np.array([1e-8, 1.0], np.float32)  # one of the size of epsilon
    m = v = np.zeros(2)
    _, scale = keras_adam.optimizer(0.9, 0.999, 0.0)
    state = scale.init(gradient)
    for t in (1, 2):
        step, state = scale.update(gradient, state)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient.astype(float) ** 2
        rate = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        np.testing.assert_allclose(step, rate * m / (np.sqrt(v) + 1e-7), rtol=1e-4)
    other = adam.optimizer(0.9, 0.999, 0.0)[1]
    step, _ = other.update(gradient, other.init(gradient))
    assert step[0] > 0.4, "that of Kingma & Ba's algorithm 1 moves it"
    np.testing.assert_allclose(step[1], 1.0, rtol=1e-4)
