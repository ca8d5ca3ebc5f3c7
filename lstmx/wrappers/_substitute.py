"""A function with one of its intermediate values replaced, by way of its jaxpr."""

from collections.abc import Callable
from typing import Any

import jax

from lstmx import jaxprs


def gate(
    function: Callable[..., tuple[Any, Any, Any]], name: str, change: Callable[[Any], Any]
) -> Callable[..., tuple[Any, Any, Any]]:
    """An `update` in which all that is computed from a gate is computed from `change(gate)`.

    What counts is the value that `update` returns as that gate: whatever reads it further on reads
    the changed value, whatever was computed before stays as it was.
    """

    def changed(*arguments: Any) -> tuple[Any, Any, Any]:
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        # Of a jitted function the gate is a result like the others, and what else is computed from
        # it is hidden in the call: so calls are replaced by what they compute.
        program = jaxprs.inlined(traced)
        leaves, tree = jax.tree.flatten(shapes)
        numbers = jax.tree.unflatten(tree, range(len(leaves)))
        watched = program.jaxpr.outvars[numbers[2][name]]
        if not any(watched is v for equation in program.jaxpr.eqns for v in equation.outvars):
            raise ValueError(f"gate {name!r} is not computed by update; expected one that is")

        def rule(equation: Any, operands: list[Any]) -> list[Any]:
            results = jaxprs.bind(equation, operands)
            pairs = zip(equation.outvars, results)
            return [change(value) if variable is watched else value for variable, value in pairs]

        values = jax.tree.leaves(arguments)
        results = jaxprs.evaluate(program.jaxpr, program.consts, values, rule)
        return jax.tree.unflatten(tree, results)

    return changed
