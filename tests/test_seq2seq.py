"""The model "seq2seq" and decoding, against definitions and brute force."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lstmx
from lstmx import decoding, models
from lstmx.tasks import _common
from lstmx.testing import check_model
from lstmx.train import loop
from lstmx.types import Batch, Task, TaskSpec, TrainState

B, S, T, V, Y = 2, 5, 7, 5, 7
CELL = lstmx.cells.make("gru", hidden_size=3)


def backbone(layers=CELL):
    return models.Backbone(layers, V, Y, "token", 2)


def example(**more):
    source = jax.random.randint(jax.random.key(1), (B, S), 0, V)
    target = jax.random.randint(jax.random.key(2), (B, T), 0, Y)
    mask = jnp.arange(S) < jnp.array([[S], [3]])
    return {"source": source, "source_mask": mask, "target": target, **more}


@pytest.fixture(scope="module")
def fed():
    """A model whose decoder has everything: a bidirectional encoder, attention, input feeding."""
    model = models.make("seq2seq", backbone([(CELL, CELL)]), input_feeding=True)
    return model, model.init(jax.random.key(0))


def test_the_model_keeps_the_protocol():
    square = jax.random.randint(jax.random.key(1), (B, T), 0, V)
    inputs = {"source": square, "target": square}
    check_model(models.make("seq2seq", backbone(), attention="multiplicative"), inputs)


def test_padding_changes_nothing(fed):
    model, params = fed
    inputs = example()
    mask = jnp.arange(T) < jnp.array([[T], [4]])
    run = jax.jit(model.apply, static_argnames="return_trace")
    outputs, _, trace = run(params, inputs, mask=mask, return_trace=True)
    short = {"source": inputs["source"][1:, :3], "target": inputs["target"][1:, :4]}
    expected = run(params, short)[0]
    np.testing.assert_allclose(outputs[1:, :4], expected, atol=1e-6)
    weights = trace.gates["attention"]
    assert weights.shape == (B, T, S)
    np.testing.assert_array_equal(weights[1, :, 3:], 0)
    np.testing.assert_allclose(weights[0].sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(weights[1].sum(-1), np.arange(T) < 4, atol=1e-6)


def test_one_token_after_another_equals_one_unroll(fed):
    model, params = fed
    inputs = example()
    state = model.decoder.start(params, inputs)
    step = jax.jit(model.decoder.step)
    for t in range(T):
        state, logits = step(params, state, inputs["target"][:, t])
        if t == 0:
            expected = model.apply(params, inputs)[0]
        np.testing.assert_allclose(logits, expected[:, t], atol=1e-6)


def test_the_decoder_reads_its_own_tokens_where_no_teacher_is(fed):
    model, params = fed
    taught = model.apply(params, example())[0]
    inputs = example(teacher=jnp.ones((B, T)))
    run = jax.jit(lambda inputs, key: model.apply(params, inputs, key=key)[0])
    always = run(inputs, jax.random.key(3))
    np.testing.assert_allclose(always, taught, atol=1e-6)
    inputs["teacher"] = inputs["teacher"].at[:, 1:].set(0)
    free = model.apply(params, inputs)[0]
    start = model.decoder.start(params, inputs)
    with_params = lambda state, tokens: model.decoder.step(params, state, tokens)
    first = inputs["target"][:, 0]
    for row in range(B):
        alone = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], start)
        found = decoding.greedy(with_params, alone, length=T, start=first[row], end=-1)
        np.testing.assert_array_equal(free[row].argmax(-1), found.tokens[0])
    # With a key the token is sampled: two keys feed other tokens.
    one, two = (run(inputs, jax.random.key(n))[:, 1:] for n in (4, 5))
    assert float(jnp.abs(one - two).max()) > 1e-3


def test_sampled_tokens_have_the_probabilities_of_the_softmax():
    from lstmx.models import _decoder

    of = _decoder.Decoding((CELL,), 0, 4, "none", False, lstmx.sequence.Stack(), True)
    p = np.array([0.1, 0.2, 0.3, 0.4])
    params = {"readout": {"W": jnp.zeros((3, 4)), "b": jnp.log(p)}}
    u = (jnp.arange(1000) + 0.5) / 1000
    tokens = _decoder._choice(of, params, jnp.zeros((1000, 3)), {"choice": u})
    np.testing.assert_allclose(np.bincount(tokens) / 1000, p, atol=2e-3)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"attention": "aditive"}, "did you mean 'additive'"),
        ({"attention": "none", "input_feeding": True}, "needs an attention"),
    ],
)
def test_contradictory_options_are_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        models.make("seq2seq", backbone(), **options)


def test_other_inputs_are_refused(fed):
    model, params = fed
    with pytest.raises(ValueError, match="expected a dict with source"):
        model.apply(params, jnp.zeros((B, T), int))


TABLE = np.random.default_rng(0).normal(size=(3, 4, 4)) * 2
END = 3


def markov(state, tokens):
    """Logits that depend on the row's table and on the last two tokens."""
    table, before = state
    logits = table[jnp.arange(len(tokens)), tokens] + 0.7 * before
    return (table, jax.nn.one_hot(tokens, 4)), logits


