"""Widths as data: masked runs equal runs alone; programs, budgets and sizes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import cells, experiment, models, registry, runs, tables
from lstmx import config as cfg
from lstmx.constants import CONSTANTS
from lstmx.experiment._widths import UNITS, Narrow, masked, places
from lstmx.planner import widths
from lstmx.types import Model, TrainState

NARROW, WIDE = 5, 7
MIX = ("layer_norm_lstm", "mlstm")
"""Cells that normalise over their units, or scale by their number."""
CELLS = [name for name in cells.names() if name != "conv_lstm"]  # over maps: no model here


def two_steps(cell):
    """A model of two steps and a readout, which compiles in no time."""

    def init(key):
        return {"cell": cell.init(key, 3), "W": jnp.ones((cell.out_features, 2))}

    def initial_state(params, batch_shape):
        return cell.initial_state(params["cell"], batch_shape)

    def apply(params, xs):
        of_cell, _ = cell.prepare(params["cell"], None, (2,), 2)
        state = cell.initial_state(of_cell, (2,))
        for x in xs:
            state, y, _ = cell.step(of_cell, state, x, ())
        return y @ params["W"]

    return Model(init, initial_state, apply)


def pair(make):
    """(narrow, params; the same as a part of the wide model, its params, what converts)."""
    small, large = make(NARROW), masked(make(WIDE))
    sample = np.random.default_rng(0)
    shapes = jax.eval_shape(small.init, jax.random.key(0))
    params = jax.tree.map(lambda s: sample.normal(0, 0.5, s.shape), shapes)
    like = TrainState(jax.ShapeDtypeStruct((), int), shapes, (), ())
    narrow = Narrow(small, like, NARROW, WIDE)
    wide = narrow.widen_params(params, jax.eval_shape(large.init, jax.random.key(0)))
    return small, params, large, wide, narrow


def slopes(model, params, *inputs, **options):
    """The value of a smooth loss, and its gradient on the host."""

    def loss(params):
        y = model.apply(params, *inputs, **options)
        y = y[0] if isinstance(y, tuple) else y
        return jnp.sum(jnp.sin(y + jnp.arange(y.size).reshape(y.shape)))

    return jax.device_get(jax.jit(jax.value_and_grad(loss))(params))


def differences(pair, *inputs, **options):
    """Largest differences of value and gradients, and the largest gradient beyond the width."""
    small, params, large, wide, narrow = pair
    value, own = slopes(small, params, *inputs, **options)
    masked_value, gradients = slopes(large, wide, *inputs, **options)
    inside = narrow.cut(TrainState(np.int32(0), gradients, (), ())).params
    back = narrow.widen_params(inside, wide)
    outside = jax.tree.map(lambda g, kept: abs(g - kept).max(), gradients, back)
    outside[CONSTANTS].pop(UNITS)
    apart = jax.tree.map(lambda a, b: abs(a - b).max(), own, inside)
    return abs(value - masked_value), max(jax.tree.leaves(apart)), max(jax.tree.leaves(outside))


ACTIVE = ("lstm", {"input_activation": "sigmoid"})
"""A cell whose units are not zero where all their weights are: their gradients are masked, too."""


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in CELLS), ACTIVE])
def test_a_masked_cell_is_the_narrower_one(name, options, x64):
    both = pair(lambda width: two_steps(cells.make(name, hidden_size=width, **options)))
    value, gradient, outside = differences(both, np.random.default_rng(1).normal(size=(2, 2, 3)))
    if name in MIX:
        assert value > 1e-3
    else:
        assert value < 1e-14
        assert gradient < 1e-13
        assert outside == 0


def test_every_layer_of_a_stack_and_the_readout_are_masked(x64):
    def make(width):
        cell = registry.wrap(cells.make("rnn", hidden_size=width), "learned_state", {})
        stack = models.Stack(skip_connections="graves", engine="scan", precision="float64")
        return models.sequence_model([cell] * 2, 3, 2, bidirectional=True, stack=stack)

    xs = np.random.default_rng(1).normal(size=(2, 3, 3))
    value, gradient, outside = differences(pair(make), xs)
    assert value < 1e-13
    assert gradient < 1e-12
    assert outside == 0


def test_units_are_found_in_axes_of_several_parts():
    assert places(3, 5, 3, 5).tolist() == [0, 1, 2]  # units
    assert places(2, 2, 3, 5).tolist() == [0, 1]  # inputs
    assert places(6, 10, 3, 5).tolist() == [0, 1, 2, 5, 6, 7]  # two directions
    assert places(5, 7, 3, 5).tolist() == [0, 1, 2, 5, 6]  # units, then inputs
    with pytest.raises(ValueError, match="an axis of 10 is one of 20"):
        places(10, 20, 4, 8)


def config(width=3, **overrides):
    c = cfg.base()
    c.name = "tiny"
    c.task = cfg.task("adding", length=4, batch_size=3)
    c.model.cell = cfg.cell("rnn", hidden_size=width)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 20, 5, 10, 1
    c.evals = {"valid": {"split": "valid", "batch_size": 3}}
    return cfg.resolve(c, overrides)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(configs, runs that trained alone, runs that trained masked, the folder of these)."""
    folder = tmp_path_factory.mktemp("widths")
    options = {
        "model.precision": "float64",
        "optimizer.name": "adamw",
        "hparams.weight_decay": 0.1,
        "hparams.clip_norm": 0.5,
        "hparams.learning_rate": 0.01,
    }
    configs = [config(3, **options), config(3, seed=1, **options), config(5, **options)]
    alone = runs.train([configs[0]], folder / "alone", quiet=True)
    masked = runs.train(configs, folder / "masked", programs=[5, 5, 5], quiet=True)
    return configs, alone, masked, folder


