"""Cells: each equals its float64 oracle, answers every question, and refuses nonsense in a line.

A cell is tested by writing `tests/reference/<name>.py`; its head says what that module offers.
Nothing here names a cell, but for the last tests, of `cells.make` itself.
"""

import functools
import importlib
import importlib.util

import jax
import jax.numpy as jnp
import pytest
from helpers import B, T, X
from learning import LEARNED, first_and_last

from lstmx import cells
from lstmx.sequence import unroll
from lstmx.testing import check_cell, oracles

H = 6  # divides into blocks and heads of 2 and 3
PLAIN = ("gru", "lstm", "rnn")


@functools.cache
def oracle(name):
    return importlib.import_module(f"reference.{name}")


def shipped():
    """The cells that have an oracle; a test below says which have none."""
    return [name for name in cells.names() if importlib.util.find_spec(f"reference.{name}")]


def quick(name):
    """The cases whose steps differ most."""
    return getattr(oracle(name), "QUICK", tuple(oracle(name).CASES)[:1])


def cases(pick, ask_quickly=None):
    """(name, options) of the cases that pick(name) names; slow where they are no quick ones."""
    return [
        pytest.param(
            name,
            {"hidden_size": H} | oracle(name).CASES[case],
            id=f"{name}-{case}",
            marks=()
            if case in quick(name) and name in (ask_quickly or [name])
            else pytest.mark.slow,
        )
        for name in shipped()
        for case in pick(name)
    ]


def refusals():
    tables = [(name, getattr(oracle(name), "REFUSED", {})) for name in shipped()]
    return [(name, options, line) for name, lines in tables for line, options in lines.items()]


def recalls():
    tables = [(name, getattr(oracle(name), "RECALL", {"default": {}})) for name in shipped()]
    return [
        pytest.param(name, options, id=f"{name}-{case}")
        for name, known in tables
        for case, options in known.items()
    ]


def first(name):
    """The cell of the first case."""
    return cells.make(name, **{"hidden_size": H} | next(iter(oracle(name).CASES.values())))


def inputs(name, options):
    return oracles.inputs(oracle(name), options, batch_size=B, length=T, X=X)


def shapes(cell):
    return jax.eval_shape(lambda key: cell.init(key, X), jax.random.key(0))


@pytest.mark.parametrize("name", cells.names())
def test_shipped_cell_has_an_oracle_with_cases(name):
    assert importlib.util.find_spec(f"reference.{name}"), f"write tests/reference/{name}.py"
    assert oracle(name).CASES, f"tests/reference/{name}.py needs CASES: id -> options"
    assert set(getattr(oracle(name), "QUICK", ())) <= set(oracle(name).CASES)


@pytest.mark.parametrize("name", cells.names())
def test_bare_call_makes_a_cell_of_64_units(name):
    cell = cells.make(name)
    spatial = inputs(name, {}).shape[2:-1]

    def run(key):
        params = cell.init(key, X)
        x = jnp.ones((B, *spatial, X))
        return cell.step(params, cell.initial_state(params, (B, *spatial)), x)

    _, y, gates = jax.eval_shape(run, jax.random.key(0))
    assert y.shape == (B, *spatial, cell.out_features)
    assert cells.make(name, hidden_size=64) is cell
    assert set(gates) == set(cell.gates)


@pytest.mark.compiled
@pytest.mark.parametrize(("name", "options"), cases(lambda name: oracle(name).CASES))
def test_values_and_gradients_equal_the_oracle(x64, strict, name, options):
    """Outputs, gates, states and gradients, all of one compilation."""
    found = oracles.oracle_errors(cells.make(name, **options), oracle(name), options)
    limits = ((found.values, oracles.VALUES), (found.slopes, oracles.SLOPES))
    wrong = {k: f"{e:.1e}" for errors, limit in limits for k, e in errors.items() if not e <= limit}
    assert not wrong


@pytest.mark.parametrize(("name", "options"), cases(lambda name: quick(name)[:1], PLAIN))
def test_cell_answers_every_question(strict, name, options):
    """All but those of engines, which `test_engines.py` asks with all derivatives."""
    xs = inputs(name, options)
    xs = jnp.asarray(xs, jnp.float32) if xs.ndim > 3 else None
    check_cell(cells.make(name, **options), in_features=X, xs=xs, engine_names=())


@pytest.mark.parametrize("name", [n for n in shipped() if hasattr(oracle(n), "parameters")])
def test_cell_has_the_parameters_of_its_equations_and_no_others(name):
    for case, options in oracle(name).CASES.items():
        options = {"hidden_size": H} | options
        found = sum(leaf.size for leaf in jax.tree.leaves(shapes(cells.make(name, **options))))
        assert found == oracle(name).parameters(X, **options), case


@pytest.mark.parametrize("name", shipped())
def test_types_of_parameters_are_kept_and_init_maps_over_keys(strict, name):
    cell, xs = first(name), inputs(name, {})

    def run(keys):
        params = jax.vmap(lambda key: cell.init(key, X))(keys)
        half = jax.tree.map(lambda a: a[0].astype(jnp.bfloat16), params)
        state = cell.initial_state(half, (B, *xs.shape[2:-1]))
        return state, cell.step(half, state, jnp.ones(xs[:, 0].shape, jnp.bfloat16))

    got = jax.eval_shape(run, jax.random.split(jax.random.key(0), 4))
    assert {a.dtype for a in jax.tree.leaves(got)} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), recalls())
def test_cell_learns_to_recall_the_first_of_ten_inputs(name, options):
    cell = cells.make(name, **{"hidden_size": 8} | options)
    spatial = inputs(name, options).shape[2:-1]

    def loss(params, key):
        xs = jax.random.normal(key, (32, 10, *spatial, 1))
        recalled = unroll(cell, params["cell"], xs).outputs[:, -1] @ params["readout"]
        return jnp.mean((recalled - xs[:, 0]) ** 2)  # 1 for who has forgotten it

    readout = jnp.zeros((cell.out_features, 1))
    start = {"cell": cell.init(jax.random.key(0), 1), "readout": readout}
    first, last = first_and_last(loss, start)
    assert first > 0.5
    assert last < LEARNED


@pytest.mark.parametrize(("name", "options", "line"), refusals())
def test_wrong_option_is_refused_in_one_line(name, options, line):
    with pytest.raises(ValueError, match=line) as error:
        cells.make(name, **options)
    assert "\n" not in str(error.value)


def test_equal_options_make_the_same_cell_and_others_another():
    assert cells.make("lstm") is cells.make("lstm", hidden_size=64)
    assert cells.make("lstm", forget_bias=1) is cells.make("lstm", forget_bias=1.0)
    assert cells.make("lstm", input_gate=True) is cells.make("lstm", input_gate=True)
    assert cells.make("lstm", hidden_size=5) is not cells.make("lstm")
    # True == 1 in Python, but 1 is no flag; the cached cell must not answer for it.
    with pytest.raises(ValueError, match="expected bool"):
        cells.make("lstm", input_gate=1)


@pytest.mark.parametrize("name", cells.names())
def test_no_inputs_are_refused_in_one_line(name):
    with pytest.raises(ValueError, match="in_features=0; expected at least 1") as error:
        jax.eval_shape(lambda key: cells.make(name).init(key, 0), jax.random.key(0))
    assert "\n" not in str(error.value)
