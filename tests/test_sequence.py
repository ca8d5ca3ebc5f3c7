"""Cells over time: what `lstmx.sequence` says must equal a Python loop over examples and steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X, by_hand, close, echo, leaky, weighed
from jax.sharding import PartitionSpec

from lstmx import cells, engines, sequence
from lstmx.sequence import Stack, unroll
from lstmx.types import BATCH_AXIS, Trace

CELL = leaky()
PARAMS = CELL.init(jax.random.key(0), X)
XS = jax.random.normal(jax.random.key(1), (B, T, X))
STATE = jax.tree.map(lambda a: a + 0.5, CELL.initial_state(PARAMS, (B,)))
RESETS = jnp.array([[1, 0, 0, 1, 1, 0, 0], [0, 0, 1, 0, 0, 0, 1]], bool)
MASKS = {
    "left padding": [[0, 0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1, 1]],
    "right padding": [[1, 1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0, 0]],
    "holes": [[1, 0, 1, 1, 0, 0, 1], [0, 1, 1, 0, 1, 1, 0]],
    "an empty example": [[0] * T, [1, 1, 0, 1, 1, 1, 1]],
}
MASK = jnp.array(MASKS["holes"], bool)


def outcome(result):
    return result.outputs, result.state, result.trace.states, result.trace.gates


def outcome_and_gradients(run, *arguments):
    def loss(arguments):
        tree = run(*arguments)
        return weighed(tree), tree

    slope, tree = jax.grad(loss, has_aux=True)(arguments)
    return tree, slope


def assert_equals_loop(xs=XS, state=STATE, **options):
    def unrolled(params, xs, state):
        return outcome(unroll(CELL, params, xs, state, return_trace=True, **options))

    def looped(params, xs, state):
        return by_hand(CELL, params, xs, state, **options)

    graded = jax.jit(functools.partial(outcome_and_gradients, unrolled))
    got, slope = graded(PARAMS, xs, state)
    expected, expected_slope = outcome_and_gradients(looped, PARAMS, xs, state)
    close(got, expected)
    close(slope, expected_slope, 1e-4, 1e-5)


def test_unroll_and_trace_equal_a_loop_over_step():
    assert_equals_loop()


@pytest.mark.parametrize("reverse", [False, True])
def test_masked_steps_are_steps_that_never_were(reverse):
    mask = jnp.array([row for rows in MASKS.values() for row in rows], bool)
    xs = jax.random.normal(jax.random.key(8), (*mask.shape, X))
    state = jax.tree.map(lambda a: jnp.tile(a, (len(MASKS), 1)), STATE)
    assert_equals_loop(xs, state, mask=mask, reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True])
def test_resets_separate_sequences(reverse):
    assert_equals_loop(resets=RESETS, mask=MASK, reverse=reverse)


def test_reset_equals_two_unrolls():
    whole = unroll(CELL, PARAMS, XS, STATE, resets=jnp.zeros((B, T), bool).at[:, 3].set(True))
    first, second = unroll(CELL, PARAMS, XS[:, :3], STATE), unroll(CELL, PARAMS, XS[:, 3:])
    close(whole.outputs, jnp.concatenate([first.outputs, second.outputs], 1))
    close(whole.state, second.state)


def test_reset_stops_gradients():
    def after_reset(xs):
        return unroll(CELL, PARAMS, xs, resets=RESETS).outputs[0, 4:].sum()

    slope = jax.grad(after_reset)(XS)
    assert not slope[0, :4].any()
    assert slope[0, 4:].any(-1).all()


def test_state_carries_from_one_unroll_to_the_next():
    whole = unroll(CELL, PARAMS, XS)
    first = unroll(CELL, PARAMS, XS[:, :2])
    second = unroll(CELL, PARAMS, XS[:, 2:], first.state)
    close(whole.outputs[:, 2:], second.outputs)
    close(whole.state, second.state)


def test_missing_state_is_the_initial_state():
    close(unroll(CELL, PARAMS, XS), unroll(CELL, PARAMS, XS, CELL.initial_state(PARAMS, (B,))))


@pytest.mark.parametrize("reverse", [False, True])
def test_time_major_equals_batch_major(reverse):
    swap = lambda tree: jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), tree)
    cell = leaky(noise=0.3)
    options = {"lengths": jnp.array([6, 3]), "key": jax.random.key(5), "reverse": reverse}
    batch = unroll(cell, PARAMS, XS, resets=RESETS, mask=MASK, return_trace=True, **options)
    time = unroll(
        cell,
        PARAMS,
        swap(XS),
        resets=swap(RESETS),
        mask=swap(MASK),
        return_trace=True,
        time_major=True,
        **options,
    )
    close(time._replace(outputs=swap(time.outputs), trace=swap(time.trace)), batch)


@pytest.mark.parametrize("lengths", [[7, 3], [0, 7], [0, 0]])
def test_lengths_are_right_padding(lengths):
    mask = jnp.arange(T) < jnp.array(lengths)[:, None]
    close(unroll(CELL, PARAMS, XS, lengths=jnp.array(lengths)), unroll(CELL, PARAMS, XS, mask=mask))
    both = unroll(CELL, PARAMS, XS, lengths=jnp.array(lengths), mask=MASK)
    close(both, unroll(CELL, PARAMS, XS, mask=mask & MASK))


def test_length_zero_returns_the_state_given():
    result = unroll(CELL, PARAMS, XS, STATE, lengths=jnp.array([0, 0]))
    assert not result.outputs.any()
    close(result.state, STATE)


@pytest.mark.parametrize("reverse", [False, True])
def test_nan_in_padding_is_harmless(reverse):
    def run(params, xs):
        result = unroll(
            CELL, params, xs, mask=MASK, resets=RESETS, reverse=reverse, return_trace=True
        )
        return outcome(result)

    spoiled = jnp.where(MASK[..., None], XS, jnp.nan)
    got = outcome_and_gradients(run, PARAMS, spoiled)
    close(got, outcome_and_gradients(run, PARAMS, XS))
    assert all(jnp.isfinite(a).all() for a in jax.tree.leaves(got))


def test_reverse_is_forward_on_flipped_inputs():
    forward = unroll(CELL, PARAMS, jnp.flip(XS, 1), STATE, return_trace=True)
    backward = unroll(CELL, PARAMS, XS, STATE, reverse=True, return_trace=True)
    close(backward.state, forward.state)
    flipped = jax.tree.map(lambda a: jnp.flip(a, 1), (forward.outputs, forward.trace))
    close((backward.outputs, backward.trace), flipped)


def test_reverse_with_lengths_starts_at_the_last_step_of_each_example():
    backward = unroll(CELL, PARAMS, XS, lengths=jnp.array([7, 4]), reverse=True)
    alone = unroll(CELL, PARAMS, jnp.flip(XS[1:, :4], 1))
    close(backward.outputs[1:, :4], jnp.flip(alone.outputs, 1))
    assert not backward.outputs[1, 4:].any()
    close(backward.state.c[1:], alone.state.c)


@pytest.mark.parametrize("every", [3, 10])
def test_remat_equals_plain(every):
    def run(every, params, xs, state):
        result = unroll(
            CELL, params, xs, state, mask=MASK, resets=RESETS, return_trace=True, remat_every=every
        )
        return outcome(result)

    arguments = (PARAMS, XS, STATE)
    got = outcome_and_gradients(functools.partial(run, every), *arguments)
    close(got, outcome_and_gradients(functools.partial(run, None), *arguments))


def test_remat_computes_again_in_the_backward_pass():
    def program(every):
        run = functools.partial(unroll, engine="scan", remat_every=every)
        return str(jax.make_jaxpr(lambda params: run(CELL, params, XS).outputs.sum())(PARAMS))

    name = jax.make_jaxpr(jax.checkpoint(jnp.sin))(1.0).eqns[0].primitive.name
    assert f"{name}[" in program(3)
    assert f"{name}[" not in program(None)


@pytest.mark.parametrize("reverse", [False, True])
def test_noise_is_prepared_once_and_stays_with_its_step(reverse):
    cell = leaky(noise=0.3)
    key = jax.random.key(3)
    _, noise = cell.prepare(PARAMS, key, (B,), T)
    got = unroll(cell, PARAMS, XS, key=key, mask=MASK, reverse=reverse, return_trace=True)
    close(outcome(got), by_hand(cell, PARAMS, XS, mask=MASK, noise=noise, reverse=reverse))


def test_without_key_there_is_no_noise():
    close(unroll(leaky(noise=0.3), PARAMS, XS), unroll(CELL, PARAMS, XS))


def test_inputs_may_be_a_tree():
    scaled = lambda p, s, x, pace, noise: CELL.step(p, s, x * pace[..., None], noise)
    paced = CELL._replace(step=lambda p, s, x, noise: scaled(p, s, x["x"], x["pace"], noise))
    pace = jnp.linspace(0.5, 2, B * T).reshape(B, T)
    got = unroll(paced, PARAMS, {"pace": pace, "x": XS}, mask=MASK).outputs
    folded = CELL._replace(step=lambda p, s, x, noise: scaled(p, s, x[..., :X], x[..., X], noise))
    joined = jnp.concatenate([XS, pace[..., None]], -1)
    close(got, unroll(folded, PARAMS, joined, mask=MASK).outputs)


def test_bidirectional_is_two_unrolls():
    options = {"resets": RESETS, "mask": MASK}
    cells = (CELL, leaky(4))
    params = sequence.init_stack([cells], jax.random.key(2), X)["layer_0"]
    got = sequence.bidirectional(cells, params, XS, return_trace=True, **options)
    left = unroll(cells[0], params["forward"], XS, return_trace=True, **options)
    right = unroll(cells[1], params["backward"], XS, reverse=True, return_trace=True, **options)
    close(got.outputs, jnp.concatenate([left.outputs, right.outputs], -1))
    close(got.state, {"forward": left.state, "backward": right.state})
    close(got.trace, {"forward": left.trace, "backward": right.trace})
    with_state = sequence.bidirectional(cells, params, XS, got.state)
    close(with_state.outputs[..., :H], unroll(cells[0], params["forward"], XS, left.state).outputs)


def test_stack_feeds_outputs_to_the_next_layer():
    layers = [CELL, (leaky(4), leaky(3)), leaky(2)]
    params = sequence.init_stack(layers, jax.random.key(2), X)
    got = sequence.stack(layers, params, XS, mask=MASK, return_trace=True)
    first = unroll(CELL, params["layer_0"], XS, mask=MASK, return_trace=True)
    second = sequence.bidirectional(layers[1], params["layer_1"], first.outputs, mask=MASK)
    third = unroll(layers[2], params["layer_2"], second.outputs, mask=MASK)
    close(got.outputs, third.outputs)
    close(got.state, {"layer_0": first.state, "layer_1": second.state, "layer_2": third.state})
    close(got.trace["layer_0"], first.trace)
    assert isinstance(got.trace["layer_1"]["backward"], Trace)
    close(sequence.initial_states(layers, params, (B,))["layer_2"].c, jnp.full((B, 2), 0.25))


def test_stack_carries_its_state():
    layers = [CELL, leaky(4)]
    params = sequence.init_stack(layers, jax.random.key(2), X)
    whole = sequence.stack(layers, params, XS)
    first = sequence.stack(layers, params, XS[:, :3])
    second = sequence.stack(layers, params, XS[:, 3:], first.state)
    close(whole.outputs[:, 3:], second.outputs)


def test_residual_adds_the_input_of_upper_layers():
    layers = [CELL, echo(H), echo(H)]
    params = sequence.init_stack(layers, jax.random.key(2), X)
    got = sequence.stack(layers, params, XS, stack=Stack("residual"), mask=MASK)
    first = unroll(CELL, params["layer_0"], XS, mask=MASK)
    close(got.outputs, 4 * first.outputs)


def test_highway_lets_a_layer_choose_between_its_input_and_its_output():
    layers = [CELL, leaky(H)]
    params = sequence.init_stack(layers, jax.random.key(2), X, "highway")
    plain = sequence.init_stack(layers, jax.random.key(2), X)
    close({name: params[name] for name in plain}, plain)
    got = sequence.stack(layers, params, XS, stack=Stack("highway"), mask=MASK).outputs
    below = unroll(CELL, params["layer_0"], XS, mask=MASK).outputs
    above = unroll(layers[1], params["layer_1"], below, mask=MASK).outputs
    link = params["link_1"]
    t = 1 / (1 + jnp.exp(-(below @ link["W"] + link["b"])))
    close(got, t * above + (1 - t) * below)
    assert set(params) == {"layer_0", "layer_1", "link_1"}
    # Its weights are none of those that the layer has drawn with a part of the same key.
    halves = lambda key, _: dict(enumerate(map(lecun, jax.random.split(key))))
    lecun = lambda key: jax.nn.initializers.lecun_normal()(key, (H, H), float)
    params = sequence.init_stack(
        [CELL, CELL._replace(init=halves)], jax.random.key(2), X, "highway"
    )
    for own in params["layer_1"].values():
        assert not np.isclose(own, params["link_1"]["W"]).any()


def test_graves_shows_every_layer_the_inputs_and_the_readout_every_layer():
    layers = [CELL, (CELL, CELL), leaky(4)]
    params = sequence.init_stack(layers, jax.random.key(2), X, "graves")
    got = sequence.stack(layers, params, XS, stack=Stack("graves"), mask=MASK).outputs
    first = unroll(CELL, params["layer_0"], XS, mask=MASK).outputs
    both = jnp.concatenate([first, XS], axis=-1)
    second = sequence.bidirectional(layers[1], params["layer_1"], both, mask=MASK).outputs
    both = jnp.concatenate([second, XS], axis=-1)
    third = unroll(layers[2], params["layer_2"], both, mask=MASK).outputs
    close(got, jnp.concatenate([first, second, third], axis=-1))
    assert got.shape[-1] == sequence.stack_features(layers, "graves")


def test_layers_of_a_stack_start_differently():
    params = sequence.init_stack([CELL, CELL, (CELL, CELL)], jax.random.key(2), H)
    weights = [params["layer_0"]["W"], params["layer_1"]["W"]]
    weights += [params["layer_2"][side]["W"] for side in ("forward", "backward")]
    assert len({float(w.sum()) for w in weights}) == 4


@pytest.mark.parametrize("time_major", [False, True])
def test_dropout_between_layers(time_major):
    xs = 1 + jnp.arange(2.0 * 50 * 40).reshape(2, 50, 40)
    run = functools.partial(
        sequence.stack,
        [echo(40), echo(40)],
        {"layer_0": {}, "layer_1": {}},
        xs,
        stack=Stack(dropout=0.25),
        time_major=time_major,
    )
    dropped = np.array(run(key=jax.random.key(4)).outputs)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], (xs / 0.75)[kept], rtol=1e-6)
    # 4000 draws: the standard deviation of the share is 0.007.
    assert abs(kept.mean() - 0.75) < 0.03
    assert not (kept[0] == kept[1]).all()
    assert not (kept[:, 0] == kept[:, 1]).all()
    close(run(key=None).outputs, xs)


def test_dropout_leaves_the_first_inputs_alone():
    run = sequence.stack(
        [echo(X)], {"layer_0": {}}, XS, stack=Stack(dropout=0.5), key=jax.random.key(4)
    )
    close(run.outputs, XS)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"mask": MASK[:, :5]}, r"mask is \(2, 5\).*expected \(2, 7\)"),
        ({"resets": RESETS.T}, r"resets is \(7, 2\).*expected \(2, 7\)"),
        ({"mask": MASK, "time_major": True, "lengths": jnp.ones(B)}, r"lengths.*expected \(7,\)"),
        ({"lengths": jnp.ones(T, int)}, r"lengths is \(7,\).*expected \(2,\)"),
        ({"lengths": jnp.array([60, 7])}, r"lengths go from 7 to 60; expected 0 to T=7"),
        ({"lengths": jnp.array([-1, 7])}, r"lengths go from -1 to 7; expected 0 to T=7"),
        ({"remat_every": 0}, "remat_every=0; expected at least 1"),
        ({"engine": "scam"}, "unknown engine 'scam'; did you mean 'scan'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(options, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        unroll(CELL, PARAMS, XS, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("xs", [XS[0], {"x": XS, "pace": jnp.ones((T, B))}, {}])
def test_inputs_that_are_no_sequence_are_refused(xs):
    with pytest.raises(ValueError, match="input") as error:
        unroll(CELL, PARAMS, xs)
    assert "\n" not in str(error.value)


def test_bad_stacks_are_refused():
    layers = [CELL, leaky(4)]
    params = sequence.init_stack(layers, jax.random.key(2), X)
    for kind in ("residual", "highway"):
        line = rf"skip_connections='{kind}' needs layers of one width; got widths \[5, 4\]"
        with pytest.raises(ValueError, match=line):
            sequence.stack(layers, params, XS, stack=Stack(kind))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"skip_connections": "highways"}, "'highways'; did you mean 'highway'"),
        ({"dropout": 1}, "dropout=1; expected a rate"),
        ({"dropout": float("nan")}, "dropout=nan"),
        ({"remat_every": 0}, "remat_every=0; expected at least 1"),
        ({"remat_every": True}, "remat_every=True; expected a whole number"),
        ({"engine": "scam"}, "unknown engine 'scam'; did you mean 'scan'"),
        ({"precision": "half"}, "unknown precision 'half'"),
    ],
)
def test_a_stack_checks_itself_when_it_is_built(options, line):
    with pytest.raises(ValueError, match=line) as error:
        Stack(**options)
    assert "\n" not in str(error.value)


def test_engines_are_found_by_file():
    assert "scan" in engines.names()
    assert not any(name.startswith("_") for name in engines.names())


@pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices; see conftest")
@pytest.mark.slow
@pytest.mark.parametrize("time_major", [False, True])
def test_shards_draw_the_noise_of_the_whole_batch(time_major):
    cell = leaky(noise=0.3)
    layers = [cell, echo(H)]
    params = sequence.init_stack(layers, jax.random.key(2), X)
    xs = jax.random.normal(jax.random.key(6), (T, 4, X) if time_major else (4, T, X))

    def run(params, xs, key):
        result = sequence.stack(
            layers, params, xs, stack=sequence.Stack(dropout=0.5), key=key, time_major=time_major
        )
        return result.outputs

    rows = PartitionSpec(None, BATCH_AXIS) if time_major else PartitionSpec(BATCH_AXIS)
    axes, types = (BATCH_AXIS,), (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((2,), axes, types, devices=jax.devices()[:2])
    sharded = jax.shard_map(
        run,
        mesh=mesh,
        in_specs=(PartitionSpec(), rows, PartitionSpec()),
        out_specs=rows,
        check_vma=False,
    )
    key = jax.random.key(7)
    close(jax.jit(sharded)(params, xs, key), run(params, xs, key))


@pytest.mark.filterwarnings("error")
def test_numpy_parameters_in_float64_do_not_warn():
    cell = cells.make("lstm", hidden_size=H)
    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), X))
    params = jax.tree.map(lambda a: np.full(a.shape, 0.1), shapes)
    assert params["W"].dtype == np.float64
    run = lambda params, xs: unroll(cell, params, xs)
    for result in (run(params, XS), jax.eval_shape(run, params, XS)):
        assert result.outputs.dtype == np.float32
    state = sequence.initial_states([cell], {"layer_0": params}, (B,))
    assert state["layer_0"].c.dtype == np.float32