def test_a_masked_run_is_the_run_alone(both):
    _, alone, masked, _ = both
    own, one = runs.load(alone[0]), runs.load(masked[0])
    for key in ("parameters", "state_size", "identity", "selection"):
        assert own.meta[key] == one.meta[key]
    assert one.meta["parameters"] == 2 * 3 + 3 * 3 + 3 + 3 + 1
    assert one.meta["state_size"] == 3
    for a, b in zip(own.metrics, one.metrics, strict=True):
        for key in a.keys() - {"seconds"}:
            assert b[key] == pytest.approx(a[key], rel=1e-12)
    trees = [runs.checkpoint.restore(path / "checkpoints", 20) for path in (alone[0], masked[0])]
    close = functools.partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-12, strict=True)
    jax.tree.map(close, *trees)
    # Both had the same initial values, bit for bit, and they are found again from the seed.
    first = [runs.open(path, step="initial").params for path in (alone[0], masked[0])]
    jax.tree.map(np.testing.assert_array_equal, *first)
    (measured,) = runs.evaluate(masked[0], step="latest")
    assert measured.metrics["mse"] == pytest.approx(one.metrics[-1]["eval/valid/mse"], rel=1e-12)


def test_a_masked_run_resumes_with_the_same_numbers(both, tmp_path):
    configs, _, masked, _ = both

    def stop(point):
        return "enough" if point["step"] == 15 else None

    paths = runs.train(configs, tmp_path, programs=[5, 5, 5], quiet=True, watch=stop)
    for path in paths:
        (path / "DONE").unlink()
    assert runs.train(configs, tmp_path, programs=[5, 5, 5], quiet=True) == paths
    for one, whole in zip(paths, masked):
        trees = [runs.load(path).params for path in (one, whole)]
        jax.tree.map(np.testing.assert_array_equal, *trees)


