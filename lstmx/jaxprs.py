"""Traced programs (jaxprs): evaluated with a rule per equation, inlined, classified.

A jaxpr is a list of equations in the order of their execution, each a primitive applied to
variables and literals. `evaluate` walks it; a rule says what an equation means, and so also what a
value is: an array, a tracer, or a record of how many bytes it takes.

    wrappers    an equation's result replaced             values are arrays
    precision   operands of matrix products rounded       values are arrays, inner programs too
    planner     buffers and operations counted            values are records; calls are followed
    engines     only asks which arguments are read
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

Rule = Callable[[Any, list[Any]], Sequence[Any]]
"""(equation, the values of its operands) -> the values of its results."""

CALLS = ("jit", "pjit", "closed_call", "core_call")
"""Primitives that run a program and mean nothing else. Not `custom_jvp_call` and its like, which
bring a derivative of their own, and not `checkpoint`, which says what to keep for one."""


def value_of(literal: Any) -> Any:
    """What a literal stands for where values are arrays."""
    return literal.val


def bind(equation: Any, operands: Sequence[Any], params: Mapping[str, Any] | None = None) -> Any:
    """The results of an equation as a list: the rule that changes nothing.

    Args:
        params: replace those of the equation.
    """
    primitive = equation.primitive
    # A traced call keeps functions among its parameters; `bind` wants them as they were given.
    options = primitive.get_bind_params(equation.params if params is None else params)
    results = primitive.bind(*operands, **options)
    return results if primitive.multiple_results else [results]


def evaluate(
    jaxpr: Jaxpr,
    consts: Sequence[Any],
    arguments: Sequence[Any],
    rule: Rule = bind,
    literal: Callable[[Any], Any] = value_of,
) -> list[Any]:
    """The results of a program, with a rule for its equations.

    Args:
        jaxpr: the program; `consts` and `arguments`, the values of its variables.
        rule: what an equation means.
        literal: the value of a literal.
    """
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True))

    def read(atom: Any) -> Any:
        return literal(atom) if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        results = rule(equation, [read(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, results))
    return [read(atom) for atom in jaxpr.outvars]


def inlined(program: ClosedJaxpr) -> ClosedJaxpr:
    """The program with the equations of what it calls (`jax.jit`) in place of the calls.

    A value that a jitted part computes on its way is a variable of the program only then.
    """

    def rule(equation: Any, operands: list[Any]) -> Sequence[Any]:
        if equation.primitive.name not in CALLS:
            return bind(equation, operands)
        (called,) = programs(equation.params)
        return evaluate(called.jaxpr, called.consts, operands, rule)

    if not any(equation.primitive.name in CALLS for equation in program.jaxpr.eqns):
        return program
    # Traced anew, so that JAX makes the variables: a program that is called twice needs two sets.
    run = lambda *arguments: evaluate(program.jaxpr, program.consts, arguments, rule)
    return jax.make_jaxpr(run)(*program.in_avals)


def programs(params: Mapping[str, Any]) -> list[ClosedJaxpr]:
    """The programs that an equation holds: of a call, the body of a loop, the branches of one."""
    found: list[ClosedJaxpr] = []

    def note(program: ClosedJaxpr) -> ClosedJaxpr:
        found.append(program)
        return program

    rewritten(params, note)
    return found


def rewritten(
    params: Mapping[str, Any], rewrite: Callable[[ClosedJaxpr], ClosedJaxpr]
) -> dict[str, Any]:
    """An equation's parameters with the programs among them rewritten."""

    def inner(value: Any) -> Any:
        if type(value) in (tuple, list):  # branches; a NamedTuple is no list of programs
            return type(value)(map(inner, value))
        if isinstance(value, ClosedJaxpr):
            return rewrite(value)
        if isinstance(value, Jaxpr):  # without constants: of checkpoint, before jax 0.12
            return rewrite(ClosedJaxpr(value, ())).jaxpr
        return value

    return {key: inner(value) for key, value in params.items()}


def reads(jaxpr: Jaxpr) -> list[bool]:
    """For each argument of a program whether anything in it, or its result, reads the argument."""
    read = {id(atom) for equation in jaxpr.eqns for atom in equation.invars}
    read |= {id(atom) for atom in jaxpr.outvars}
    return [id(variable) in read for variable in jaxpr.invars]
