"""What modules are beyond their arrays: no biases, other activations, names without an order.

Against the libraries themselves: `test_interop_peers.py`.
"""

import types

import jax
import ml_dtypes
import numpy as np
import pytest
from helpers import close, same
from test_interop import H, X, drawn, make

from lstmx import cells, interop, sequence, unroll
from lstmx.interop import cudnn, equinox, haiku, keras, linen, nnx, onnx, torch

RELU = cells.make("lstm", hidden_size=H, input_activation="relu", output_activation="relu")


def without_biases(layers):
    tree = drawn(layers)
    paths, treedef = jax.tree.flatten_with_path(tree)
    bare = [np.zeros_like(a) if path[-1].key in ("b", "b_hn") else a for path, a in paths]
    return jax.tree.unflatten(treedef, bare)


# No biases


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("module", [torch, keras, equinox, onnx])
def test_dump_without_biases_and_back(module, kind):
    layers = [make(kind)] * 2
    params = without_biases(layers)
    dumped = module.dump(layers, params, bias=False)
    names = [str(path[-1].key) for path, _ in jax.tree_util.tree_leaves_with_path(dumped)]
    assert not any("bias" in name or name == "B" for name in names)
    told = {"kind": kind} if kind == "gru" and module in (keras, onnx) else {}
    found, back = module.load(dumped, **told)
    assert found == layers
    same(back, params)
    for name in ("b", "b_hn")[: 1 + (kind == "gru")]:
        one = np.ones_like(params["layer_1"][name])
        biased = {**params, "layer_1": {**params["layer_1"], name: one}}
        with pytest.raises(ValueError, match="bias=False, but a bias is not zero"):
            module.dump(layers, biased, bias=False)


def test_haiku_vanilla_rnn_with_one_bias():
    cell = make("rnn_relu")
    params = drawn([cell])["layer_0"]
    dumped = haiku.dump(cell, params, double_bias=False)
    assert list(dumped["vanilla_rnn/linear_1"]) == ["w"]
    same(haiku.load(dumped)[1], params)


# Activations


@pytest.mark.parametrize("module", [keras, linen, nnx, onnx])
def test_an_activation_is_stated_to_load_and_to_dump(module):
    params = drawn([RELU])["layer_0"]
    with pytest.raises(ValueError, match="say activation='relu' where it has that") as error:
        module.dump(RELU, params)
    assert "\n" not in str(error.value)
    dumped = module.dump(RELU, params, activation="relu")
    found, back = module.load(dumped, activation="relu")
    assert found is RELU
    same(back, params)
    with pytest.raises(ValueError, match="say activation='tanh' where it has that"):
        module.dump(make("lstm"), params, activation="relu")
    state = sequence.initial_states([RELU], {"layer_0": params}, (2,))["layer_0"]
    same(module.load_state(RELU, module.dump_state(RELU, state)), state)


@pytest.mark.parametrize("module", [keras, linen, nnx, onnx])
def test_activations_of_a_simple_rnn(module):
    for name in ("softsign", "identity"):
        cell = cells.make("rnn", hidden_size=H, activation=name)
        params = drawn([cell])["layer_0"]
        spelled = {"identity": "linear"}.get(name, name)
        dumped = module.dump(cell, params, activation=spelled)
        found, back = module.load(dumped, activation=spelled)
        assert found is cell
        same(back, params)
        with pytest.raises(ValueError, match=f"say activation='{name}'"):
            module.dump(cell, params)


def test_activations_that_no_cell_has():
    gru, lstm = make("gru"), make("lstm")
    dumped = keras.dump(gru, drawn([gru])["layer_0"])
    for line, options in (
        ("the gru here has tanh, and no other", {"activation": "relu"}),
        ("unknown activation 'swish'", {"activation": "swish"}),
        ("gates of cells here are sigmoids", {"recurrent_activation": "hard_sigmoid"}),
        (
            "kind='rnn_relu' contradicts activation='tanh'",
            {"kind": "rnn_relu", "activation": "tanh"},
        ),
    ):
        with pytest.raises(ValueError, match=line):
            keras.load(dumped, **options)
    with pytest.raises(ValueError, match="gates of cells here are sigmoids"):
        keras.dump(lstm, drawn([lstm])["layer_0"], recurrent_activation="hard_sigmoid")
    with pytest.raises(ValueError, match="the gru here has tanh"):
        keras.dump(gru, drawn([gru])["layer_0"], activation="relu")


# Trees


def test_two_sides_by_themselves_are_a_stack_of_one():
    for module in (keras, linen, nnx, equinox, haiku):
        layers = [(make("lstm"), make("lstm"))]
        params = drawn(layers)
        found, back = module.load(module.dump(layers, params)["layer_0"])
        assert found == layers
        tolerance = 1e-6 if module is haiku else 0
        close(back, params, tolerance, tolerance)


def flat(*names):
    """A flat dict of Haiku's with these modules, each of its own weights, and the stack."""
    layers = [make("lstm")] * len(names)
    params = drawn(layers)
    tree = haiku.dump(layers, params)
    pairs = [(f"{name}/linear", tree[f"layer_{n}"]["lstm/linear"]) for n, name in enumerate(names)]
    return dict(sorted(pairs)), params


@pytest.mark.parametrize(
    "names",
    [
        ("lstm", "lstm_1", "lstm_2"),
        ("rnn1", "rnn2", "rnn10"),
        ("net/lstm_layer_0", "net/lstm_layer_1"),
        ("block_0/core", "block_1/core", "block_10/core"),
        ("v2/~/lstm", "v2/~/lstm_1"),
    ],
)
def test_haiku_modules_in_the_order_of_their_numbers(names):
    arrays, params = flat(*names)
    close(haiku.load(arrays)[1], params, 1e-6)