def test_programs_that_do_not_fit_are_refused_in_one_line(tmp_path):
    def refused(message, *configs, program=8, **options):
        with pytest.raises(ValueError, match=message) as error:
            runs.train(configs, tmp_path, programs=[program] * len(configs), **options)
        assert "\n" not in str(error.value)

    noise = {"model.wrappers": (("zoneout", {"rates": {"h": 0.1}}),)}
    refused("'layer_norm_lstm' .* mixes units", config(**{"model.cell.name": "layer_norm_lstm"}))
    refused("samples noise for all of them", config(**noise))
    blocks = {"model.cell.name": "lstm", "model.cell.block_size": 2}
    refused("parts of other sizes: an axis of", config(4, **blocks))
    refused("hidden_size=7 does not divide into blocks", config(4, **blocks), program=7)
    refused("means over all units", config(**{"hparams.ar": 1.0}))
    refused("hidden_size=9 does not fit into a program of 8", config(9))
    refused("--init_from has the parameters of one width", config(), init_from=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_an_optimizer_leaves_weights_that_do_not_exist_at_zero(name):
    from lstmx.experiment._masking import OPTIMIZERS
    from lstmx.train import optimizer

    assert name in OPTIMIZERS
    c = config(**{"optimizer.name": name})
    hparams = {**dict(c.hparams), "clip_norm": 0.1, "momentum": 0.9, "weight_decay": 0.1}
    rule = optimizer.make(c.optimizer, hparams, 10)
    small = {"w": np.ones((2, 3), np.float32)}
    large = {"w": np.pad(small["w"], [(0, 1), (0, 2)])}

    @jax.jit
    def update(params):
        state = rule.init(params)
        for _ in range(2):
            updates, state = rule.update(jax.tree.map(lambda a: 2 * a, params), state, params)
            params = jax.tree.map(jnp.add, params, updates)
        return params["w"]

    moved = update(large)
    np.testing.assert_allclose(moved[:2, :3], update(small), rtol=1e-6)
    assert not moved[2:].any()
    assert not moved[:, 3:].any()
    assert abs(moved[0, 0] - 1) > 1e-5


# Programs, budgets, and what is said of them.


@pytest.mark.no_jax
def test_buckets_have_the_least_sum_of_compilations_and_training():
    sizes = [20, 20, 30, 50, 90, 100]
    seconds = lambda width: width**2 / 1000

    def total(programs, cost):
        return cost * len(programs) + sum(seconds(widths.program_for(w, programs)) for w in sizes)

    subsets = [
        [w for k, w in enumerate((20, 30, 50, 90)) if mask >> k & 1] + [100] for mask in range(16)
    ]
    for cost in (0.0, 0.5, 3.0, 20.0, 1e9):
        best = min(total(one, cost) for one in subsets)
        assert total(widths.buckets(sizes, seconds, cost), cost) == pytest.approx(best)
    assert widths.buckets(sizes, seconds, 0.0) == [20, 30, 50, 90, 100]
    assert widths.buckets(sizes, seconds, 1e9) == [100]


def test_programs_are_few_on_a_cpu_and_one_on_an_accelerator():
    configs = [config(w, seed=s, steps=1000) for w in (8, 16, 32) for s in (0, 1)]
    configs.append(config(8, **{"model.cell.activation": "relu"}))
    short, reasons = experiment.programs(configs, "cpu")
    assert short == [32] * 6 + [None]
    assert not reasons
    long = [cfg.resolve(one, {"steps": 10**9}) for one in configs]
    assert experiment.programs(long, "cpu")[0][:6] == [8, 8, 16, 16, 32, 32]
    assert experiment.programs(long, "gpu")[0][:6] == [32] * 6
    normalised = [config(w, **{"model.cell.name": "layer_norm_lstm"}) for w in (3, 5)]
    own, reasons = experiment.programs(normalised, "cpu")
    assert own == [None, None]
    assert "mixes units" in reasons[0]


def test_blocks_of_a_search_have_trials_of_several_widths():
    from lstmx.search.widths import blocks

    configs = [config(w, seed=w) for w in (3, 4, 5, 6)]
    configs[2] = cfg.resolve(configs[2], {"model.cell.activation": "relu"})
    assert blocks(configs, 10, 2, mask=True) == ([10, 10, 12, 13], [6, 6, None, 6])
    assert blocks(configs, 10, 2, mask=False) == ([10, 11, 12, 13], [None] * 4)


@pytest.mark.parametrize("variant", ["V", "NP", "CIFG", "NIG"])
def test_the_width_of_a_budget_is_the_largest_within_it(variant):
    gates, peepholes = {"V": (4, 3), "NP": (4, 0), "CIFG": (3, 2), "NIG": (3, 2)}[variant]

    def count(h):
        return gates * h * (2 + h + 1) + peepholes * h + h + 1

    cell = cfg.cell("lstm", variant=variant)
    (fitted,) = experiment.fit([config(**{"model.cell": cell})], ("params", 1000))
    width = fitted.model.cell.hidden_size
    assert count(width) <= 1000 < count(width + 1)


def test_budgets_are_of_the_state_too_and_refused_where_they_cannot_be_met():
    lstm = config(**{"model.cell": "lstm", "model.layers": 2})
    blocks = config(4, **{"model.cell.name": "lstm", "model.cell.block_size": 3})
    fitted = experiment.fit([lstm, config(), blocks], ("state", 51))
    assert [c.model.cell.hidden_size for c in fitted] == [12, 51, 24]
    with pytest.raises(ValueError, match="--budget_params=4 with cell 'lstm', but hidden_size=1"):
        experiment.fit([lstm], ("params", 4))
    uneven = cfg.resolve(lstm, {"model.hidden_sizes": (3, 4)})
    with pytest.raises(ValueError, match="expected a cell that has one, and an empty"):
        experiment.fit([uneven], ("params", 100))
    with pytest.raises(ValueError, match="unknown budget 'cells'"):
        experiment.fit([lstm], ("cells", 100))


@pytest.mark.no_jax
def test_tables_say_how_widths_were_chosen():
    assert tables.widths(None, [8, 8]) == "Equal hidden size, 8."
    assert tables.widths(None, [8, 16]) == "Hidden sizes as configured, 8 to 16."
    assert tables.widths(None, [8, None]) == "Hidden sizes as configured."
    assert tables.widths("searched", [20, 99, 60]) == "Searched hidden sizes, 20 to 99."
    line = "Equal budget: the largest hidden size with at most 10,000 parameters, 31 to 44."
    assert tables.widths("budget_params=10000", [44, 31]) == line


def test_a_sweep_within_a_budget_says_so(launch, tmp_path):
    file = tmp_path / "fair.py"
    file.write_text(
        "from lstmx import config as cfg, sweep as sw\n"
        "def get_config(mode='full'):\n"
        "    c = cfg.base()\n"
        "    c.task = cfg.task('adding', length=4, batch_size=3)\n"
        "    c.steps = c.log_every = c.eval_every = 2\n"
        "    c.evals = {'valid': dict(split='valid', batch_size=3)}\n"
        "    return c\n"
        "def sweep(mode='full'):\n"
        "    return sw.product({'model.cell': [cfg.cell('rnn'), cfg.cell('irnn')]})\n"
    )
    words = f"sweep --config={file} --workdir=runs --budget_state=6"
    listed = launch(f"{words} --list", tmp_path)
    assert listed.out.count("hidden_size=6") == 2
    both = launch(f"{words} --budget_params=6", tmp_path)
    assert both.code == 2
    assert "--budget_params and --budget_state: expected one of both" in both.err
