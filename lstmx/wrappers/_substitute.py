"""Replaces intermediate values of a step, in its program."""

from collections.abc import Callable
from typing import Any

import jax

from lstmx import jaxprs, programs
from lstmx.programs import STATE, Values
from lstmx.types import Noise, Params, State
from lstmx.wrappers._common import Step


def gate(function: Step, name: str, change: Callable[[Any], Any]) -> Step:
    """Returns a step in which a gate is replaced by `change(gate)` wherever it is read.

    The gate is the variable that the step returns under this name. Operations that read it read the
    changed value; operations before it are not affected.
    """

    def changed(*arguments: Any) -> tuple[Any, Any, Any]:
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        # Inside a jitted function the variables that depend on the gate are hidden in the call, and
        # the caller sees results only: so calls are inlined.
        program = jaxprs.inlined(traced)
        leaves, tree = jax.tree.flatten(shapes)
        # The position of each result, in the structure that the step returns: of its third part,
        # the gates, the one of this name.
        positions = jax.tree.unflatten(tree, range(len(leaves)))
        target = program.jaxpr.outvars[positions[2][name]]
        if not any(target is v for equation in program.jaxpr.eqns for v in equation.outvars):
            raise ValueError(f"gate {name!r} is not computed by the step; expected one that is")

        def rule(equation: Any, operands: list[Any]) -> list[Any]:
            results = jaxprs.bind(equation, operands)
            pairs = zip(equation.outvars, results)
            return [change(value) if variable is target else value for variable, value in pairs]

        values = jax.tree.leaves(arguments)
        results = jaxprs.evaluate(program.jaxpr, program.consts, values, rule)
        return jax.tree.unflatten(tree, results)

    return changed


def products_read(
    step: Step, params: Params, state: State, read: State, x: Any, noise: Noise
) -> tuple[Any, Any, Any]:
    """Returns (state, y, gates) of a step whose products with parameters read another state.

    The pre-activations are those of a step from `read`, and all else is computed from `state`.
    """

    def split(params: Params, state: State, now: Any) -> tuple[Any, Any]:
        new, y, gates = step(params, state, *now)
        return new, (y, gates)

    program, closed, results = programs.trace(split, params, state, (x, noise))
    leaves = [*closed, *jax.tree.leaves((params, (x, noise)))]
    given = dict(zip([*program.params, *program.xs], leaves))
    values = lambda of: given | dict(zip(program.state, jax.tree.leaves(of)))
    sites = [v for v in program.sites if program.kinds[v] == STATE]
    known = dict(zip(sites, Values(program, values(read)).all(sites)))
    evaluated = Values(program, values(state) | known)
    found = evaluated.all([*program.new_state, *program.outputs])
    new, (y, gates) = jax.tree.unflatten(jax.tree.structure(results), found)
    return new, y, gates
