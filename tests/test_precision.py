"""Precision: what each mode computes, how far it is from exact, and where it holds."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X, close, equations, leaky
from jax import lax

import lstmx
from lstmx import config as cfg
from lstmx import engines, experiment, precision, runs
from lstmx.config import _checks
from lstmx.runs import group as groups

MARK = lax.DotAlgorithmPreset.BF16_BF16_F32
ENGINES = [name for name in engines.names() if name in ("scan", "fused")]
STEPS = 41  # long enough for rounding to add up


def looping():
    """Somebody's own cell: `@`, and products inside jit, scan and cond."""
    cell = leaky()

    def init(key, in_features):
        return {**cell.init(key, in_features), "P": jax.random.normal(key, (2, H, H)) / 4}

    def step(params, state, x, noise=()):
        deep = lax.scan(lambda h, P: (jnp.tanh(h @ P), None), state.h, params["P"])[0]
        inside = lax.cond(True, lambda c: c @ params["P"][0], lambda c: c, state.c)
        new, y, gates = cell.step(params, state._replace(h=deep), x, noise)
        product = jax.jit(jnp.tensordot, static_argnums=2)(inside, params["R"][:, 0], 1)
        return new._replace(h=new.h + 0.1 * product), y, gates

    return cell._replace(init=init, step=step)


CELLS = {
    "lstm V": lambda: lstmx.cells.make("lstm", hidden_size=H, variant="V"),
    "gru before": lambda: lstmx.cells.make("gru", hidden_size=H, reset="before"),
    "own": looping,
}


def graded(cell, mode, engine="scan"):
    """(params, xs) -> (loss, outputs), gradients; the whole unroll inside a jit of its own."""
    unroll = jax.jit(
        lambda params, xs: lstmx.unroll(cell, params, xs, precision=mode, engine=engine).outputs
    )

    def loss(params, xs):
        outputs = unroll(params, xs)
        return jnp.sum(jnp.sin(3 * outputs)), outputs

    return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)


def given(cell, length=STEPS):
    """Parameters and inputs [B, T, X]."""
    xs = jax.random.normal(jax.random.key(1), (B, length, X))
    return cell.init(jax.random.key(0), X), xs


def distance(got, exact):
    """Largest difference of two trees, relative to the largest entry of each array."""
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(exact), strict=True)
    return max(float(np.abs(np.float64(a) - b).max() / np.abs(b).max()) for a, b in pairs)


def dots(program):
    """All matrix products of a program, those of inner programs too.

    A product with a vector of ones is none of them: it is the sum of the gradients of a bias.
    """
    products = [e for e in equations(program.jaxpr) if e.primitive.name == "dot_general"]
    return [e for e in products if not any(1 in v.aval.shape for v in e.invars)]


def kinds(tree):
    return {str(leaf.dtype) for leaf in jax.tree.leaves(tree) if leaf.dtype.kind == "f"}


def tiny(**overrides):
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=8)
    c.model.cell = cfg.cell("rnn", hidden_size=5)
    c.name = "tiny"
    c.steps, c.log_every, c.eval_every, c.eval_batches = 6, 3, 6, 2
    return cfg.resolve(c, overrides)


@pytest.fixture(scope="module")
def answers():
    """Cell -> mode -> outputs and gradients, by the reference engine."""
    found = {}
    for name, make in CELLS.items():
        cell = make()
        arguments = given(cell)
        for mode in precision.MODES:
            with precision.scope(mode):
                run = jax.jit(graded(cell, mode))
                (_, outputs), gradients = run(*arguments)
            found[name, mode] = jax.device_get((outputs, gradients))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("mode", precision.MODES)
@pytest.mark.parametrize("name", CELLS)
def test_outputs_and_gradients_are_within_the_stated_tolerance(answers, name, mode):
    for got, exact in zip(answers[name, mode], answers[name, "float64"], strict=True):
        far = distance(got, exact)
        assert far <= precision.TOLERANCE[mode]
        # Nothing is more exact than its mode says: a bfloat16 that is ignored would show here.
        assert far >= {"float32": 1e-9, "bfloat16": 1e-4, "float64": 0}[mode]
    # Gradients have the type of what they are gradients of, which is float32 here.
    assert kinds(answers[name, mode][0]) == {"float64" if mode == "float64" else "float32"}
    assert kinds(answers[name, mode][1]) == {"float32"}


