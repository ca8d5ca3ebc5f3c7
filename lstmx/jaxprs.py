"""Traced programs (jaxprs): evaluated with a rule per equation, inlined, inspected.

A jaxpr is a list of equations in the order of their execution, each a primitive applied to
variables and literals. `evaluate` is an interpreter: it computes the values of all variables, with
a rule that maps an equation and its operands to results. The rule also determines what a value is:
an array, a tracer, or a record such as a number of bytes.

    wrappers    replace the result of an equation         values are arrays
    precision   round the operands of matrix products     values are arrays; inner programs too
    planner     count buffers and operations              values are records; calls are inlined
    programs    compute what a derivative reads           values are arrays
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

Rule = Callable[[Any, list[Any]], Sequence[Any]]
"""(equation, the values of its operands) -> the values of its results."""

CALLS = ("jit", "pjit", "closed_call", "core_call")
"""Primitives that only call a program. `custom_jvp_call` and `custom_vjp_call` are not among them,
as they also define a derivative, nor is `checkpoint`, which limits what a derivative may store."""


def value_of(literal: Any) -> Any:
    """Returns the value of a literal, where values are arrays."""
    return literal.val


def bind(equation: Any, operands: Sequence[Any], params: Mapping[str, Any] | None = None) -> Any:
    """Returns the results of an equation as a list: the rule that evaluates it unchanged.

    Args:
        params: parameters to use instead of the equation's.
    """
    primitive = equation.primitive
    # Parameters of a traced call, such as the functions of a custom derivative, are stored in
    # another form than `bind` expects.
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
    """Returns the results of a program, evaluated with a rule for its equations.

    Args:
        jaxpr: the program.
        consts: values of its constant variables.
        arguments: values of its input variables.
        rule: (equation, operands) -> results.
        literal: (literal) -> its value.
    """
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True))

    def read(atom: Any) -> Any:
        return literal(atom) if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        results = rule(equation, [read(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, results))
    return [read(atom) for atom in jaxpr.outvars]


def inlined(program: ClosedJaxpr, calls: Sequence[str] = CALLS) -> ClosedJaxpr:
    """Returns the program with calls (`jax.jit`) replaced by the equations of the called programs.

    Intermediate values of a jitted function are variables of the program only after inlining.

    Args:
        calls: names of the primitives that are replaced.
    """

    def rule(equation: Any, operands: list[Any]) -> Sequence[Any]:
        if equation.primitive.name not in calls:
            return bind(equation, operands)
        (called,) = programs(equation.params)
        return evaluate(called.jaxpr, called.consts, operands, rule)

    if not any(equation.primitive.name in calls for equation in program.jaxpr.eqns):
        return program
    # Equations cannot be copied into the caller: a program that is called twice needs two sets of
    # variables. Tracing an evaluation of the program lets JAX create them.
    run = lambda *arguments: evaluate(program.jaxpr, program.consts, arguments, rule)
    return jax.make_jaxpr(run)(*program.in_avals)


def programs(params: Mapping[str, Any]) -> list[ClosedJaxpr]:
    """Returns the programs among an equation's parameters: of a call, a loop body, branches."""
    inner: list[ClosedJaxpr] = []

    def collect(program: ClosedJaxpr) -> ClosedJaxpr:
        inner.append(program)
        return program

    rewritten(params, collect)
    return inner


def rewritten(
    params: Mapping[str, Any], rewrite: Callable[[ClosedJaxpr], ClosedJaxpr]
) -> dict[str, Any]:
    """Returns an equation's parameters with `rewrite` applied to the programs among them."""

    def replaced(value: Any) -> Any:
        if type(value) in (tuple, list):  # branches of cond; NamedTuples are left as they are
            return type(value)(map(replaced, value))
        if isinstance(value, ClosedJaxpr):
            return rewrite(value)
        if isinstance(value, Jaxpr):  # without constants: `checkpoint` before jax 0.12
            return rewrite(ClosedJaxpr(value, ())).jaxpr
        return value

    return {key: replaced(value) for key, value in params.items()}