def every_sequence(row, length, alpha):
    """(score, tokens) of all sequences that end, or are of this length; the best first."""
    found = []
    for n in range(1, length + 1):
        for tokens in itertools.product(range(4), repeat=n):
            if END in tokens[:-1] or (n < length and tokens[-1] != END):
                continue
            total, before, last = 0.0, np.zeros(4), 0
            for token in tokens:
                logits = TABLE[row, last] + 0.7 * before
                total += logits[token] - np.log(np.exp(logits).sum())
                before, last = np.eye(4)[last], token
            found.append((total / ((5 + n) / 6) ** alpha, tokens))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("alpha", [0.0, 0.9])
def test_a_full_beam_finds_what_brute_force_finds(alpha):
    length, width = 4, 4**4
    state = (jnp.asarray(TABLE), jnp.zeros((3, 4)))
    options = {"length": length, "start": 0, "end": END}
    with jax.numpy_rank_promotion("raise"):
        beams = decoding.beam_search(markov, state, width=width, alpha=alpha, **options)
    for row in range(3):
        expected = every_sequence(row, length, alpha)
        for rank in range(12):
            score, tokens = expected[rank]
            assert beams.lengths[row, rank] == len(tokens)
            assert tuple(beams.tokens[row, rank, : len(tokens)].tolist()) == tokens
            np.testing.assert_allclose(beams.scores[row, rank], score, rtol=1e-5)
        count = len(expected)
        np.testing.assert_array_equal(np.isfinite(beams.scores[row]), np.arange(width) < count)
    one = decoding.beam_search(markov, state, width=1, alpha=alpha, **options)
    plain = decoding.greedy(markov, state, **options)
    np.testing.assert_array_equal(one.tokens[:, 0], plain.tokens)
    np.testing.assert_array_equal(one.lengths[:, 0], plain.lengths)


@pytest.mark.slow
def test_reversal_is_learned_to_the_last_token():
    """Targets are deterministic, so that the optimum is a loss of 0 and all tokens right."""
    size, steps, bos = 4, 3, 4

    def batch(key, step):
        del step
        source = jax.random.randint(key, (32, steps), 0, size)
        target = source[:, ::-1]
        before = jnp.concatenate([jnp.full((32, 1), bos), target[:, :-1]], axis=1)
        ones = jnp.ones((32, steps))
        inputs = {"source": source, "source_mask": ones > 0, "target": before}
        return Batch(inputs, target, ones, ones > 0, _common.initial_resets(32, steps))

    spec = TaskSpec(size, size + 1, steps, 32, "loss", False, float(np.log(size)), inputs="token")
    task = Task(spec, batch, _common.classification)
    cell = lstmx.cells.make("gru", hidden_size=24)
    bones = models.Backbone(cell, size, size + 1, "token", 8)
    model = models.make("seq2seq", bones, attention="multiplicative")
    config = lstmx.config.base()
    config.hparams.learning_rate = 1e-2
    hparams = dict(config.hparams)
    options = config.optimizer
    params = model.init(jax.random.key(0))
    start = lstmx.train.optimizer.make(options, hparams, 300).init(params)
    state = TrainState(jnp.int32(0), params, start, {})
    run = jax.jit(
        lambda state: loop.chunk(task, model, options, 300, state, hparams, jax.random.key(1), 300)
    )
    state, metrics = run(state)
    source = jnp.array(list(itertools.product(range(size), repeat=steps)))
    before = model.decoder.start(state.params, {"source": source})
    found = decoding.greedy(
        lambda now, tokens: model.decoder.step(state.params, now, tokens),
        before, length=steps, start=bos, end=-1,
    )  # fmt: skip
    np.testing.assert_array_equal(found.tokens, source[:, ::-1])
    assert float(metrics["loss"].total[-1] / metrics["loss"].count[-1]) < 0.05


def test_the_decoder_computes_the_equations_of_luong(fed):
    """Attention in NumPy, from the states of a trace; the layer again by an unroll of its own."""
    model, params = fed
    inputs = example()
    run = jax.jit(model.apply, static_argnames="return_trace")
    outputs, _, trace = run(params, inputs, return_trace=True)
    encoder, own = params["layers"]["layer_0"], params["attention"]
    xs = params["embedding"]["W"][inputs["source"]]
    read = lstmx.sequence.bidirectional(
        (CELL, CELL), encoder, xs, mask=inputs["source_mask"], engine="scan"
    )
    m, h = np.asarray(read.outputs), np.asarray(trace.states["layers"]["layer_0"].h)
    W, U, v, C = (np.asarray(own[name]) for name in "WUvC")
    e = np.tanh((h @ W)[:, :, None] + (m @ U)[:, None]) @ v
    e = np.where(inputs["source_mask"][:, None], np.exp(e), 0)
    a = e / e.sum(-1, keepdims=True)
    np.testing.assert_allclose(trace.gates["attention"], a, atol=1e-5)
    fed_back = np.tanh(np.concatenate([a @ m, h], axis=-1) @ C)
    np.testing.assert_allclose(trace.states["fed"], fed_back, atol=1e-5)
    readout = params["readout"]
    np.testing.assert_allclose(outputs, fed_back @ readout["W"] + readout["b"], atol=1e-5)
    # Input feeding: a step reads the word and h~ of the step before.
    y = params["decoder"]["embedding"]["W"][inputs["target"]]
    before = np.concatenate([np.zeros_like(fed_back[:, :1]), fed_back[:, :-1]], axis=1)
    again = lstmx.unroll(
        CELL,
        params["decoder"]["layers"]["layer_0"],
        jnp.concatenate([y, before], axis=-1),
        read.state["backward"],
        engine="scan",
    )
    np.testing.assert_allclose(h, again.outputs, atol=1e-5)