def test_float64_equals_products_summed_by_hand(x64):
    cell = CELLS["lstm V"]()
    params, xs = precision.cast("float64", given(cell, 3))
    state = cell.initial_state(params, (B,))
    for t in range(3):
        state, y, _ = cell.step(params, state, xs[:, t])
    unrolled = lstmx.unroll(cell, *given(cell, 3), precision="float64").outputs
    assert distance(unrolled[:, -1], y) <= precision.TOLERANCE["float64"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CELLS)
def test_every_product_of_values_and_gradients_is_bfloat16(name, engine):
    """Also where a derivative is traced after the unroll, as one of an engine's own making is."""
    cell = CELLS[name]()
    found = dots(jax.make_jaxpr(graded(cell, "bfloat16", engine))(*given(cell)))
    assert len(found) >= 6  # two products at least, each with two transposes
    assert all(eqn.params["precision"] == MARK for eqn in found)
    assert {str(eqn.outvars[0].aval.dtype) for eqn in found} == {"float32"}
    plain = dots(jax.make_jaxpr(graded(cell, "float32", engine))(*given(cell)))
    assert not [eqn for eqn in plain if eqn.params["precision"] == MARK]


def test_product_takes_rounded_operands_and_sums_in_float32():
    a, b = jax.random.normal(jax.random.key(0), (2, 31, 31))
    weigh = lambda a, b: jnp.sum(jnp.sin(a @ b))
    short = lambda a: np.asarray(a.astype(jnp.bfloat16), np.float64)
    product = precision.products(jnp.matmul, "bfloat16")
    np.testing.assert_allclose(product(a, b), short(a) @ short(b), rtol=1e-5, atol=1e-5)
    got = jax.grad(precision.products(weigh, "bfloat16"), (0, 1))(a, b)
    slope = short(jnp.cos(product(a, b)))  # the cotangent is an operand too
    expected = (slope @ short(b).T, short(a).T @ slope)
    close(got, expected, atol=1e-5)


@pytest.mark.parametrize("shapes", [((1, 3), (3, 1)), ((3, 1), (1, 1)), ((1, 1), (1, 3))])
def test_products_of_one_number_are_computed_too(shapes):
    """A network of one unit or one output, step by step with one example."""
    a, b = (257.0 * jnp.ones(shape) for shape in shapes)
    product = precision.products(jnp.matmul, "bfloat16")
    np.testing.assert_array_equal(product(a, b), shapes[0][1] * 256.0**2 * (a @ b > 0))
    slopes = jax.grad(lambda a, b: product(a, b).sum(), (0, 1))(a, b)
    np.testing.assert_array_equal(slopes[0], 256.0 * shapes[1][1] * jnp.ones(shapes[0]))
    np.testing.assert_array_equal(slopes[1], 256.0 * shapes[0][0] * jnp.ones(shapes[1]))


@pytest.mark.parametrize("features", [1, 2])
def test_biases_are_not_rounded(features):
    cell = lstmx.cells.make("lstm", hidden_size=2)
    params = cell.init(jax.random.key(0), features)
    params = {"W": 0 * params["W"], "R": 0 * params["R"], "b": 0 * params["b"] + 0.3003}
    xs = jnp.ones((1, 1, features))
    trace = lstmx.unroll(cell, params, xs, precision="bfloat16", return_trace=True).trace
    np.testing.assert_allclose(trace.gates["i"], jax.nn.sigmoid(0.3003), rtol=1e-6)


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
def test_the_associative_engine_rounds_its_states_too(name):
    cell = lstmx.cells.make(name, hidden_size=16)
    arguments = given(cell, 50)
    got, loop = (
        lstmx.unroll(cell, *arguments, engine=engine, precision="bfloat16", return_trace=True)
        for engine in ("associative", "scan")
    )
    assert distance(got.outputs, loop.outputs) < 1e-4
    assert distance(got.trace.states, loop.trace.states) < 1e-4
    np.testing.assert_allclose(got.outputs, got.trace.states.h, atol=1e-5)


