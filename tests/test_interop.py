"""Round trips through every layout, what is refused, ONNX against its documentation, and files.

The comparison with the libraries is in `test_interop_peers.py`.
"""

import jax
import numpy as np
import pytest
from helpers import close, same

from lstmx import cells, interop, sequence, wrappers
from lstmx.interop import _cells, _files, cudnn, equinox, haiku, keras, linen, nnx, onnx, torch
from lstmx.types import Cell

X, H, P = 3, 5, 2
KINDS = {
    torch: torch.ACCEPTED,
    keras: tuple(keras.ORDER),
    equinox: equinox.ACCEPTED,
    haiku: tuple(haiku.ORDER),
    linen: tuple(linen.FORMS),
    nnx: ("lstm", "rnn_tanh", "rnn_relu"),
    onnx: tuple(onnx.ORDER),
    cudnn: ("lstm",),
}
CASES = [(module, kind) for module, kinds in KINDS.items() for kind in kinds]
NAMES = [f"{module.__name__.rpartition('.')[2]}-{kind}" for module, kind in CASES]
SAID = {torch: ("rnn",), keras: ("rnn_relu",), linen: ("rnn_relu",), nnx: ("rnn_relu",)}
SAID[onnx] = ("rnn", "gru")
"""What the arrays of a framework do not tell, so that `kind` must."""


def drawn(layers, seed=0):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: sequence.init_stack(layers, jax.random.key(0), X))
    return jax.tree.map(lambda a: rng.normal(size=a.shape).astype(np.float32), shapes)


def make(kind):
    return _cells.make(kind, H, **({"projection": P} if kind == "lstm_projected" else {}))


def stated(module, kind):
    """What `dump` must be told of a layer whose activation is not the framework's default."""
    return {"activation": "relu"} if kind == "rnn_relu" and module not in (torch, haiku) else {}


def again(module, kind, dumped, layers):
    """The result of `load` on what `dump` returned, with the kind where it is needed."""
    if module is cudnn:
        sizes = {"num_layers": len(layers), "bidirectional": not isinstance(layers[0], Cell)}
        return module.load(dumped, input_size=X, hidden_size=H, **sizes)
    said = {"kind": kind} if kind.startswith(SAID.get(module, ("none",))) else {}
    return module.load(dumped, **said)


@pytest.mark.parametrize(("module", "kind"), CASES, ids=NAMES)
def test_round_trip(module, kind):
    cell = make(kind)
    for layers in ([cell], [cell, cell], [(cell, cell)] * 3):
        params = drawn(layers)
        found, back = again(
            module, kind, module.dump(layers, params, **stated(module, kind)), layers
        )
        assert found == layers  # options that are equal make one cell
        # Haiku's forget bias is less by 1 in its parameters, which rounds; all else is moved.
        tolerance = 1e-6 if module is haiku and kind == "lstm" else 0
        close(back, params, tolerance, tolerance)


@pytest.mark.parametrize(("module", "kind"), CASES, ids=NAMES)
def test_round_trip_of_states(module, kind):
    cell = make(kind)
    for layers in ([cell, cell], [(cell, cell), cell], cell):
        stack = layers if isinstance(layers, list) else [layers]
        states = jax.eval_shape(lambda s=stack: sequence.initial_states(s, drawn(s), (7,)))
        draw = np.random.default_rng(0).normal
        states = jax.tree.map(lambda a, draw=draw: draw(size=a.shape), states)
        states = states if layers is stack else states["layer_0"]
        same(module.load_state(layers, module.dump_state(layers, states)), states)


@pytest.mark.parametrize("module", [m for m in KINDS if m is not cudnn])
def test_one_cell_is_a_cell_again(module):
    cell = make("gru_reset_before" if module is haiku else "lstm")
    params = drawn([cell])["layer_0"]
    dumped = module.dump(cell, params)
    found, back = module.load(dumped)
    assert found is cell
    same(back, params)


def test_two_biases_become_one():
    arrays = torch.dump([make("gru")], drawn([make("gru")]))
    arrays["bias_hh_l0"] += np.arange(3 * H, dtype=np.float32)
    _, params = torch.load(arrays)
    own, state = (arrays[f"bias_{side}_l0"].reshape(3, H) for side in ("ih", "hh"))
    same(params["layer_0"]["b"], np.stack([own[0] + state[0], own[1] + state[1], own[2]]))
    same(params["layer_0"]["b_hn"], state[2])


def test_part_of_a_larger_torch_module():
    layers = [make("lstm")]
    params = drawn(layers)
    arrays = torch.dump(layers, params, prefix="encoder.rnn.")
    arrays["decoder.weight"] = np.ones((2, 2))
    same(torch.load(arrays, prefix="encoder.rnn.")[1], params)
    with pytest.raises(ValueError, match="say prefix="):
        torch.load(arrays)
    with pytest.raises(ValueError, match=r"no parameter starts with 'x\.'"):
        torch.load(arrays, prefix="x.")


