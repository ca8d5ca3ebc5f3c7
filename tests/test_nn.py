"""Flax on top of cells and models: modules for NNX, and modules as models."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from helpers import B, H, T, X, close, leaky

from lstmx import cells, models, nn, sequence, wrappers
from lstmx.sequence import Stack, unroll

Y = 4
CELL = leaky()
XS = jax.random.normal(jax.random.key(1), (B, T, X))
MASK = jnp.array([[1, 0, 1, 1, 0, 0, 1], [0, 1, 1, 0, 1, 1, 0]], bool)
RESETS = jnp.zeros((B, T), bool).at[0, 3].set(True)


def make(name):
    return CELL if name == "leaky" else cells.make(name, hidden_size=H)


def module(cell, seed=0):
    return nn.CellModule(cell, X, rngs=nnx.Rngs(seed))


def params_of(recurrent):
    return nnx.to_pure_dict(nnx.state(recurrent, nnx.Param))


# CellModule


@pytest.mark.parametrize("name", ["leaky", "lstm", "gru", "rnn"])
def test_cell_in_nnx_rnn_equals_unroll(name):
    cell = make(name)
    rnn = nnx.RNN(module(cell), return_carry=True, rngs=False)
    params = params_of(rnn)["cell"]["params"]
    weight = jnp.cos(jnp.arange(B * T * H)).reshape(B, T, H)

    def inside(rnn):
        state, outputs = rnn(XS)
        return jnp.vdot(outputs, weight), (state, outputs)

    def outside(params):
        result = unroll(cell, params, XS)
        return jnp.vdot(result.outputs, weight), (result.state, result.outputs)

    slope, got = nnx.grad(inside, has_aux=True)(rnn)
    expected_slope, expected = jax.grad(outside, has_aux=True)(params)
    close(got, expected)
    close(nnx.to_pure_dict(slope)["cell"]["params"], expected_slope, 1e-4, 1e-5)


def test_cell_in_nnx_rnn_with_lengths_and_initial_state():
    lengths = jnp.array([7, 3])
    rnn = nnx.RNN(module(CELL), return_carry=True, rngs=False)
    params = params_of(rnn)["cell"]["params"]
    start = jax.tree.map(lambda a: a + 1, CELL.initial_state(params, (B,)))
    state, outputs = rnn(XS, initial_carry=start, seq_lengths=lengths)
    expected = unroll(CELL, params, XS, start, lengths=lengths)
    close(state, expected.state)
    # Flax leaves what it computed in the padding; an unroll has zeros there.
    within = jnp.arange(T)[:, None] < lengths[:, None, None]
    close(jnp.where(within, outputs, 0), expected.outputs)


def test_cells_in_nnx_bidirectional_equal_bidirectional():
    lengths = jnp.array([7, 3])
    sides = [nnx.RNN(module(CELL, seed), rngs=False) for seed in range(2)]
    both = nnx.Bidirectional(*sides, return_carry=True, rngs=False)
    params = params_of(both)
    (left, right), outputs = both(XS, seq_lengths=lengths)
    expected = sequence.bidirectional(
        (CELL, CELL),
        {side: params[f"{side}_rnn"]["cell"]["params"] for side in ("forward", "backward")},
        XS,
        lengths=lengths,
    )
    close({"forward": left, "backward": right}, expected.state)
    within = jnp.arange(T)[:, None] < lengths[:, None, None]
    close(jnp.where(within, outputs, 0), expected.outputs)


def test_stochastic_cell_is_refused_in_training_and_evaluates_without_noise():
    rnn = nnx.RNN(module(leaky(noise=0.3)), rngs=False)
    with pytest.raises(ValueError, match="once per sequence") as error:
        rnn(XS)
    assert "\n" not in str(error.value)
    rnn.eval()
    close(rnn(XS), unroll(CELL, params_of(rnn)["cell"]["params"], XS).outputs)


def test_maps_have_more_feature_axes():
    cell = cells.make("conv_lstm", hidden_size=2, kernel_size=(3, 3), spatial=(4, 5))
    cell = wrappers.learned_state(cell, spatial=(4, 5))
    rnn = nnx.RNN(module(cell), return_carry=True, rngs=False)
    xs = jax.random.normal(jax.random.key(2), (B, T, 4, 5, X))
    params = params_of(rnn)["cell"]["params"]
    close(rnn(xs), unroll(cell, params, xs)[1::-1])


@pytest.mark.parametrize("name", cells.names())
def test_every_cell_runs_in_nnx_rnn(name):
    cell = cells.make(name, hidden_size=6)
    xs = jnp.ones((B, T, *[4] * (cell.feature_axes - 1), X))

    def run(xs):
        return nnx.RNN(module(cell), return_carry=True, rngs=False)(xs)

    state, outputs = jax.eval_shape(run, xs)
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), X))
    expected = jax.eval_shape(lambda params: unroll(cell, params, xs), params)
    assert (state, outputs) == (expected.state, expected.outputs)


def test_a_carry_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="expected another one as initial_carry") as error:
        module(CELL).initialize_carry((B, X), carry_init=nnx.initializers.ones)
    assert "\n" not in str(error.value)


# Recurrent


def test_recurrent_equals_unroll():
    cell = leaky(noise=0.3)
    layer = nn.Recurrent(cell, X, stack=Stack(remat_every=3, engine="scan"), rngs=nnx.Rngs(0))
    params = params_of(layer)
    assert list(params) == ["layer_0"]
    for options in (
        {"reverse": True, "lengths": jnp.array([4, 7]), "return_trace": True},
        {"mask": MASK, "resets": RESETS},
        {"state": {"layer_0": CELL.initial_state(params["layer_0"], (B,))}},
    ):
        given = {**options, "state": options.get("state", {}).get("layer_0")}
        got, expected = layer(XS, **options), unroll(cell, params["layer_0"], XS, **given)
        close(got.outputs, expected.outputs)
        close(got.state["layer_0"], expected.state)
        close(got.trace and got.trace["layer_0"], expected.trace)
    time_major = layer(jnp.swapaxes(XS, 0, 1), time_major=True).outputs
    close(jnp.swapaxes(time_major, 0, 1), layer(XS).outputs)


def test_recurrent_is_a_stack():
    layers = [CELL, leaky(H, noise=0.3)]
    options = {"stack": Stack("residual", dropout=0.5)}
    recurrent = nn.Recurrent(layers, X, **options, rngs=nnx.Rngs(0))
    key = jax.random.key(3)
    got = recurrent(XS, key=key, mask=MASK)
    close(got, sequence.stack(layers, params_of(recurrent), XS, key=key, mask=MASK, **options))
    close(
        recurrent.initial_state((B,)), sequence.initial_states(layers, params_of(recurrent), (B,))
    )


@pytest.mark.parametrize(("kind", "width"), [("highway", H), ("graves", 2 * H)])
def test_skip_connections_have_their_parameters_and_widths_in_a_model(kind, width):
    layers, stack = [CELL, leaky(H)], Stack(kind)
    recurrent = nn.Recurrent(layers, X, stack=stack, rngs=nnx.Rngs(0))
    got = recurrent(XS, mask=MASK)
    close(got, sequence.stack(layers, params_of(recurrent), XS, mask=MASK, stack=stack))
    params = models.sequence_model(layers, X, Y, stack=stack).init(jax.random.key(0))
    assert params["readout"]["W"].shape == (width, Y)
    assert ("link_1" in params["layers"]) == (kind == "highway")


def test_bidirectional_turns_each_cell_into_a_pair():
    recurrent = nn.Recurrent([CELL, leaky(2)], X, bidirectional=True, rngs=nnx.Rngs(0))
    pairs = [(CELL, CELL), (leaky(2), leaky(2))]
    got = recurrent(XS)
    assert got.outputs.shape == (B, T, 4)
    close(got, sequence.stack(pairs, params_of(recurrent), XS))
    with pytest.raises(ValueError, match="runs both ways already"):
        recurrent(XS, reverse=True)


# SequenceModel, and modules as models

BACKBONE = models.Backbone((CELL, CELL), X, Y)


@pytest.mark.parametrize(
    "options",
    [{}, {"readout": models.Readout(bias=False, shortcut=True)}, {"inputs": "token"}],
    ids=["plain", "shortcut", "token"],
)
def test_a_module_is_its_model(options):
    """Same parameters at the same paths, from the same key; same outputs, and back again."""
    embed = {"embed_features": 2} if options.get("inputs") == "token" else {}
    backbone = models.Backbone((CELL, (CELL, leaky(2))), X, Y, **options, **embed)
    model = models.make("sequence", backbone)
    params = model.init(jax.random.key(7))
    module = nn.SequenceModel(backbone, rngs=nnx.Rngs(jax.random.key(7)))
    close(params_of(module), params, 0, 0)
    again = nn.as_model(lambda rngs: nn.SequenceModel(backbone, rngs=rngs))
    close(again.init(jax.random.key(7)), params, 0, 0)
    inputs = jnp.zeros((B, T), int) if embed else XS
    state = model.initial_state(params, (B,))
    key = jax.random.key(3)
    expected = model.apply(params, inputs, state, mask=MASK, resets=RESETS, key=key)
    close(tuple(module(inputs, state, mask=MASK, resets=RESETS, key=key)), expected)
    close(again.apply(params, inputs, state, mask=MASK, resets=RESETS, key=key), expected)
    close(again.hidden(params, inputs, state), model.hidden(params, inputs, state))
    close(module.initial_state((B,)), state)


class Normalised(nn.SequenceModel):
    """A model with running statistics."""

    def __init__(self, *args, rngs):
        super().__init__(*args, rngs=rngs)
        self.norm = nnx.BatchNorm(Y, rngs=rngs)


def test_modules_hold_parameters_only():
    backbone = models.Backbone([CELL, (CELL, CELL)], X, Y, stack=Stack(dropout=0.5))
    built = nn.SequenceModel(backbone, rngs=nnx.Rngs(0))
    _, _, rest = nnx.split(built, nnx.Param, ...)
    assert not jax.tree.leaves(rest)
    with pytest.raises(ValueError, match="more than parameters: norm/mean, norm/var"):
        nn.as_model(lambda rngs: Normalised(BACKBONE, rngs=rngs))


def test_calls_leave_a_module_as_it_was():
    built = nn.SequenceModel(BACKBONE, rngs=nnx.Rngs(0))
    before = params_of(built)
    nnx.jit(lambda built, xs: built(xs).outputs)(built, XS)
    close(params_of(built), before, 0, 0)