def test_products_that_say_their_precision_and_whole_numbers_are_left_alone():
    a = jnp.full((3, 3), 257.0)  # 257 has nine bits, bfloat16 keeps eight
    exact = precision.products(lambda a: jnp.matmul(a, a, precision="highest"), "bfloat16")
    np.testing.assert_array_equal(exact(a), 3 * 257.0**2)
    whole = precision.products(lambda a: a @ a, "bfloat16")
    np.testing.assert_array_equal(whole(a.astype(int)), 3 * 257**2)


@pytest.mark.parametrize("hidden", ["plain", "jit", "scan", "cond", "remat", "derivative"])
def test_products_are_found_wherever_they_stand(hidden):
    square = lambda a: a @ a
    own = jax.custom_jvp(square)
    own.defjvp(lambda primals, tangents: (square(*primals), square(*tangents)))
    function = {
        "plain": square,
        "jit": jax.jit(square),
        "scan": lambda a: lax.scan(lambda c, _: (c, c @ c), a, None, length=1)[1][0],
        "cond": lambda a: lax.cond(a[0, 0] > 0, square, jnp.zeros_like, a),
        "remat": jax.checkpoint(square),
        "derivative": own,
    }[hidden]
    a = jnp.full((3, 3), 257.0)
    product = precision.products(function, "bfloat16")
    assert [eqn.params["precision"] for eqn in dots(jax.make_jaxpr(product)(a))] == [MARK]
    # On a CPU the mark alone does nothing; inside a derivative of its own there is nothing else.
    np.testing.assert_array_equal(product(a), 3 * (257.0 if hidden == "derivative" else 256.0) ** 2)


def test_convolutions_are_products():
    image, kernel = jnp.full((1, 1, 5), 257.0), jnp.ones((1, 1, 1))
    shift = precision.products(lambda x, w: lax.conv(x, w, (1,), "SAME"), "bfloat16")
    np.testing.assert_array_equal(shift(image, kernel), jnp.full((1, 1, 5), 256.0))


def test_forward_mode_and_batching_work_through_it():
    cell = CELLS["own"]()
    params, xs = given(cell, T)
    apply = lambda mode: lambda xs: lstmx.unroll(cell, params, xs, precision=mode).outputs
    ones = jnp.ones_like(xs)
    tangents = [jax.jvp(apply(mode), (xs,), (ones,))[1] for mode in ("bfloat16", "float32")]
    assert 1e-5 < distance(*tangents) < precision.TOLERANCE["bfloat16"]
    several = jax.vmap(apply("bfloat16"))(jnp.stack([xs, 2 * xs]))
    assert distance(several[0], apply("bfloat16")(xs)) < 1e-5


def test_equal_arguments_give_the_same_cell():
    cell = CELLS["gru before"]()
    assert precision.of(cell, "bfloat16") is precision.of(cell, "bfloat16")
    assert precision.of(cell, "float32") is cell


def test_wrong_precision_is_refused_in_one_line():
    known = "known: bfloat16, float32, float64"
    cell = leaky()
    with pytest.raises(ValueError, match=f"unknown precision 'half'; {known}"):
        lstmx.unroll(cell, *given(cell, T), precision="half")
    with pytest.raises(ValueError, match=f"unknown precision 'half'; {known}"):
        lstmx.sequence.Stack(precision="half")
    with pytest.raises(ValueError, match="unknown precision 'bfloat'; did you mean 'bfloat16'"):
        cfg.validate(tiny(**{"model.precision": "bfloat"}))
    with pytest.raises(ValueError, match=r"float64' while JAX .*lstmx\.precision\.scope"):
        lstmx.unroll(cell, *given(cell, T), precision="float64")
    assert _checks.PRECISIONS == precision.MODES


