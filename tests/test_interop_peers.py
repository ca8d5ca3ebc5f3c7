"""Converted weights against the libraries themselves: outputs and final states, both ways.

Each library runs its own layer, over steps of unequal number too. Ours runs the same weights, once
as converted from the library's and once converted into it.
"""

import functools

import jax
import numpy as np
import pytest
from helpers import near

from lstmx import sequence
from lstmx.interop import _cells, cudnn, equinox, haiku, keras, linen, nnx, torch

B, T, X, H, P = 3, 7, 2, 5, 3
TOLERANCE = 2e-6
"""Some roundings of float32 (6e-8 each), summed over seven steps and three layers."""

SHAPES = [(1, 1), (3, 2)]
MIXED = [pytest.param(*shape, marks=pytest.mark.slow) for shape in ((1, 2), (3, 1))]
LENGTHS = [np.array([T, T, T]), np.array([4, T, 1])]


def stack(kind, layers, directions, seed=0):
    """Layers and random parameters, no bias of which is zero."""
    cell = _cells.make(kind, H, **({"projection": P} if kind == "lstm_projected" else {}))
    cells = [cell if directions == 1 else (cell, cell)] * layers
    rng = np.random.default_rng(seed)
    draw = lambda a: rng.uniform(-0.7, 0.7, a.shape).astype(np.float32)
    params = jax.eval_shape(lambda: sequence.init_stack(cells, jax.random.key(0), X))
    return cells, jax.tree.map(draw, params)


@functools.cache
def compiled(cells):
    return jax.jit(
        lambda params, xs, lengths, state: sequence.stack(
            cells, params, xs, state, lengths=lengths
        )[:2]
    )


def ours(cells, params, xs, lengths, state=None):
    if state is None:
        state = sequence.initial_states(cells, params, (B,))
    return jax.device_get(compiled(tuple(cells))(params, xs, lengths, state))


def inputs():
    return np.random.default_rng(1).normal(size=(B, T, X)).astype(np.float32)


close = functools.partial(near, tolerance=TOLERANCE)
"""Within TOLERANCE of its largest value: a relu state is a sum of values above 1."""


def masked(outputs, lengths):
    return np.where(np.arange(T)[:, None] < lengths[:, None, None], np.asarray(outputs), 0)


def check(module, kind, layers, directions, run, **options):
    """`run(leaf, xs, lengths, reverse) -> (outputs, state)` is the library's own layer."""
    cells, params = stack(kind, layers, directions)
    relu = kind == "rnn_relu" and module is not haiku
    dumped = module.dump(cells, params, **options, **({"activation": "relu"} if relu else {}))
    said = {"kind": kind} if relu else {}
    for lengths in LENGTHS:
        below, states = inputs(), {}
        for name, layer in dumped.items():
            if directions == 1:
                below, states[name] = run(layer, below, lengths, False)
            else:
                both = {s: run(layer[s], below, lengths, s == "backward") for s in layer}
                below = np.concatenate([ys for ys, _ in both.values()], axis=-1)
                states[name] = {s: state for s, (_, state) in both.items()}
            below = masked(below, lengths)
        again, loaded = module.load(dumped, **said)
        for chosen in (params, loaded):
            outputs, state = ours(again, chosen, inputs(), lengths)
            close(outputs, below)
            close(jax.tree.leaves(module.dump_state(again, state)), jax.tree.leaves(states))
            close(module.load_state(again, states), state)


@pytest.mark.parametrize(("layers", "directions"), SHAPES + MIXED)
@pytest.mark.parametrize("kind", ["lstm", "lstm_projected", "gru", "rnn_tanh", "rnn_relu"])
def test_torch(kind, layers, directions):
    pytorch = pytest.importorskip("torch", reason="needs torch, of the extra `peers`")
    make = {"lstm": "LSTM", "lstm_projected": "LSTM", "gru": "GRU"}.get(kind, "RNN")
    options = {"proj_size": P} if kind == "lstm_projected" else {}
    if make == "RNN":
        options["nonlinearity"] = kind.removeprefix("rnn_")
    pytorch.manual_seed(0)
    module = getattr(pytorch.nn, make)(
        X, H, layers, bidirectional=directions == 2, batch_first=True, **options
    )
    said = kind if make == "RNN" else None
    cells, params = torch.load(module.state_dict(), kind=said)
    other = stack(kind, layers, directions)
    rng = np.random.default_rng(2)
    for converted in ((cells, params), other):
        if converted is other:
            dumped = torch.dump(*other)
            module.load_state_dict({n: pytorch.from_numpy(a) for n, a in dumped.items()})
        for lengths in LENGTHS:
            size = P if kind == "lstm_projected" else H
            draw = lambda n: rng.normal(size=(layers * directions, B, n)).astype(np.float32)
            start = (draw(size), draw(H)) if make == "LSTM" else draw(H)
            packed = pytorch.nn.utils.rnn.pack_padded_sequence(
                pytorch.from_numpy(inputs()), lengths, batch_first=True, enforce_sorted=False
            )
            with pytorch.no_grad():
                ys, end = module(packed, jax.tree.map(pytorch.from_numpy, start))
            ys, _ = pytorch.nn.utils.rnn.pad_packed_sequence(ys, batch_first=True, total_length=T)
            state = torch.load_state(converted[0], start)
            outputs, state = ours(*converted, inputs(), lengths, state)
            close(outputs, ys.numpy())
            end = [a.numpy() for a in end] if make == "LSTM" else [end.numpy()]
            close(jax.tree.leaves(torch.dump_state(converted[0], state)), end)


