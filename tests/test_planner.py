"""The memory planner: its predictions beside the compiler's account, and beside a process."""

import functools
import json
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

import lstmx
from experiments import _explain
from lstmx import cells, models, planner
from lstmx import config as cfg
from lstmx.planner import _program, _table
from lstmx.sequence import Stack

STACKED, WITHIN, CLOSE = 0.3, 0.25, 0.2
"""Relative tolerance of predictions, as the compiler decides on copies; and the one of a few
predictions that were measured to be within a sixth."""


CELL = cells.make("lstm", hidden_size=5)


def shape(*sizes, dtype=jnp.float32):
    return jax.ShapeDtypeStruct(sizes, dtype)


def compiled(layers, way, B, X, *, masks=False, grad=True):
    """The compiler's account of one step of a real model: arguments, results, temporary buffers."""
    stack = Stack(engine=way.engine, remat_every=way.remat_every)
    model = models.sequence_model(layers, X, 1, stack=stack)

    def loss(params, xs, targets, mask, resets):
        outputs, *_ = model.apply(params, xs, mask=mask, resets=resets)
        return jnp.mean((outputs - targets) ** 2)

    T = way.length
    held = shape(B, T, dtype=bool) if masks else None
    params = jax.eval_shape(model.init, jax.random.key(0))
    step = jax.jit(jax.value_and_grad(loss) if grad else loss)
    lowered = step.lower(params, shape(B, T, X), shape(B, T, 1), held, held)
    analysis = lowered.compile().memory_analysis()
    return (
        analysis.argument_size_in_bytes
        + analysis.output_size_in_bytes
        + analysis.temp_size_in_bytes
    )


def planned(layers, B, T, X, **options):
    return lstmx.plan_memory(layers, B, T, X, optimizer_slots=0, calibrate=False, **options)


@functools.cache
def plan_of(name, B, T, X, H, options):
    """The plan of one cell: tests read several of its ways."""
    return planned(cells.make(name, hidden_size=H, **dict(options)), B, T, X)


@functools.cache
def stack():
    return [cells.make("lstm", hidden_size=64), (cells.make("gru", hidden_size=32),) * 2]


@functools.cache
def plan_of_stack(masks):
    B, T, X = STACK
    return planned(stack(), B, T, X, masks=masks, evaluations={"long": (2 * B, T + 100)})


def named(plan, beginning):
    return next(way for way in plan.ways if way.name.startswith(beginning))


STACK = 32, 200, 8
"""Rows, steps and inputs of a stack."""
QUICK = [
    ("lstm", {}, 16, 300, 8, 32, "plain scan"),
    ("lstm", {}, 16, 300, 8, 32, "fused, save=results"),
    ("gru", {}, 32, 100, 16, 64, "windows of 10"),
]
OTHER = [
    ("lstm", {}, 64, 200, 8, 32, "fused, save=states"),
    ("lstm", {}, 64, 200, 8, 32, "fused, remat_every"),
    ("lstm", {"variant": "V"}, 2, 1000, 5, 16, "fused, save=results"),
    ("minlstm", {}, 16, 128, 8, 64, "associative"),
]
SIZES = ((64, 240, 8, 32), (4, 1000, 8, 64), (32, 200, 64, 128))
MORE = [  # the sizes in turn: all of them with every cell would take minutes
    (name, options, *SIZES[(row + column) % len(SIZES)], way)
    for row, (name, options) in enumerate([("lstm", {"variant": "V"}), ("mingru", {})])
    for column, way in enumerate(
        ["plain scan", "fused, save=", "fused, save=states", "fused, remat_every", "windows"]
    )
]


