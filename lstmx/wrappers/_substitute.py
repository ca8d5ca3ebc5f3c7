"""A function with one of its intermediate values replaced, by way of its jaxpr."""

from collections.abc import Callable
from typing import Any

import jax
from jax.extend import core


def gate(
    function: Callable[..., tuple[Any, Any, Any]], name: str, change: Callable[[Any], Any]
) -> Callable[..., tuple[Any, Any, Any]]:
    """An `update` in which all that is computed from a gate is computed from `change(gate)`.

    What counts is the value that `update` returns as that gate: whatever reads it further on reads
    the changed value, whatever was computed before stays as it was.
    """

    def changed(*arguments: Any) -> tuple[Any, Any, Any]:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        leaves, tree = jax.tree.flatten(shapes)
        numbers = jax.tree.unflatten(tree, range(len(leaves)))
        watched = closed.jaxpr.outvars[numbers[2][name]]
        if not any(watched is v for equation in closed.jaxpr.eqns for v in equation.outvars):
            raise ValueError(f"gate {name!r} is not computed by update; expected one that is")
        values = dict(zip(closed.jaxpr.constvars, closed.consts))
        values |= zip(closed.jaxpr.invars, jax.tree.leaves(arguments))

        def read(atom: Any) -> Any:
            return atom.val if isinstance(atom, core.Literal) else values[atom]

        for equation in closed.jaxpr.eqns:
            options = equation.primitive.get_bind_params(equation.params)
            result = equation.primitive.bind(*map(read, equation.invars), **options)
            results = result if equation.primitive.multiple_results else [result]
            for variable, value in zip(equation.outvars, results):
                values[variable] = change(value) if variable is watched else value
        return jax.tree.unflatten(tree, [read(atom) for atom in closed.jaxpr.outvars])

    return changed