@pytest.mark.slow  # the first one imports keras
@pytest.mark.parametrize(("layers", "directions"), SHAPES)
@pytest.mark.parametrize("kind", ["lstm", "gru", "gru_reset_before", "rnn_tanh", "rnn_relu"])
def test_keras(kind, layers, directions, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    library = pytest.importorskip("keras", reason="needs keras, of the extra `peers`")
    if library.backend.backend() != "jax":
        pytest.skip("needs keras on JAX, another backend is set up")
    name = {"lstm": "LSTM", "gru": "GRU", "gru_reset_before": "GRU"}.get(kind, "SimpleRNN")
    options = {"reset_after": kind == "gru"} if name == "GRU" else {}
    options |= {"activation": "relu"} if kind == "rnn_relu" else {}

    def run(leaf, xs, lengths, reverse):
        layer = getattr(library.layers, name)(
            H, return_sequences=True, return_state=True, go_backwards=reverse, **options
        )
        layer.build(xs.shape)
        layer.set_weights(list(leaf.values()))
        close(dict(zip(keras.NAMES, layer.get_weights())), leaf)
        ys, *state = layer(xs, mask=np.arange(T) < lengths[:, None])
        return np.asarray(ys)[:, :: -1 if reverse else 1], [np.asarray(a) for a in state]

    check(keras, kind, layers, directions, run)


def held(step, xs, lengths, reverse, state):
    """The library's own step over time, with its state held where there is no step."""
    ys = [None] * T
    for t in reversed(range(T)) if reverse else range(T):
        ys[t], new = step(xs[:, t], state)
        hold = lambda a, b, t=t: np.where((t < lengths)[:, None], a, b)
        state = jax.tree.map(hold, new, state)
    return np.stack([np.asarray(y) for y in ys], axis=1), state


@pytest.mark.parametrize(("layers", "directions"), SHAPES)
@pytest.mark.parametrize("kind", ["lstm", "gru_reset_before", "rnn_relu"])
def test_haiku(kind, layers, directions):
    hk = pytest.importorskip("haiku", reason="needs dm-haiku, of the extra `peers`")
    core = {"lstm": hk.LSTM, "gru_reset_before": hk.GRU, "rnn_relu": hk.VanillaRNN}[kind]
    pure = hk.without_apply_rng(hk.transform(lambda x, state: core(H)(x, state)))
    apply = jax.jit(pure.apply)
    zeros = np.zeros((B, H), np.float32)

    def run(leaf, xs, lengths, reverse):
        start = hk.LSTMState(zeros, zeros) if kind == "lstm" else zeros
        own = pure.init(jax.random.key(0), xs[:, 0], start)
        assert jax.tree.map(np.shape, own) == jax.tree.map(np.shape, leaf)
        return held(functools.partial(apply, leaf), xs, lengths, reverse, start)

    check(haiku, kind, layers, directions, run)


@pytest.mark.parametrize(("layers", "directions"), SHAPES)
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_equinox(kind, layers, directions):
    eqx = pytest.importorskip("equinox", reason="needs equinox, of the extra `peers`")
    make = {"lstm": eqx.nn.LSTMCell, "gru": eqx.nn.GRUCell}[kind]
    zeros = np.zeros((B, H), np.float32)

    @jax.jit
    def step(cell, x, state):
        state = jax.vmap(cell)(x, state)
        return (state[0] if kind == "lstm" else state), state

    def run(leaf, xs, lengths, reverse):
        cell = make(xs.shape[-1], H, key=jax.random.key(0))
        fields = lambda cell: [getattr(cell, name) for name in leaf]
        assert jax.tree.map(np.shape, fields(cell)) == [a.shape for a in leaf.values()]
        cell = eqx.tree_at(fields, cell, list(leaf.values()))
        start = (zeros, zeros) if kind == "lstm" else zeros
        return held(lambda x, state: step(cell, x, state), xs, lengths, reverse, start)

    check(equinox, kind, layers, directions, run)


@pytest.mark.parametrize(("layers", "directions"), SHAPES)
@pytest.mark.parametrize(
    "name", ["LSTMCell", "OptimizedLSTMCell", "GRUCell", "SimpleCell", "MGUCell"]
)
def test_linen(name, layers, directions):
    from flax import linen as library

    kind = {"GRUCell": "gru", "SimpleCell": "rnn_tanh", "MGUCell": "mgu"}.get(name, "lstm")

    @functools.partial(jax.jit, static_argnums=3)
    def apply(leaf, xs, lengths, reverse):
        layer = library.RNN(
            getattr(library, name)(H), return_carry=True, reverse=reverse, keep_order=True
        )
        own = jax.eval_shape(layer.init, jax.random.key(0), xs)["params"]["cell"]
        assert jax.tree.map(np.shape, own) == jax.tree.map(np.shape, dict(leaf))
        return layer.apply({"params": {"cell": leaf}}, xs, seq_lengths=lengths)[::-1]

    check(linen, kind, layers, directions, apply)


@pytest.mark.parametrize(("layers", "directions"), SHAPES)
@pytest.mark.parametrize("name", ["LSTMCell", "OptimizedLSTMCell", "SimpleCell"])
def test_nnx(name, layers, directions):
    from flax import nnx as library

    kind = "rnn_tanh" if name == "SimpleCell" else "lstm"
    options = {"optimized": name == "OptimizedLSTMCell"}

    @functools.partial(jax.jit, static_argnums=3)
    def run(leaf, xs, lengths, reverse):
        cell = getattr(library, name)(xs.shape[-1], H, rngs=library.Rngs(0))
        own = library.state(cell, library.Param)
        assert jax.tree.map(np.shape, library.to_pure_dict(own)) == jax.tree.map(np.shape, leaf)
        library.replace_by_pure_dict(own, leaf)
        library.update(cell, own)
        layer = library.RNN(cell, return_carry=True, reverse=reverse, keep_order=True, rngs=False)
        zeros = np.zeros((B, H), np.float32)
        start = (zeros, zeros) if kind == "lstm" else zeros
        return layer(xs, seq_lengths=lengths, initial_carry=start)[::-1]

    check(nnx, kind, layers, directions, run, **options)


def test_nnx_gru_has_one_bias():
    from flax import nnx as library

    cell = library.GRUCell(X, H, rngs=library.Rngs(0))
    own = library.to_pure_dict(library.state(cell, library.Param))
    own["dense_i"]["bias"] = np.linspace(-1, 1, 3 * H, dtype=np.float32)
    library.update(cell, own)
    cell_here, params = nnx.load(own)
    assert not params["b_hn"].any()
    x, h = inputs()[:, 0], inputs()[:, :5, 0]
    expected = cell(h, x)[1]
    state = nnx.load_state(cell_here, h)
    _, y, _ = cell_here.step(params, state, x)
    close(y, expected)
    with pytest.raises(ValueError, match="b_hn is not zero"):
        nnx.dump(cell_here, params | {"b_hn": np.ones(H)})


@pytest.mark.parametrize(("layers", "directions"), SHAPES)
def test_cudnn_vector_means_what_jax_says(layers, directions):
    rnn = pytest.importorskip("jax.experimental.rnn", exc_type=ImportError)
    cells, params = stack("lstm", layers, directions)
    flat = cudnn.dump(cells, params)
    sizes = (X, H, layers, directions == 2)
    assert flat.shape == (rnn.get_num_params_in_lstm(*sizes),)
    parts = rnn.unpack_lstm_weights(flat, *sizes)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ends = [f"_l{n}{end}" for n in range(layers) for end in ("", "_reverse")[:directions]]
    expected = torch.dump(cells, params)
    for name, by_place in zip(names, parts):
        for place, end in enumerate(ends):
            np.testing.assert_array_equal(by_place[place], expected[name + end])
    start = np.zeros((len(ends), B, H), np.float32)
    if layers == 1:
        outputs, state = ours(cells, params, inputs(), LENGTHS[0])
        ys, h, c = rnn.lstm_ref(
            inputs(), start, start, *parts, LENGTHS[0], *sizes[:3], 0.0, sizes[3]
        )
        close(outputs, ys)
        close(cudnn.dump_state(cells, state), (h, c))