@pytest.mark.parametrize(
    ("name", "options", "B", "T", "X", "H", "beginning", "within"),
    [
        *(pytest.param(*case, CLOSE) for case in QUICK),
        *(pytest.param(*case, CLOSE, marks=pytest.mark.slow) for case in OTHER),
        *(pytest.param(*case, WITHIN, marks=pytest.mark.slow) for case in MORE),
    ],
)
def test_prediction_agrees_with_the_compiler(name, options, B, T, X, H, beginning, within):
    cell = cells.make(name, hidden_size=H, **options)
    way = named(plan_of(name, B, T, X, H, tuple(options.items())), beginning)
    real = compiled(cell, way, B, X)
    assert abs(way.bytes / real - 1) <= within, f"{way.bytes / real:.3f}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beginning", "masks"),
    [
        ("plain", True),
        ("fused, save=results", False),
        ("fused, remat", True),
        ("evaluation", False),
    ],
)
def test_prediction_for_a_stack_agrees_with_the_compiler(beginning, masks):
    B, _, X = STACK
    way = named(plan_of_stack(masks), beginning)
    rows = B if way.horizon else 2 * B
    real = compiled(stack(), way, rows, X, masks=masks, grad=bool(way.horizon))
    # Of two layers, XLA keeps the buffers of saved values apart that the plan counts once.
    assert abs(way.bytes / real - 1) <= STACKED, f"{way.bytes / real:.3f}"


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
def test_ways_of_every_cell_differ_as_they_must(name):
    spatial = (6, 6) if name == "conv_lstm" else ()
    cell = cells.make(name)
    plan = planned(cell, 3, 40, 5, spatial=spatial, masks=True)
    beginnings = ("plain scan", "fused, save=results", "fused, remat", "windows of 4")
    plain, fused, remat, window = (named(plan, beginning) for beginning in beginnings)
    params = jax.eval_shape(lambda key: cell.init(key, 5), jax.random.key(0))
    readout = cell.out_features + 1
    counted = 4 * (sum(a.size for a in jax.tree.leaves(params)) + readout)
    assert {way.weights for way in plan.ways} == {2 * counted}  # parameters and gradients
    assert remat.flops > fused.flops >= plain.flops  # some are done twice
    assert 10 * window.flops == fused.flops
    assert remat.activations < plain.activations