def test_haiku_numbers_its_modules():
    layers = [make("lstm")] * 11
    params = drawn(layers)
    tree = haiku.dump(layers, params)
    flat = {
        f"net/lstm{f'_{n}' if n else ''}/linear": tree[f"layer_{n}"]["lstm/linear"]
        for n in reversed(range(11))
    }
    close(haiku.load(flat)[1], params, 1e-6)


REFUSED = [
    (torch, "gru", {"reset": "before"}, "torch has no gru with reset='before': a reset gate"),
    (haiku, "gru", {}, "Haiku has no gru with reset='after': a reset gate after"),
    (torch, "gru", {"heads": 5}, "heads=5"),
    (torch, "lstm", {"variant": "V"}, "peepholes='diagonal'"),
    (keras, "lstm", {"projection": 2}, "Keras has no lstm with projection=2"),
    (onnx, "lstm", {"variant": "CIFG", "peepholes": "none"}, "coupled=True"),
    (torch, "lstm", {"projection": 2, "projection_clip": 3.0}, "projection_clip=3"),
    (torch, "lstm", {"cell_clip": 3.0}, "cell_clip=3"),
    (torch, "lstm", {"block_size": 5}, "block_size=5"),
    (haiku, "rnn", {}, "Haiku has no rnn with activation='tanh'"),
    (torch, "rnn", {"activation": "softsign"}, "activation='softsign'"),
    (torch, "rnn", {"heads": 5}, "heads=5"),
    (torch, "mgu", {}, "torch has no mgu"),
    (linen, "mgu", {}, "convention='paper', reset='before'"),
    (equinox, "ugrnn", {}, r"Equinox has no cell like this one, of lstmx\.cells\.ugrnn"),
    (cudnn, "lstm", {"projection": 2}, r"jax\.experimental\.rnn has no lstm with projection=2"),
]


@pytest.mark.parametrize(("module", "name", "options", "line"), REFUSED)
def test_what_has_no_counterpart_is_refused(module, name, options, line):
    layers = [cells.make(name, hidden_size=H, **options)]
    with pytest.raises(ValueError, match=line) as raised:
        module.dump(layers, drawn(layers))
    assert "\n" not in str(raised.value)


def test_where_weights_start_does_not_matter():
    cell = cells.make("lstm", hidden_size=H, forget_bias=0.0, initializer="uniform")
    same(torch.load(torch.dump([cell], drawn([cell])))[1], drawn([cell]))


def test_wrapped_cells_are_refused():
    cell = wrappers.zoneout(make("lstm"), {"h": 0.1})
    with pytest.raises(ValueError, match="handing over the cell inside"):
        torch.dump([cell], drawn([cell]))


def test_what_the_arrays_do_not_tell_is_asked_for():
    for module, kind in ((torch, "rnn_tanh"), (onnx, "rnn_relu"), (onnx, "gru")):
        dumped = module.dump([make(kind)], drawn([make(kind)]), **stated(module, kind))
        with pytest.raises(ValueError, match="say kind="):
            module.load(dumped)
        with pytest.raises(ValueError, match="kind='lstm' does not have"):
            module.load(dumped, kind="lstm")


def test_layers_that_one_torch_module_cannot_have():
    wide = cells.make("lstm", hidden_size=7)
    layers = [make("lstm"), wide]
    with pytest.raises(ValueError, match="one kind, size and number of directions"):
        torch.dump(layers, drawn(layers))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda d: d.pop("weight_hh_l0"), "names are"),
        (lambda d: d.pop("weight_hh_l1_reverse"), "names are"),
        (lambda d: [d.pop(n) for n in list(d) if "l0" in n], "every layer from l0 on"),
        (lambda d: [d.pop(n) for n in list(d) if "l1_reverse" in n], "with the same sides"),
        (lambda d: d.update(weight_ih_l0=np.ones((21, X))), "the weights from the input"),
        (lambda d: d.update(weight_hh_l0=np.ones((13, H))), "13 gate columns for H=5"),
        (lambda d: d.update(bias_ih_l0=np.ones(4)), r"the bias is \(4,\); expected \(20,\)"),
    ],
)
def test_damaged_state_dicts(change, line):
    layers = [(make("lstm"), make("lstm"))] * 2
    arrays = torch.dump(layers, drawn(layers))
    change(arrays)
    with pytest.raises(ValueError, match=line):
        torch.load(arrays)


def test_mgu_without_reset_gate_is_refused():
    dumped = linen.dump(make("mgu"), drawn([make("mgu")])["layer_0"])
    del dumped["hn"]["bias"]
    with pytest.raises(ValueError, match="a cell without reset gate is none of ours"):
        linen.load(dumped)


