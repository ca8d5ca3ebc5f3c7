"""Replaces one intermediate value of a function, in its jaxpr."""

from collections.abc import Callable
from typing import Any

import jax

from lstmx import jaxprs


def gate(
    function: Callable[..., tuple[Any, Any, Any]], name: str, change: Callable[[Any], Any]
) -> Callable[..., tuple[Any, Any, Any]]:
    """Returns an `update` in which a gate is replaced by `change(gate)` wherever it is read.

    The gate is the variable that `update` returns under this name. Operations that read it read the
    changed value; operations before it are not affected.
    """

    def changed(*arguments: Any) -> tuple[Any, Any, Any]:
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        # Inside a jitted function the variables that depend on the gate are hidden in the call, and
        # the caller sees results only: so calls are inlined.
        program = jaxprs.inlined(traced)
        leaves, tree = jax.tree.flatten(shapes)
        # The position of each result, in the structure that `update` returns: of its third part,
        # the gates, the one of this name.
        positions = jax.tree.unflatten(tree, range(len(leaves)))
        target = program.jaxpr.outvars[positions[2][name]]
        if not any(target is v for equation in program.jaxpr.eqns for v in equation.outvars):
            raise ValueError(f"gate {name!r} is not computed by update; expected one that is")

        def rule(equation: Any, operands: list[Any]) -> list[Any]:
            results = jaxprs.bind(equation, operands)
            pairs = zip(equation.outvars, results)
            return [change(value) if variable is target else value for variable, value in pairs]

        values = jax.tree.leaves(arguments)
        results = jaxprs.evaluate(program.jaxpr, program.consts, values, rule)
        return jax.tree.unflatten(tree, results)

    return changed