CHILD = """
import json, sys
import jax, jax.numpy as jnp, lstmx
jax.config.update("jax_num_cpu_devices", 1)
B, T, X, H = 64, 1000, 8, 128
cell = lstmx.cells.make("lstm", hidden_size=H)
plan = lstmx.plan_memory(cell, B, T, X, optimizer_slots=0, calibrate=False)
way = next(w for w in plan.ways if w.name.startswith(sys.argv[1]))
stack = lstmx.sequence.Stack(engine=way.engine, remat_every=way.remat_every)
model = lstmx.models.sequence_model(cell, X, 1, stack=stack)
params, xs = model.init(jax.random.key(0)), jnp.ones((B, T, X))
loss = lambda params, xs: jnp.mean(model.apply(params, xs)[0] ** 2)
step = jax.jit(jax.value_and_grad(loss)).lower(params, xs).compile()
from experiments.benchmarks.child import peak_bytes as peak
before = peak()
jax.block_until_ready(step(params, xs))
print(json.dumps([peak() - before, way.bytes - lstmx.planner.size_of((params, xs, xs[..., :1]))]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("beginning", ["plain scan", "fused, save=sites"])
def test_prediction_agrees_with_the_memory_of_a_process(beginning):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, beginning], capture_output=True, text=True, check=True
    )
    grown, predicted = json.loads(done.stdout)
    assert predicted > 250e6
    assert abs(predicted / grown - 1) <= WITHIN, f"{predicted / grown:.3f}"


def test_operations_and_buffers_of_small_programs_are_counted_exactly():
    needed = _program.cost(lambda a, b: jnp.tanh(a @ b).sum(), shape(3, 5), shape(5, 7))
    assert needed.flops == 2 * 3 * 5 * 7
    assert needed.peak == 4 * (3 * 7 + 1)  # the product, and the sum that reads it through tanh
    kernel = shape(3, 2, 7)
    conv = lambda a, k: jax.lax.conv_general_dilated(
        a, k, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
    )
    assert _program.cost(conv, shape(1, 11, 2), kernel).flops == 2 * 11 * 7 * (3 * 2)

    def powers(a, b):
        return jax.lax.scan(lambda s, _: (s @ b, s), a, None, length=10)

    needed = _program.cost(powers, shape(5, 5), shape(5, 5))
    assert needed.flops == 10 * 2 * 5**3
    assert needed.peak == 4 * 25 * (10 + 1 + 1)  # the stack, the result, a product in the loop


def test_a_stack_of_zeros_that_loops_share_is_there_from_the_first_one_on():
    def run(a, b, loops):
        for _ in range(loops):
            end, stack = jax.lax.scan(lambda s, _: (jnp.tanh(s @ b), s), a, None, length=50)
            a = end + stack.sum(0)
        return a

    for loops in (1, 3):
        step = lambda a, b, n=loops: run(a, b, n)
        needed = _program.cost(step, shape(50, 50), shape(50, 50))
        analysis = jax.jit(step).lower(shape(50, 50), shape(50, 50)).compile().memory_analysis()
        real = analysis.temp_size_in_bytes + analysis.output_size_in_bytes
        assert abs(needed.peak / real - 1) < 0.05, loops


def test_table_marks_what_auto_takes_and_says_why():
    plan = planned(cells.make("gru", hidden_size=5), 2, 40, 3, memory=2**30)
    (marked,) = [line for line in str(plan).splitlines() if line.startswith("*  ")]
    assert plan.chosen.name == "fused, save=results"
    assert plan.chosen.name in marked
    assert plan.why.endswith(f"{_table.size(plan.chosen.bytes)} of 1 GiB available")
    assert named(plan, "windows").horizon == 4
    assert plan.chosen.horizon == 40
    assert plan.chosen.steps_per_second is None


def test_advice_where_memory_does_not_suffice():
    plan = planned(cells.make("lstm", hidden_size=8), 16, 400, 3)
    remat, window = named(plan, "fused, remat"), named(plan, "windows")
    worse = remat._replace(remat_every=3, activations=int(1.1 * remat.activations))
    ask = lambda memory: _table.explained([*plan.ways, worse], plan.chosen, int(memory))
    assert f"set model.remat_every={remat.remat_every}" in ask(1.5 * remat.bytes)
    assert "train in windows of 40 steps" in ask(1.3 * window.bytes)
    assert "no way fits: make the batch" in ask(1000)


def test_an_engine_that_is_asked_for_is_the_one_chosen():
    cell = cells.make("lstm", hidden_size=5)
    plan = planned(cell, 2, 40, 3, stack=Stack(engine="scan", remat_every=8))
    assert plan.chosen.name == "as set"
    assert plan.chosen in plan.ways
    assert plan.chosen.bytes < named(plan, "plain scan").bytes


def test_weights_are_parameters_gradients_and_the_optimizers():
    cell = cells.make("lstm", hidden_size=5)
    params = cell.init(jax.random.key(0), 3)
    weights = 4 * (sum(a.size for a in jax.tree.leaves(params)) + 5 + 1)
    plan = lstmx.plan_memory(cell, 2, 7, 3, optimizer_slots=3, calibrate=False)
    assert plan.chosen.weights == 5 * weights


def test_bytes_for_people():
    sizes = [(999, "999 B"), (1000, "1000 B"), (1536, "1.5 KiB"), (2**20, "1 MiB")]
    assert all(_table.size(count) == text for count, text in sizes)
    assert _table.size(5000 * 2**30) == "5000 GiB"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0; expected at least 1"),
        ({"length": -3}, "length=-3; expected at least 1"),
        ({"layers": ()}, "no layers; expected a cell, or a sequence of cells"),
        ({"window": 8}, "window=8 is longer than the sequence of 7 steps"),
        (
            {"stack": Stack(engine="associative")},
            "engine 'associative' needs a cell that is linear",
        ),
        ({"layers": (cells.make("rnn"), CELL), "stack": Stack("highway")}, "skip_connections='hi"),
    ],
)
def test_bad_input_is_refused_in_one_line(options, message):
    arguments = {
        "layers": cells.make("lstm", hidden_size=5),
        "batch_size": 2,
        "length": 7,
        "in_features": 3,
        "calibrate": False,
        **options,
    }
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}.*\Z"):
        lstmx.plan_memory(**arguments)


def test_explain_says_what_a_config_needs(monkeypatch):
    monkeypatch.setattr(planner._rates, "measure", lambda *sizes: None)
    config = cfg.resolve(
        cfg.base(),
        {
            "name": "tiny",
            "task.batch_size": 4,
            "task.length": 20,
            "model.cell.hidden_size": 5,
            "evals": {"valid": {"split": "valid"}, "longer": {"length": 50}},
        },
    )
    text = _explain.explain(config)
    assert text.startswith("tiny: 1 replica, ")
    assert all(part in text for part in ("batches of 4 rows", "T=20 X=2 Y=1", "evaluation longer"))
    assert "evaluation valid" not in text


@pytest.mark.slow
def test_train_explains_and_writes_nothing(tmp_path):
    root = _explain.__file__.rpartition("/experiments")[0]
    words = ["-m", "experiments.train", f"--config={root}/configs/adding.py:quick", "--explain"]
    done = subprocess.run(
        [sys.executable, *words, f"--workdir={tmp_path}/runs"],
        capture_output=True,
        text=True,
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    assert "fused, save=results" in done.stdout
    assert "~" in done.stdout  # a speed
    assert not list(tmp_path.iterdir())
