"""Wrappers: each against a loop written out in NumPy, around several cells, and nested."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X, close

from lstmx import cells, engines, wrappers
from lstmx.sequence import unroll
from lstmx.testing import check_cell
from lstmx.types import no_noise
from lstmx.wrappers import Inputs, noise

KEY = jax.random.key(7)
LSTM = cells.make("lstm", hidden_size=H)
GRU = cells.make("gru", hidden_size=H)


WIDE = cells.make("lstm", hidden_size=2 * H, projection=H)


def inputs(seed=1):
    """Values of which about a third is missing, as NaN, at uneven times."""
    rng = np.random.default_rng(seed)
    observed = rng.random((B, T, X)) < 0.7
    values = np.where(observed, rng.normal(size=(B, T, X)), np.nan)
    return Inputs(*map(jnp.asarray, (values, rng.uniform(0.2, 3, (B, T)), observed)))


def complete(seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(B, T, X)))


def drawn(cell):
    """Parameters that are far from any start."""
    rng = np.random.default_rng(2)
    shapes = jax.eval_shape(lambda key: cell.init(key, X), jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(0.5 * rng.normal(size=leaf.shape)), shapes)


def run(cell, params, xs, key=None, **options):
    """Outputs, last state and trace of an unroll."""
    return jax.jit(
        lambda params, xs: unroll(cell, params, xs, key=key, return_trace=True, **options)
    )(params, xs)


def same(got, expected):
    np.testing.assert_allclose(got, np.stack(expected, axis=1), rtol=1e-10, atol=1e-12)


def sigma(v):
    return 1 / (1 + np.exp(-v))


def lstm(p, x, c, seen, dropped=lambda z: z):
    """A step of the LSTM from its old cell and the output that its gates see."""
    p = jax.tree.map(np.asarray, p)
    a = np.einsum("bx,xgh->gbh", x, p["W"]) + np.einsum("bk,kgh->gbh", seen, p["R"])
    a_i, a_f, a_z, a_o = a + p["b"][:, None]
    c = sigma(a_f) * c + sigma(a_i) * dropped(np.tanh(a_z))
    return c, sigma(a_o) * np.tanh(c)


def gru(p, x, h, seen, dropped=lambda n: n):
    """A step of the GRU, reset after, from its old output and the one that its gates see."""
    p = jax.tree.map(np.asarray, p)
    W = np.einsum("bx,xgh->gbh", x, p["W"]) + p["b"][:, None]
    R = np.einsum("bk,kgh->gbh", seen, p["R"])
    r, u = sigma(W[0] + R[0]), sigma(W[1] + R[1])
    n = dropped(np.tanh(W[2] + r * (R[2] + p["b_hn"])))
    return (1 - u) * n + u * h


def zeros():
    return np.zeros((B, H))


@pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])
def test_zoneout_keeps_units_of_c_and_of_h(x64, key):
    """h comes of the c that was not zoned out; without a key, of the expectations."""
    cell = wrappers.zoneout(LSTM, {"c": 0.6, "h": 0.3})
    params, xs = drawn(cell), complete()
    kept = cell.prepare(params, KEY, (B,), T)[1][0]
    assert all(0 < np.mean(kept[leaf]) < 1 for leaf in "ch")
    assert (kept["h"][:, 1:] != kept["h"][:, :1]).any()
    assert (kept["h"][1:] != kept["h"][:1]).any()
    c, h, hs, cs = zeros(), zeros(), [], []
    for t in range(T):
        d_c, d_h = (0.6, 0.3) if key is None else (kept["c"][:, t], kept["h"][:, t])
        c_new, h_new = lstm(params, xs[:, t], c, h)
        c, h = d_c * c + (1 - d_c) * c_new, d_h * h + (1 - d_h) * h_new
        hs.append(h)
        cs.append(c)
    result = run(cell, params, xs, key)
    same(result.outputs, hs)
    same(result.trace.states.c, cs)
    same(result.trace.states.h, hs)


@pytest.mark.parametrize("base", ["lstm", "gru"])
def test_variational_dropout_has_one_mask_a_sequence(x64, base):
    cell = wrappers.variational_dropout({"lstm": LSTM, "gru": GRU}[base], inputs=0.4, states=0.3)
    params, xs = drawn(cell), complete()
    # A cell that puts out what its gates see shows the mask of the inputs.
    bare = cells.make("rnn", hidden_size=X, activation="identity")
    probe = wrappers.variational_dropout(bare, inputs=0.4, states=0.3)
    plain = {"W": jnp.eye(X)[:, None], "R": jnp.zeros((X, 1, X)), "b": jnp.zeros((1, X))}
    d_x = run(probe, plain, jnp.ones((B, T, X)), KEY).outputs
    np.testing.assert_array_equal(d_x[:, 1:], d_x[:, :-1])
    assert set(np.unique(d_x)) == {0, 1 / 0.6}
    assert (d_x[0] != d_x[1]).any()
    d_h = cell.prepare(params, KEY, (B,), T)[1][0]["state h"][:, 0]
    assert set(np.unique(d_h)) == {0, 1 / 0.7}
    # The masks of inputs and states are independent, in the first example, too.
    even = wrappers.variational_dropout(bare, inputs=0.5, states=0.5)
    many = jax.vmap(lambda key: even.prepare(plain, key, (1,), 1)[1][0])(jax.random.split(KEY, 99))
    x = jax.vmap(lambda seeds: noise.drop(jnp.ones((1, X)), seeds, 0.5))(many["x"][:, :, 0])
    assert 0.3 < np.mean(x == many["state h"][:, :, 0]) < 0.7
    c, h, hs = zeros(), zeros(), []
    for t in range(T):
        x, seen = np.asarray(d_x[:, t] * xs[:, t]), np.asarray(d_h * h)
        if base == "lstm":
            c, h = lstm(params, x, c, seen)
        else:
            h = gru(params, x, h, seen)
        hs.append(h)
    same(run(cell, params, xs, KEY).outputs, hs)
    plain = unroll({"lstm": LSTM, "gru": GRU}[base], params, xs).outputs
    np.testing.assert_allclose(run(cell, params, xs).outputs, plain, rtol=1e-12)


def test_weight_drop_reaches_the_weights_themselves(x64):
    """One draw an unroll, for the whole batch; the gradient is the raw weight's, not a copy's."""
    cell = wrappers.weight_drop(LSTM, 0.4)
    params, xs = drawn(cell), complete()
    dropped = cell.prepare(params, KEY, (B,), T)[0]
    factor = dropped["R"] / params["R"]
    np.testing.assert_allclose(np.unique(np.round(factor, 12)), [0, 1 / 0.6], rtol=1e-10)
    assert all((dropped[name] == params[name]).all() for name in "Wb")
    slope = lambda cell, params, key=None: jax.grad(
        lambda params: jnp.sum(unroll(cell, params, xs, key=key).outputs ** 2)
    )(params)
    np.testing.assert_allclose(
        slope(cell, params, KEY)["R"], factor * slope(LSTM, dropped)["R"], rtol=1e-10, atol=1e-14
    )
    other = cell.prepare(params, jax.random.key(8), (B,), T)[0]
    assert (other["R"] != dropped["R"]).any()
    assert cell.prepare(params, None, (B,), T)[0] is params


@pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])
@pytest.mark.parametrize("base", ["lstm", "gru"])
def test_update_dropout_drops_what_is_added_and_not_what_is_kept(x64, base, key):
    cell = wrappers.update_dropout({"lstm": LSTM, "gru": GRU}[base], 0.4)
    params, xs = drawn(cell), complete()
    result = run(cell, params, xs, key)
    gate = np.asarray(result.trace.gates["z" if base == "lstm" else "n"])
    d = np.full(gate.shape, 0.6) if key is None else (gate != 0).astype(float)
    if key is not None:
        assert 0.4 < d.mean() < 0.8
        assert (d[:, 1:] != d[:, :1]).any()
        assert (d[1:] != d[:1]).any()
    c, h, hs = zeros(), zeros(), []
    for t in range(T):
        dropped = lambda v, t=t: d[:, t] * v
        if base == "lstm":
            c, h = lstm(params, xs[:, t], c, h, dropped)
        else:
            h = gru(params, xs[:, t], h, h, dropped)
        hs.append(h)
    same(result.outputs, hs)


def test_update_dropout_refuses_what_is_no_update():
    with pytest.raises(ValueError, match="unknown gate 'q'"):
        wrappers.update_dropout(LSTM, 0.5, "q")
    with pytest.raises(ValueError, match="no candidate n or z; name a gate"):
        wrappers.update_dropout(cells.make("rnn"), 0.5)
    given = GRU._replace(step=lambda params, state, x, noise=(): (state, state.h, {"n": state.h}))
    with pytest.raises(ValueError, match="gate 'n' is not computed by the step"):
        run(wrappers.update_dropout(given, 0.5), drawn(GRU), complete())


def test_learned_state_is_where_sequences_start_and_restart(x64):
    cell = wrappers.learned_state(LSTM)
    params, xs = drawn(cell), complete()
    start = {leaf: np.tile(params["start"][leaf], (B, 1)) for leaf in "ch"}
    resets = np.zeros((B, T), bool)
    resets[1, 4] = True
    c, h, hs = start["c"], start["h"], []
    for t in range(T):
        again = resets[:, t, None]
        c, h = np.where(again, start["c"], c), np.where(again, start["h"], h)
        c, h = lstm(params["cell"], xs[:, t], c, h)
        hs.append(h)
    slopes = []
    for engine in engines.names():
        if engines.refusal(engine, cell):
            continue
        loss = lambda params, engine=engine: jnp.sum(
            unroll(cell, params, xs, resets=resets, engine=engine).outputs ** 2
        )
        slopes.append(jax.jit(jax.grad(loss))(params))
    same(run(cell, params, xs, resets=resets).outputs, hs)
    for slope in slopes[1:]:
        close(slope, slopes[0], 1e-9, 0)
    assert all((slopes[0]["start"][leaf] != 0).all() for leaf in "ch")


def test_clip_state_holds_named_leaves_within_their_limits(x64):
    cell = wrappers.clip_state(LSTM, {"c": 0.2, "h": 0.1})
    params, xs = drawn(cell), complete()
    c, h, hs = zeros(), zeros(), []
    for t in range(T):
        c, h = lstm(params, xs[:, t], c, h)
        c, h = np.clip(c, -0.2, 0.2), np.clip(h, -0.1, 0.1)
        hs.append(h)
    same(run(cell, params, xs).outputs, hs)
    assert (np.abs(hs) == 0.1).any()


@pytest.mark.parametrize("base", ["lstm", "gru"])
def test_state_decays_with_the_time_since_the_step_before(x64, base):
    """The step sees the decayed state everywhere: gates, and what is kept."""
    cell = wrappers.elapsed_decay({"lstm": LSTM, "gru": GRU}[base])
    params, xs = drawn(cell), Inputs(complete(), inputs().elapsed)
    w, b = (np.asarray(params["decay"]["h"][name]) for name in "wb")
    c, h, hs = zeros(), zeros(), []
    for t in range(T):
        h = h * np.exp(-np.maximum(w * np.asarray(xs.elapsed)[:, t, None] + b, 0))
        if base == "lstm":
            c, h = lstm(params["cell"], xs.values[:, t], c, h)
        else:
            h = gru(params["cell"], xs.values[:, t], h, h)
        hs.append(h)
    same(run(cell, params, xs).outputs, hs)


@pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])
def test_time_gate_opens_units_in_their_rhythm(x64, key):
    cell = wrappers.time_gate(LSTM, leak=0.01)
    gate = {"tau": jnp.linspace(2.0, 9.0, H), "shift": jnp.linspace(0.0, 1.0, H)}
    gate["r"] = jnp.linspace(0.3, 0.9, H)
    params, xs = drawn(cell) | {"time_gate": gate}, Inputs(complete(), inputs().elapsed)
    time = np.cumsum(xs.elapsed, axis=1)
    c, h, hs, ks = zeros(), zeros(), [], []
    for t in range(T):
        k = np.zeros((B, H))
        for b in range(B):
            for unit in range(H):
                tau, shift, r = (float(gate[name][unit]) for name in ("tau", "shift", "r"))
                phi = ((time[b, t] - shift) % tau) / tau
                if phi < r / 2:
                    k[b, unit] = 2 * phi / r
                elif phi < r:
                    k[b, unit] = 2 - 2 * phi / r
                else:
                    k[b, unit] = 0 if key is None else 0.01 * phi
        c_new, h_new = lstm(params["cell"], xs.values[:, t], c, h)
        c, h = k * c_new + (1 - k) * c, k * h_new + (1 - k) * h
        hs.append(h)
        ks.append(k)
    assert (np.array(ks) == 0).any() == (key is None)
    result = run(cell, params, xs, key)
    same(result.outputs, hs)
    same(result.trace.gates["k"], ks)
    np.testing.assert_allclose(result.state.time, time[:, -1])


def test_mask_as_feature_tells_a_zero_from_a_gap(x64):
    cell = wrappers.mask_as_feature(GRU)
    params, xs = drawn(cell), inputs()
    h, hs = zeros(), []
    for t in range(T):
        m = np.asarray(xs.observed[:, t])
        h = gru(params, np.concatenate([np.where(m, xs.values[:, t], 0), m], axis=1), h, h)
        hs.append(h)
    same(run(cell, params, xs).outputs, hs)


def test_impute_reads_its_own_prediction_in_a_gap(x64):
    cell = wrappers.impute(GRU)
    params, xs = drawn(cell), inputs()
    W, b = (np.asarray(params["predict"][name]) for name in "Wb")
    h, hs, xhs = zeros(), [], []
    for t in range(T):
        prediction = h @ W + b
        x = np.where(xs.observed[:, t], xs.values[:, t], prediction)
        h = gru(params["cell"], x, h, h)
        hs.append(h)
        xhs.append(prediction)
    result = run(cell, params, xs)
    same(result.outputs, hs)
    same(result.trace.gates["prediction"], xhs)


@pytest.mark.parametrize("see_mask", [False, True])
def test_decay_to_mean_draws_the_last_value_to_the_mean(x64, see_mask):
    cell = wrappers.decay_to_mean(GRU, see_mask=see_mask)
    params, xs = drawn(cell), inputs()
    w, b, mean = (np.asarray(params["input"][name]) for name in ("w", "b", "mean"))
    last, since = np.tile(mean, (B, 1)), np.zeros((B, X))
    h, hs = zeros(), []
    for t in range(T):
        m = np.asarray(xs.observed[:, t])
        since = since + np.asarray(xs.elapsed)[:, t, None]
        gamma = np.exp(-np.maximum(w * since + b, 0))
        x = np.where(m, xs.values[:, t], gamma * last + (1 - gamma) * mean)
        last, since = np.where(m, xs.values[:, t], last), np.where(m, 0, since)
        h = gru(params["cell"], np.concatenate([x, m], axis=1) if see_mask else x, h, h)
        hs.append(h)
    same(run(cell, params, xs).outputs, hs)


@pytest.mark.parametrize("name", ["mask_as_feature", "impute", "decay_to_mean"])
def test_a_gap_that_is_not_a_number_reaches_no_gradient(name):
    cell = getattr(wrappers, name)(LSTM)
    params = drawn(cell)
    xs = jax.tree.map(lambda a: a.astype(jnp.float32), inputs())
    assert np.isnan(xs.values).any()
    loss = lambda params: jnp.sum(unroll(cell, params, xs).outputs)
    slopes = jax.jit(jax.grad(loss))(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_nested_wrappers_all_read_time_and_gaps(x64):
    """What one reads, one further in still sees: with no gap, elapsed time matters to it alone."""
    cell = wrappers.decay_to_mean(wrappers.elapsed_decay(GRU), see_mask=False)
    params, xs = drawn(cell), Inputs(complete(), inputs().elapsed)
    inner = run(wrappers.elapsed_decay(GRU), params["cell"], xs)
    np.testing.assert_allclose(run(cell, params, xs).outputs, inner.outputs, rtol=1e-12)
    plain = run(GRU, params["cell"]["cell"], xs.values)
    assert (inner.outputs != plain.outputs).any()


AROUND = {
    "zoneout": lambda cell: wrappers.zoneout(cell, {"h": 0.3}),
    "variational_dropout": lambda cell: wrappers.variational_dropout(cell, inputs=0.3, states=0.2),
    "update_dropout": lambda cell: wrappers.update_dropout(cell, 0.3),
    "weight_drop": lambda cell: wrappers.weight_drop(cell, 0.3),
    "learned_state": lambda cell: wrappers.learned_state(cell, ("h",)),
    "clip_state": lambda cell: wrappers.clip_state(cell, {"h": 0.3}),
    "elapsed_decay": lambda cell: wrappers.elapsed_decay(cell),
    "time_gate": lambda cell: wrappers.time_gate(cell, ("h",), open_ratio=0.5),
    "mask_as_feature": lambda cell: wrappers.mask_as_feature(cell),
    "impute": lambda cell: wrappers.impute(cell),
    "decay_to_mean": lambda cell: wrappers.decay_to_mean(cell),
    "three": lambda cell: wrappers.zoneout(
        wrappers.time_gate(wrappers.decay_to_mean(wrappers.impute(cell)), ("h",)), {"h": 0.1}
    ),
}
"""How each is put around a cell with an h."""
QUICK = {("update_dropout", "slstm"), ("impute", "gru")}
BASES = ("lstm", "gru", "slstm")


def pairs():
    """One cell for each wrapper, in turn; a few are asked in the quick tests."""
    found = []
    for number, name in enumerate(AROUND):
        base = next((b for n, b in QUICK if n == name), BASES[number % len(BASES)])
        marks = () if (name, base) in QUICK else pytest.mark.slow
        found.append(pytest.param(name, base, id=f"{name}-{base}", marks=marks))
    return found


def test_every_wrapper_is_asked():
    assert set(wrappers.names()) == set(AROUND) - {"three"}


@pytest.mark.parametrize(("name", "base"), pairs())
def test_wrapped_cell_answers_every_question(strict, name, base):
    cell = AROUND[name](cells.make(base, hidden_size=H))
    xs = inputs()
    xs = Inputs(complete(), xs.elapsed, xs.observed)
    reads = name in ("mask_as_feature", "impute", "decay_to_mean", "three")
    times = name in ("elapsed_decay", "time_gate", "decay_to_mean", "three")
    xs = Inputs(xs.values, xs.elapsed if times else None, xs.observed if reads else None)
    xs = jax.tree.map(lambda a: a.astype(jnp.float32), xs)
    if name == "learned_state":  # the questions start in mid-sequence; asked above
        init = cell.init
        cell = cell._replace(init=lambda key, X: init(key, X) | {"start": {}})
    check_cell(cell, xs=xs if reads or times else xs.values)


@pytest.mark.slow
@pytest.mark.parametrize("name", AROUND)
def test_every_wrapper_goes_around_every_cell_with_an_output_h(strict, name):
    """By shapes and types alone, in training and with gradients."""
    asked = 0
    for base in cells.names():
        bare = cells.make(base, hidden_size=6)
        if base == "conv_lstm":  # on a grid; asked below
            continue
        params, state = jax.eval_shape(functools.partial(_start, bare), KEY)
        if getattr(state, "h", jnp.zeros(0)).shape != (B, bare.out_features):
            continue
        if name == "update_dropout" and not {"n", "z"} & set(bare.gates):
            continue
        if name == "weight_drop" and "R" not in params:
            continue
        cell = AROUND[name](bare)

        def loss(params, cell=cell):
            return unroll(cell, params, jnp.ones((B, T, X)), key=KEY).outputs.sum()

        def slope(key, cell=cell, loss=loss):
            return jax.grad(loss)(cell.init(key, X))

        shapes = jax.eval_shape(slope, KEY)
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(shapes))
        asked += 1
    assert asked > 5


def _start(cell, key):
    params = cell.init(key, X)
    return params, cell.initial_state(params, (B,))


def test_wrappers_go_around_a_cell_on_a_grid():
    conv = cells.make("conv_lstm", hidden_size=H, kernel_size=(3,))
    cell = wrappers.zoneout(wrappers.variational_dropout(conv, inputs=0.3, states=0.2), {"h": 0.1})
    cell = wrappers.elapsed_decay(wrappers.learned_state(cell, spatial=(4,)), spatial=(4,))
    params = cell.init(KEY, X)
    xs = Inputs(jnp.ones((B, T, 4, X)), jnp.ones((B, T)))
    assert run(cell, params, xs, KEY).outputs.shape == (B, T, 4, H)


def test_what_is_no_longer_linear_does_not_say_that_it_is():
    """Else an engine would scan the cell inside and leave out the wrapper."""
    base = cells.make("mingru", hidden_size=H)
    keeps = {"learned_state", "mask_as_feature"}
    for name, around in AROUND.items():
        if name not in ("update_dropout", "weight_drop"):
            assert (around(base).linear is not None) == (name in keeps), name
    assert wrappers.update_dropout(base, 0.3).linear is None


def test_wrapper_that_draws_nothing_leaves_a_cell_without_noise():
    """Else `nnx.RNN`, which hands out no noise, would be refused for nothing."""
    draw = {"zoneout", "variational_dropout", "update_dropout", "weight_drop", "time_gate", "three"}
    for name, around in AROUND.items():
        assert (around(LSTM).prepare is no_noise) == (name not in draw), name
    cell = wrappers.learned_state(wrappers.weight_drop(LSTM, 0.5))
    dropped = cell.prepare(drawn(cell), KEY, (B,), T)[0]
    assert (dropped["cell"]["R"] == 0).any()


def test_equal_options_make_the_same_wrapped_cell():
    for around in AROUND.values():
        assert around(LSTM) is around(cells.make("lstm", hidden_size=H))
    assert wrappers.zoneout(LSTM, {"h": 0.1}) is not wrappers.zoneout(LSTM, {"h": 0.2})
    assert wrappers.elapsed_decay(LSTM, ["h"]) is wrappers.elapsed_decay(LSTM)
    assert wrappers.zoneout(LSTM, {"c": 1e-1, "h": 0.2}) is wrappers.zoneout(
        LSTM, {"h": 0.2, "c": 0.1}
    )


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: wrappers.zoneout(LSTM, {"c": 1.0}), r"c=1.0; expected a rate in \[0, 1\)"),
        (lambda: wrappers.zoneout(LSTM, {}), "expected a number for each leaf"),
        (lambda: wrappers.zoneout(LSTM, 0.1), "expected a number for each leaf"),
        (lambda: wrappers.variational_dropout(LSTM, inputs=-0.1), "inputs=-0.1; expected a rate"),
        (lambda: wrappers.weight_drop(LSTM, 2.0), "rate=2.0; expected a rate"),
        (lambda: wrappers.weight_drop(LSTM, 0.5, "R"), "names='R'; expected names in a tuple"),
        (lambda: wrappers.elapsed_decay(LSTM, ()), r"names=\(\); expected names in a tuple"),
        (lambda: wrappers.clip_state(LSTM, {"c": 0}), "limit of 'c' is 0.0; expected a positive"),
        (lambda: wrappers.time_gate(LSTM, period=(3.0, 1.0)), r"period=\(3.0, 1.0\)"),
        (lambda: wrappers.time_gate(LSTM, open_ratio=0.0), "open_ratio=0.0"),
        (lambda: wrappers.time_gate(LSTM, leak=-1.0), "leak=-1.0"),
    ],
)
def test_wrong_option_is_refused_in_one_line(make, line):
    with pytest.raises(ValueError, match=line) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (wrappers.zoneout(LSTM, {"x": 0.1}), "unknown leaf of the state 'x'; known: c, h"),
        (wrappers.clip_state(GRU, {"c": 0.1}), "unknown leaf of the state 'c'; known: h"),
        (wrappers.elapsed_decay(GRU, ("c",)), "unknown leaf of the state 'c'"),
        (wrappers.learned_state(GRU, ("c",)), "unknown leaf of the state 'c'"),
        (wrappers.weight_drop(GRU, 0.1, ("Q",)), "unknown parameter 'Q'"),
        (wrappers.time_gate(cells.make("mlstm", hidden_size=H), ("o",)), "unknown leaf"),
        (wrappers.time_gate(WIDE), r"leaf 'c' of the state is \(10,\), the output \(5,\)"),
        (
            wrappers.zoneout(cells.make("slstm", hidden_size=H), {"c": 0.1}),
            "'c' of the state is scaled by its stabiliser",
        ),
    ],
)
def test_leaf_that_cannot_be_touched_is_refused_in_one_line(cell, line):
    with pytest.raises(ValueError, match=line) as error:
        unroll(cell, cell.init(KEY, X), jnp.ones((B, T, X)), key=KEY)
    assert "\n" not in str(error.value)


LIMIT = 0.01
OUTPUTS = {
    "the leaf itself": GRU.step,
    "h + 0": lambda *a: (lambda new, y, gates: (new, y + 0, gates))(*GRU.step(*a)),
    "jitted": jax.jit(GRU.step),
}
"""Ways to return an output that is a leaf of the state; of two, it is no longer the same object."""


@pytest.mark.parametrize("way", OUTPUTS)
def test_the_output_follows_its_leaf_however_it_is_returned(way):
    bare = GRU._replace(step=OUTPUTS[way])
    params, x = drawn(GRU), complete()
    for cell, expected in [
        (wrappers.clip_state(bare, {"h": LIMIT}), wrappers.clip_state(GRU, {"h": LIMIT})),
        (wrappers.zoneout(bare, {"h": 0.5}), wrappers.zoneout(GRU, {"h": 0.5})),
    ]:
        result = run(cell, params, x)
        close(result.outputs, result.trace.states.h, 0, 0)
        close(result, run(expected, params, x))
    assert (
        float(jnp.abs(run(wrappers.clip_state(bare, {"h": LIMIT}), params, x).outputs).max())
        <= LIMIT
    )


@pytest.mark.parametrize("leaf", ["h", "y"])
@pytest.mark.parametrize("way", OUTPUTS)
def test_what_a_wrapper_keeps_of_the_output_follows_too(leaf, way):
    cell = wrappers.clip_state(wrappers.impute(GRU._replace(step=OUTPUTS[way])), {leaf: LIMIT})
    result = run(cell, drawn(cell), complete())
    close(result.trace.states.y, result.outputs, 0, 0)
    close(result.trace.states.cell.h, result.outputs, 0, 0)
    assert float(jnp.abs(result.outputs).max()) <= LIMIT


def test_a_leaf_that_is_the_output_and_is_not_named_is_refused():
    cell = wrappers.clip_state(GRU._replace(output=None), {"h": LIMIT})
    with pytest.raises(ValueError, match=r"expected Cell\(..., output='h'\)"):
        run(cell, drawn(GRU), complete())


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("observed", np.ones((B, T), bool), r"Inputs.observed is \(2, 7\).*expected \(2, 7, 3\)"),
        ("elapsed", np.ones((B, T, 1)), r"Inputs.elapsed is \(2, 7, 1\).*expected \(2, 7\)"),
    ],
)
def test_times_and_masks_of_another_shape_are_refused(field, value, message):
    cell = wrappers.mask_as_feature(LSTM)
    xs = Inputs(np.ones((B, T, X), np.float32))._replace(**{field: value})
    with pytest.raises(ValueError, match=message):
        unroll(cell, {}, xs)