def test_id_of_a_run_is_what_it_was_before_there_were_precisions():
    assert "precision" not in cfg.canonical(tiny())
    assert "precision" in cfg.canonical(tiny(**{"model.precision": "bfloat16"}))


def start(mode):
    """Host train state and metrics of a config after one chunk."""
    config = tiny(**{"model.precision": mode})
    with precision.scope(mode):
        group = groups.make(experiment.build(config), [config])
        begin = jax.device_get(group.init(group.hparams, group.seeds))
        state = group.init(group.hparams, group.seeds)
        return begin, jax.device_get(group.chunks[0](state, group.hparams, group.seeds))


@pytest.mark.slow
def test_runs_are_throughout_in_their_types_and_of_one_beginning():
    begun, after = {}, {}
    for mode in precision.MODES:
        begun[mode], after[mode] = start(mode)
        expected = {"float64" if mode == "float64" else "float32"}
        assert kinds(begun[mode]) == kinds(after[mode]) == expected, mode
    for mode in ("bfloat16", "float64"):
        jax.tree.map(np.testing.assert_array_equal, begun[mode].params, begun["float32"].params)
    losses = {mode: metrics["loss"].total for mode, (_, metrics) in after.items()}
    # The same batches too: else losses would differ by tens of percent.
    np.testing.assert_allclose(losses["float32"], losses["float64"], rtol=1e-5)
    np.testing.assert_allclose(losses["bfloat16"], losses["float64"], rtol=2e-2)
    assert not np.array_equal(losses["bfloat16"], losses["float32"])


@pytest.mark.slow
def test_modes_stand_in_one_sweep_and_their_records_say_so(tmp_path):
    modes = ("float32", "float64")
    configs = [tiny(**{"model.precision": mode}) for mode in modes]
    paths = runs.train(configs, tmp_path, labels=modes, quiet=True)
    found = [runs.load(path) for path in paths]
    assert [run.meta["precision"] for run in found] == [*modes]
    assert [kinds(run.params) for run in found] == [{mode} for mode in modes]
    (row,) = runs.evaluate(paths[1], step="latest")
    assert row.metrics["mse"] == pytest.approx(found[1].metrics[-1]["eval/valid/mse"], rel=1e-12)


def test_run_from_before_there_were_precisions_is_known_again(tmp_path):
    runs.create(tmp_path / "run", tiny(), {})
    file = tmp_path / "run" / "config.json"
    config = json.loads(file.read_text())
    del config["model"]["precision"]
    file.write_text(json.dumps(config))
    runs.check(tmp_path / "run", tiny())
    with pytest.raises(
        ValueError, match=r"model\.precision: 'float32' there, 'bfloat16' requested"
    ):
        runs.check(tmp_path / "run", tiny(**{"model.precision": "bfloat16"}))


@pytest.mark.slow
def test_short_training_in_bfloat16_reaches_what_float32_reaches(tmp_path):
    more = {
        "model.cell": cfg.cell("lstm", hidden_size=24),
        "task.length": 10,
        "task.batch_size": 32,
        "hparams.learning_rate": 1e-2,
        "steps": 400,
        "log_every": 100,
        "eval_every": 400,
        "eval_batches": 20,
    }
    modes = ("float32", "bfloat16")
    configs = [tiny(**more, **{"model.precision": mode}) for mode in modes]
    paths = runs.train(configs, tmp_path, labels=modes, quiet=True)
    reached = [runs.load(path).metrics[-1]["eval/valid/mse"] for path in paths]
    assert max(reached) < 0.01  # solved; the trivial predictor has .1667
    further = tiny(**more | {"model.precision": "float64", "hparams.learning_rate": 0.0})
    short = cfg.resolve(further, {"steps": 3, "log_every": 3, "eval_every": 3})
    (path,) = runs.train([short], tmp_path, init_from=paths[1], quiet=True)
    assert kinds(runs.load(path).params) == {"float64"}
    # With nothing learned since, what float64 makes of the weights that bfloat16 found.
    assert runs.load(path).metrics[-1]["eval/valid/mse"] < 0.01