@pytest.mark.parametrize(
    "names",
    [
        ("encoder", "decoder"),
        ("lstm_one", "lstm_two", "lstm_three"),
        ("top", "bottom"),
        ("lstm", "lstm_0"),
        ("a/lstm", "lstm_1"),
        ("block_0/lstm", "block_1/lstm_1"),
        ("lstm_1", "gru"),
    ],
)
def test_haiku_modules_without_an_order_need_one(names):
    arrays, params = flat(*names)
    with pytest.raises(ValueError, match="is not in the dict; say order=") as error:
        haiku.load(arrays)
    assert "\n" not in str(error.value)
    close(haiku.load(arrays, order=names)[1], params, 1e-6)
    for order in (names[:1] * 2, (*names, "more"), (), names[0]):
        with pytest.raises(ValueError, match="expected each once, of"):
            haiku.load(arrays, order=order)


def test_haiku_readout_is_no_core():
    arrays, params = flat("lstm")
    arrays["linear"] = {"w": np.ones((H, 4)), "b": np.ones(4)}
    with pytest.raises(ValueError, match="say order="):
        haiku.load(arrays)
    close(haiku.load(arrays, order=["lstm"])[1], params, 1e-6)
    with pytest.raises(ValueError, match=r"expected those of hk\.LSTM"):
        haiku.load({"linear": arrays["linear"]})


# Types


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", ">f4", "float64"])
def test_every_layout_loads_half_precision_as_float32(dtype):
    layers = [make("lstm")]
    params = jax.tree.map(lambda a: a.astype(dtype).astype(np.float64), drawn(layers))
    expected = np.float64 if dtype == "float64" else np.float32
    for module in (torch, keras, equinox, haiku, linen, nnx, onnx, cudnn):
        dumped = jax.tree.map(lambda a: a.astype(dtype), module.dump(layers, params))
        sizes = {"input_size": X, "hidden_size": H} if module is cudnn else {}
        _, found = module.load(dumped, **sizes)
        assert {a.dtype for a in jax.tree.leaves(found)} == {np.dtype(expected)}
        assert all(a.dtype.isnative for a in jax.tree.leaves(found))
        if module is not haiku:  # whose forget bias is rounded once more
            same(found, params)


def test_half_precision_files_compute_on_float32(tmp_path):
    cell = make("gru")
    params = drawn([cell])["layer_0"]
    for dtype in (np.float16, ml_dtypes.bfloat16):
        half = {n: a.astype(dtype) for n, a in torch.dump([cell], {"layer_0": params}).items()}
        interop.write(tmp_path / "half.safetensors", half)
        read = interop.read(tmp_path / "half.safetensors")
        assert {a.dtype for a in read.values()} == {np.dtype(dtype)}
        layers, found = torch.load(read)
        outputs = unroll(layers[0], found["layer_0"], np.ones((2, 4, X), np.float32)).outputs
        assert outputs.dtype == np.float32


def test_a_module_in_place_of_its_parameters_is_refused():
    with pytest.raises(ValueError, match=r"got a SimpleNamespace; expected .*state_dict\(\)"):
        torch.load(types.SimpleNamespace())


def test_arrays_that_are_no_floats_are_refused():
    dumped = torch.dump([make("lstm")], drawn([make("lstm")]))
    for dtype in (np.int8, bool, np.complex64):
        with pytest.raises(ValueError, match=f"an array is {np.dtype(dtype)}; expected floats"):
            torch.load({name: a.astype(dtype) for name, a in dumped.items()})


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "int4"])
def test_types_that_npz_cannot_keep_are_refused(dtype, tmp_path):
    array = np.ones(3, getattr(ml_dtypes, dtype))
    better = r"\.safetensors" if dtype == "bfloat16" else "float32"
    with pytest.raises(ValueError, match=rf"{dtype}, which \.npz does not keep; expected {better}"):
        interop.write(tmp_path / "a.npz", {"W": array})
    assert not (tmp_path / "a.npz").exists()
    if dtype != "bfloat16":
        with pytest.raises(ValueError, match=r"which \.safetensors does not keep for NumPy"):
            interop.write(tmp_path / "a.safetensors", {"W": array})


def test_bytes_without_a_type_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", W=np.ones(3, ml_dtypes.bfloat16))
    with pytest.raises(ValueError, match=r"'W' is \|V2, bytes without a type"):
        interop.read(tmp_path / "a.npz")


def test_damaged_files_are_refused_in_one_line(tmp_path):
    arrays, rng = {"W": np.ones((3, 4)), "b": np.zeros(4, np.float16)}, np.random.default_rng(0)
    for suffix in ("npz", "safetensors"):
        path = tmp_path / f"a.{suffix}"
        interop.write(path, arrays)
        whole, lines = path.read_bytes(), []
        for number in range(200):
            damaged = bytearray(whole[: rng.integers(len(whole)) if number % 2 else None])
            for place in rng.integers(len(whole), size=2):
                damaged[place : place + 1] = rng.bytes(1)
            path.write_bytes(damaged)
            try:
                interop.read(path)
            except ValueError as error:
                lines.append(str(error).count("\n"))
        assert len(lines) > 100
        assert not any(lines)
    with pytest.raises(FileNotFoundError):
        interop.read(tmp_path / "none.npz")


# Cells made by hand


def test_a_cell_changed_by_hand_is_refused_in_one_line():
    cell = make("lstm")
    for changed in (cell._replace(step=jax.jit(cell.step)), cell._replace(origin=None)):
        with pytest.raises(ValueError, match="torch cannot tell what a cell computes") as error:
            torch.dump([changed], drawn([cell]))
        assert "\n" not in str(error.value)
