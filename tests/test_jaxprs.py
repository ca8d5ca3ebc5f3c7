"""Traced programs: evaluated with a rule, inlined, and which arguments they read."""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import cells, jaxprs, wrappers
from lstmx.sequence import unroll

A, B = jnp.linspace(-1.0, 1.0, 5), jnp.linspace(1.0, 2.0, 5)


@jax.jit
def inner(a, b):
    return jnp.tanh(a) * b


def function(a, b):
    return inner(a, b) + jax.lax.fori_loop(0, 3, lambda _, s: inner(s, b), a), 2.0


def names(program):
    return [equation.primitive.name for equation in program.jaxpr.eqns]


def test_evaluated_without_a_rule_a_program_is_what_was_traced():
    program = jax.make_jaxpr(function)(A, B)
    results = jaxprs.evaluate(program.jaxpr, program.consts, [A, B])
    for got, expected in zip(results, function(A, B), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_rule_replaces_the_results_of_an_equation():
    program = jax.make_jaxpr(lambda a, b: jnp.sin(a) + b)(A, B)
    cosine = lambda e, values: (
        [jnp.cos(*values)] if e.primitive.name == "sin" else jaxprs.bind(e, values)
    )
    (result,) = jaxprs.evaluate(program.jaxpr, program.consts, [A, B], cosine)
    np.testing.assert_array_equal(result, jnp.cos(A) + B)


def test_inlined_calls_leave_their_equations_and_loops_stay():
    program = jaxprs.inlined(jax.make_jaxpr(lambda a, b: inner(inner(a, b), b) + inner(a, b))(A, B))
    assert names(program) == ["tanh", "mul", "tanh", "mul", "tanh", "mul", "add"]
    looped = jaxprs.inlined(jax.make_jaxpr(function)(A, B))
    assert names(looped)[:2] == ["tanh", "mul"]
    assert {"scan", "while"} & set(names(looped))
    results = jaxprs.evaluate(looped.jaxpr, looped.consts, [A, B])
    np.testing.assert_array_equal(results[0], function(A, B)[0])


def test_a_custom_derivative_is_not_inlined():
    program = jaxprs.inlined(jax.make_jaxpr(jax.jit(jax.nn.relu))(A))
    assert names(program) == ["custom_jvp_call"]


def test_programs_of_a_branch_are_returned_and_rewritten():
    program = jax.make_jaxpr(lambda a: jax.lax.cond(a[0] > 0, jnp.sin, jnp.cos, a))(A)
    (branch,) = [e for e in program.jaxpr.eqns if e.primitive.name == "cond"]
    assert [names(p) for p in jaxprs.programs(branch.params)] == [["cos"], ["sin"]]
    first = jaxprs.programs(branch.params)[0]
    params = jaxprs.rewritten(branch.params, lambda _: first)
    operands = [jnp.int32(1), A]
    np.testing.assert_array_equal(jaxprs.bind(branch, operands, params)[0], jnp.cos(A))


def test_update_dropout_reaches_what_a_jitted_update_computes_from_the_gate():
    plain = cells.make("lstm", hidden_size=5)
    jitted = plain._replace(step=jax.jit(plain.step))
    params, xs = plain.init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (2, 7, 3))
    dropped, same = (
        unroll(wrappers.update_dropout(cell, 0.5), params, xs, key=jax.random.key(2)).outputs
        for cell in (plain, jitted)
    )
    np.testing.assert_allclose(same, dropped, rtol=1e-6)