def test_cudnn_sizes_must_make_the_vector():
    with pytest.raises(ValueError, match=r"the weights are \(7,\); input_size=3"):
        cudnn.load(np.ones(7), input_size=X, hidden_size=H)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def operator(kind, node, x, state):
    """One step of ONNX' LSTM, GRU or RNN in float64, by the equations of the operators' page."""
    W, R = node["W"][0].astype(float), node["R"][0].astype(float)
    Wb, Rb = np.split(node["B"][0].astype(float), 2)
    h = state[0]
    if kind.startswith("lstm"):
        Pi, Po, Pf = np.split(node["P"][0], 3) if "P" in node else (0, 0, 0)
        c = state[1]
        ai, ao, af, ac = np.split(x @ W.T + h @ R.T + Wb + Rb, 4, axis=-1)
        new = sigmoid(af + Pf * c) * c + sigmoid(ai + Pi * c) * np.tanh(ac)
        return sigmoid(ao + Po * new) * np.tanh(new), new
    if kind.startswith("rnn"):
        f = np.tanh if kind == "rnn_tanh" else lambda a: np.maximum(a, 0)
        return (f(x @ W.T + h @ R.T + Wb + Rb),)
    (Wz, Wr, Wh), (Rz, Rr, Rh) = np.split(W, 3), np.split(R, 3)
    (Wbz, Wbr, Wbh), (Rbz, Rbr, Rbh) = np.split(Wb, 3), np.split(Rb, 3)
    z = sigmoid(x @ Wz.T + h @ Rz.T + Wbz + Rbz)
    r = sigmoid(x @ Wr.T + h @ Rr.T + Wbr + Rbr)
    if kind == "gru":  # linear_before_reset = 1
        n = np.tanh(x @ Wh.T + r * (h @ Rh.T + Rbh) + Wbh)
    else:
        n = np.tanh(x @ Wh.T + (r * h) @ Rh.T + Rbh + Wbh)
    return ((1 - z) * n + z * h,)


@pytest.mark.parametrize("kind", list(onnx.ORDER))
def test_onnx_operators(kind):
    cell, rng = make(kind), np.random.default_rng(3)
    node = onnx.dump(cell, drawn([cell])["layer_0"], **stated(onnx, kind))
    node["B"] = rng.normal(size=node["B"].shape).astype(np.float32)
    cell, params = onnx.load(node, kind=kind)
    T, B = 4, 2
    xs = rng.normal(size=(B, T, X)).astype(np.float32)
    start = [rng.normal(size=(B, H)).astype(np.float32) for _ in cell.initial_state(params, (B,))]
    inside = tuple(a[None] for a in start) if len(start) > 1 else start[0][None]
    state = onnx.load_state(cell, inside)
    result = jax.jit(lambda p, x, s: sequence.unroll(cell, p, x, s))(params, xs, state)
    for t in range(T):
        start = operator(kind, node, xs[:, t].astype(float), start)
        np.testing.assert_allclose(result.outputs[:, t], start[0], 0, 1e-5)
    end = onnx.dump_state(cell, result.state)
    close([a[0] for a in (end if isinstance(end, tuple) else (end,))], list(start), 1e-5, 1e-5)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_files(suffix, tmp_path):
    layers = [(make("lstm"), make("lstm"))] * 2
    arrays = torch.dump(layers, drawn(layers))
    arrays["transposed"] = np.arange(6.0).reshape(2, 3).T
    interop.write(tmp_path / f"a{suffix}", arrays)
    found = interop.read(tmp_path / f"a{suffix}")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_files_that_could_run_code_are_refused(tmp_path):
    for suffix in _files.PICKLED:
        with pytest.raises(ValueError, match=r"save\s+the arrays as \.safetensors"):
            interop.read(tmp_path / f"a{suffix}")
    np.savez(tmp_path / "a.npz", bad=np.array([{}], object))
    with pytest.raises(ValueError, match="holds no plain arrays"):
        interop.read(tmp_path / "a.npz")
    (tmp_path / "b.safetensors").write_bytes(b"\x80\x04no tensors here")
    with pytest.raises(ValueError, match="holds no plain arrays"):
        interop.read(tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match=r"expected \.safetensors or \.npz"):
        interop.write(tmp_path / "a.h5", {})
    with pytest.raises(ValueError, match="'x' is a tree"):
        interop.write(tmp_path / "a.npz", {"x": {"y": np.ones(1)}})
    with pytest.raises(ValueError, match="'x' is an array of objects"):
        interop.write(tmp_path / "a.npz", {"x": np.array([{}], object)})


def test_every_framework_has_the_same_four_functions():
    for name in interop.FRAMEWORKS:
        module = getattr(interop, name)
        assert all(
            callable(getattr(module, f)) for f in ("load", "dump", "load_state", "dump_state")
        )
