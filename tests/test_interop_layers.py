"""Trees and modules as the frameworks' own layers have them, against what these layers compute."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as flax_linen
from flax import nnx as flax_nnx
from helpers import close, same

from lstmx import sequence, unroll
from lstmx.interop import equinox, haiku, keras, linen, nnx, torch

B, T, X, H = 2, 4, 3, 5
TOLERANCE = 2e-6
"""Some roundings of float32 (6e-8 each), summed over a few steps."""
near = functools.partial(close, rtol=TOLERANCE, atol=TOLERANCE)


def inputs():
    return np.random.default_rng(1).normal(size=(B, T, X)).astype(np.float32)


def ours(layers, params):
    if not isinstance(layers, list):
        layers, params = [layers], {"layer_0": params}
    run = jax.jit(functools.partial(sequence.stack, layers))
    return run(params, inputs()).outputs


@pytest.mark.parametrize(
    ("cell", "activation"), [("LSTMCell", None), ("GRUCell", None), ("LSTMCell", "relu")]
)
def test_linen_layers(cell, activation):
    options = {"activation_fn": jax.nn.relu} if activation else {}
    make = lambda: flax_linen.RNN(getattr(flax_linen, cell)(H, **options))
    for layer in (make(), flax_linen.Bidirectional(make(), make())):
        tree = layer.init(jax.random.key(0), inputs())
        layers, params = linen.load(tree, activation=activation)
        near(ours(layers, params), layer.apply(tree, inputs()))


@pytest.mark.parametrize("cell", ["OptimizedLSTMCell", "LSTMCell", "SimpleCell"])
def test_nnx_layers(cell):
    make = lambda seed: flax_nnx.RNN(
        getattr(flax_nnx, cell)(X, H, rngs=flax_nnx.Rngs(seed)), rngs=flax_nnx.Rngs(0)
    )
    for layer in (make(0), flax_nnx.Bidirectional(make(0), make(1), rngs=flax_nnx.Rngs(0))):
        tree = flax_nnx.to_pure_dict(flax_nnx.state(layer, flax_nnx.Param))
        layers, params = nnx.load(tree)
        near(ours(layers, params), layer(inputs()))


@pytest.mark.slow  # the first one imports keras
@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_keras_layers(name, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    library = pytest.importorskip("keras", reason="needs keras, of the extra `peers`")
    if library.backend.backend() != "jax":
        pytest.skip("needs keras on JAX, another backend is set up")
    make = functools.partial(getattr(library.layers, name), H, return_sequences=True)

    both = library.layers.Bidirectional(make())
    expected = np.asarray(both(inputs()))
    sides = (both.forward_layer, both.backward_layer)
    named = [dict(zip(keras.NAMES, layer.get_weights())) for layer in sides]
    near(ours(*keras.load(dict(zip(("forward", "backward"), named)))), expected)

    activation = {"activation": "tanh" if name == "GRU" else "relu"}
    layer = make(use_bias=False, **activation)
    expected = np.asarray(layer(inputs()))
    kind = {"kind": "gru"} if name == "GRU" else {}
    found = keras.load(dict(zip(keras.NAMES, layer.get_weights())), **kind, **activation)
    near(ours(*found), expected)
    layer.set_weights([2 * a for a in layer.get_weights()])
    layer.set_weights(list(keras.dump(*found, bias=False, **activation).values()))
    near(layer(inputs()), expected)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_torch_modules_without_biases_and_in_half_precision(name):
    pytorch = pytest.importorskip("torch", reason="needs torch, of the extra `peers`")
    module = getattr(pytorch.nn, name)(X, H, 2, bias=False, batch_first=True)
    kind = "rnn_tanh" if name == "RNN" else None
    layers, params = torch.load(dict(module.named_parameters()), kind=kind)  # with gradients
    module.load_state_dict(
        {n: pytorch.from_numpy(a) for n, a in torch.dump(layers, params, bias=False).items()}
    )
    with pytorch.no_grad():
        near(ours(layers, params), module(pytorch.from_numpy(inputs()))[0])
    for dtype in (pytorch.bfloat16, pytorch.float16):
        half = module.to(dtype)
        _, found = torch.load(half.state_dict(), kind=kind)
        assert {a.dtype for a in jax.tree.leaves(found)} == {np.dtype(np.float32)}
        expected = half.state_dict()["weight_ih_l0"].float().numpy()
        np.testing.assert_array_equal(found["layer_0"]["W"].reshape(X, -1).T, expected)


@pytest.mark.parametrize("name", ["LSTMCell", "GRUCell"])
def test_equinox_cells_without_biases(name):
    eqx = pytest.importorskip("equinox", reason="needs equinox, of the extra `peers`")
    library = getattr(eqx.nn, name)(X, H, use_bias=False, key=jax.random.key(0))
    names = [n for n in equinox.NAMES if hasattr(library, n)]
    cell, params = equinox.load({name: getattr(library, name) for name in names})
    dumped = equinox.dump(cell, params, bias=False)
    same(list(dumped.values()), [library.weight_ih, library.weight_hh])
    zeros = np.zeros(H, np.float32)
    state = library(inputs()[0, 0], (zeros, zeros) if name == "LSTMCell" else zeros)
    expected = state[0] if name == "LSTMCell" else state
    near(unroll(cell, params, inputs()[:1, :1]).outputs[0, 0], expected)


def test_haiku_modules_of_one_network():
    hk = pytest.importorskip("haiku", reason="needs dm-haiku, of the extra `peers`")

    def network(names, make, xs):
        cores = [make(name=name) for name in names]
        ys, _ = hk.dynamic_unroll(
            hk.DeepRNN(cores), xs, hk.DeepRNN(cores).initial_state(B), time_major=False
        )
        return ys

    numbered, named = (None, None, None), ("encoder", "decoder")
    for make in (functools.partial(hk.LSTM, H), functools.partial(hk.VanillaRNN, H)):
        for names in (numbered, named):
            run = lambda xs, names=names, make=make: network(names, make, xs)
            pure = hk.without_apply_rng(hk.transform(run))
            params = pure.init(jax.random.key(0), inputs())
            order = {} if names is numbered else {"order": names}
            near(ours(*haiku.load(params, **order)), pure.apply(params, inputs()))
            if order:
                with pytest.raises(ValueError, match="say order="):
                    haiku.load(params)
    one = functools.partial(hk.VanillaRNN, H, double_bias=False)
    pure = hk.without_apply_rng(hk.transform(lambda x: network((None,), one, x)))
    params = pure.init(jax.random.key(0), inputs())
    cell, found = haiku.load(params)
    assert jax.tree.structure(haiku.dump(cell, found, double_bias=False)) == jax.tree.structure(
        dict(params)
    )
