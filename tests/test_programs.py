"""What is found in the program of a step: kinds of values, pre-activations, weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import cells, programs
from lstmx.programs import INPUTS, STATE, Values

B, X, H = 2, 3, 5
VECTOR = jax.ShapeDtypeStruct((B, H), jnp.float32)
INPUT = jax.ShapeDtypeStruct((B, X), jnp.float32)
PARAMS = {
    "W": jax.ShapeDtypeStruct((X, H), jnp.float32),
    "R": jax.ShapeDtypeStruct((H, H), jnp.float32),
    "b": jax.ShapeDtypeStruct((H,), jnp.float32),
}


def traced(function, params=PARAMS):
    return programs.trace(function, params, VECTOR, INPUT)[0]


def shapes(variables):
    return sorted(v.aval.shape for v in variables)


def of_cell(name, **options):
    cell = cells.make(name, hidden_size=H, **options)
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), X))
    state = jax.eval_shape(lambda p: cell.initial_state(p, (B,)), params)
    return programs.trace(lambda *now: cell.step(*now)[:2], params, state, INPUT)[0]


def test_a_sum_of_products_is_one_site():
    def rnn(p, h, x):
        h = jnp.tanh(x @ p["W"] + h @ p["R"] + p["b"])
        return h, h

    program = traced(rnn)
    (site,) = program.sites
    assert program.kinds[site] == STATE
    assert [e.primitive.name for e in program.equations if not program.in_site(e)] == [
        "broadcast_in_dim",
        "tanh",
    ]


def test_gates_are_split_after_the_site_and_added_to_before_it():
    def split(p, h, x):
        a, b = jnp.split(h @ p["R"], [2], axis=-1)
        return jnp.concatenate([jnp.tanh(a), b], -1), ()

    def added(p, h, x):
        a, b = jnp.split(h @ p["R"], [2], axis=-1)
        return jnp.concatenate([jnp.tanh(a + x[:, :2]), b], -1), ()

    assert shapes(traced(split).sites) == [(B, H)]
    assert shapes(traced(added).sites) == [(B, 2), (B, 3)]


def test_products_of_inputs_that_the_state_is_not_added_to_are_sites_of_the_inputs():
    def gated(p, h, x):
        z = jax.nn.sigmoid(x @ p["W"])
        return z * h, h

    program = traced(gated)
    assert [program.kinds[site] for site in program.sites] == [INPUTS]
    assert not program.recurrent
    assert [v.aval.shape for v in program.entering] == [(B, H)]


@pytest.mark.parametrize(
    ("name", "options", "sites"),
    [
        ("lstm", {}, 1),
        ("lstm", {"variant": "V"}, 4),
        ("gru", {"reset": "before"}, 3),
        ("rhn", {"depth": 3}, 3),
    ],
)
def test_sites_of_cells(name, options, sites):
    program = of_cell(name, **options)
    assert program.recurrent
    assert sum(program.kinds[site] == STATE for site in program.sites) == sites


def test_an_outer_product_of_inputs_is_computed_step_by_step():
    program = of_cell("mlstm")
    assert not program.recurrent
    assert max(v.aval.size for v in program.frontier) == B * H
    outer = [v for v in program.definitions if v.aval.size == B * H * H]
    assert {program.kinds[v] for v in outer} == {STATE}


def test_what_depends_on_parameters_alone_is_a_weight_in_the_form_that_is_read():
    def scaled(p, h, x):
        h = jnp.tanh(h @ (2 * p["R"]) + p["b"])
        return h, h

    program = traced(scaled)
    assert shapes(program.weights) == [(H,), (H, H)]
    assert program.params[0] not in program.weights  # the names are sorted: this is R


def test_closed_over_values_are_the_first_parameters():
    R = jnp.eye(H)
    program, closed, _ = programs.trace(
        lambda p, h, x: (jnp.tanh(h @ R) * p, h), jnp.ones(()), VECTOR, INPUT
    )
    np.testing.assert_array_equal(closed[0], R)
    assert [v.aval.shape for v in program.params] == [(H, H), ()]


def test_values_are_computed_once_and_given_ones_never():
    program = of_cell("lstm")
    counted = []

    def bind(equation, operands):
        counted.append(equation.primitive.name)
        return [jnp.zeros(v.aval.shape, v.aval.dtype) for v in equation.outvars]

    given = {v: jnp.ones(v.aval.shape) for v in [*program.weights, *program.state, *program.xs]}
    (site,) = program.sites
    values = Values(program, given | {site: jnp.ones(site.aval.shape)}, bind)
    values.all(program.new_state)
    assert "dot_general" not in counted
    before = len(counted)
    values.all(program.new_state)
    assert len(counted) == before
    assert site in values.given_reads()
    assert not values.given_reads() & set(program.xs)


def test_a_step_deeper_than_the_stack_of_python_is_evaluated():
    def deep(p, h, x):
        for _ in range(1500):
            h = h + 1
        return h, h

    program = traced(deep)
    values = Values(program, {program.state[0]: jnp.zeros((B, H))}, lambda e, v: [v[0] + v[1]])
    assert values[program.new_state[0]][0, 0] == 1500
