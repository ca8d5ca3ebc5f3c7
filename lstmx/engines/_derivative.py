"""The tangent of a step in two parts: direct terms of many steps at once, and the loop.

    direct   the tangents of what depends on parameters and inputs, states held fixed
    loop     the tangent of the new state, from that of the state and from the direct terms

Both are run twice: once on shapes, which tells what values they read, and once on arrays.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Literal

from lstmx.engines._tangents import Tangent, over_steps, push
from lstmx.parallel import shards
from lstmx.programs import COPIES, PARAMS, PRODUCTS, STATE, Program, Values
from lstmx.types import Array

COSTLY = (
    *("tanh", "logistic", "exp", "exp2", "expm1", "log", "log1p", "erf", "sin", "cos", "pow"),
    *("sqrt", "rsqrt", "reduce_sum", "reduce_max", "reduce_min", "cumsum"),
)
"""Primitives, apart from products, whose results are saved: computing them again costs more."""
LOOPS = ("scan", "while", "cond")
"""Primitives that run a program of their own, whose results are saved."""
ELEMENTWISE = ("add", "sub", "mul", "div")
"""Primitives of which a smaller operand is repeated for each row, and may have a larger tangent."""
Tangents = Mapping[Any, Tangent]
"""Variable -> its tangent; a variable that is missing has none."""


class Changing(NamedTuple):
    """The inputs of a scan that have a tangent, by number.

    Attributes:
        weights: of `Program.weights`.
        state: of `Program.state`; all floats, as any of them may change in the loop.
        xs: of `Program.xs`.
    """

    weights: list[int]
    state: list[int]
    xs: list[int]


class Direct(NamedTuple):
    """The direct terms of a step.

    Attributes:
        sites: site -> its direct term.
        entering: value of the inputs that the loop reads -> its tangent.
    """

    sites: Tangents
    entering: Tangents


class Reads(NamedTuple):
    """The values that the two parts of a tangent read.

    Attributes:
        stored: all of them that are neither weights nor inputs, in the order of execution.
        loop: those of `stored` that the loop reads.
        xs: numbers of the inputs that the loop reads.
    """

    stored: list[Any]
    loop: list[Any]
    xs: list[int]


def changing(program: Program, weights: Sequence[Any], xs: Sequence[Any]) -> Changing:
    """Returns which inputs have a tangent that is no symbolic zero."""
    moving = lambda tangents: [
        k for k, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero)
    ]
    floats = [k for k, v in enumerate(program.state) if jnp.issubdtype(v.aval.dtype, jnp.inexact)]
    return Changing(moving(weights), floats, moving(xs))


def direct(
    program: Program, values: Values, dweights: Tangents, dxs: Tangents, steps: int | None = None
) -> Direct:
    """Returns the direct terms of a step, or of K steps whose values are known.

    Args:
        steps: K, where the values are those of `bind_rows`.
        dweights: tangents of `Program.weights`.
        dxs: tangents of `Program.xs`.
    """
    tangents, sites = dict(dxs), {}
    for equation in program.equations:
        kind = program.kind(equation.outvars[0])
        if kind == PARAMS or (kind == STATE and not program.in_site(equation)):
            continue
        operands = [
            of_params(program, values, dweights, atom)
            if program.kind(atom) == PARAMS
            else tangents.get(atom)
            for atom in equation.invars
        ]
        for variable, tangent in zip(equation.outvars, push(equation, values, operands)):
            if tangent is None:
                continue
            # The loop adds this term to the site, and all that reads the site is moved there.
            if kind == STATE and variable in program.sites:
                sites[variable] = tangent
            else:
                tangents[variable] = tangent
    entering = {v: tangents[v] for v in program.entering if v in tangents}
    if steps is not None:  # the term of a bias alone is equal at all steps
        every = lambda of: {v: over_steps(t, steps, v.aval.shape) for v, t in of.items()}
        sites, entering = every(sites), every(entering)
    return Direct(sites, entering)


def loop(
    program: Program,
    values: Values,
    dstate: Tangents,
    terms: Direct,
    vectors: Tangents,
    transposed: Mapping[Any, Array],
) -> tuple[list[Tangent], list[Tangent]]:
    """Returns the tangents of the new state and of the outputs of a step.

    Args:
        dstate: tangents of `Program.state`.
        terms: the direct terms of this step.
        vectors: from `by_row`.
        transposed: from `transposes`.
    """
    tangents: dict[Any, Tangent] = {**vectors, **terms.entering, **dstate}
    of = lambda atom: None if isinstance(atom, Literal) else tangents.get(atom)
    for equation in program.state_equations:
        # In a site, parameters and inputs are in its direct term already.
        inside = program.in_site(equation)
        operands = [
            None if inside and program.kind(atom) < STATE else of(atom) for atom in equation.invars
        ]
        results = push(equation, values, operands, transposed)
        for variable, tangent in zip(equation.outvars, results):
            term = terms.sites.get(variable)
            if term is not None:
                tangent = term if tangent is None else tangent + term
            if tangent is not None:
                tangents[variable] = tangent
    return [of(atom) for atom in program.new_state], [of(atom) for atom in program.outputs]


def of_params(program: Program, values: Values, dweights: Tangents, atom: Any) -> Tangent:
    """Returns the tangent of a value of kind PARAMS: a weight, or copies of one."""
    if isinstance(atom, Literal):
        return None
    if atom in dweights or atom not in program.definitions:
        return dweights.get(atom)
    equation = program.definitions[atom]
    if equation.primitive.name not in COPIES:
        return None
    operands = [of_params(program, values, dweights, a) for a in equation.invars]
    return push(equation, values, operands)[0]


def by_row(program: Program, values: Values, dweights: Tangents) -> Tangents:
    """Returns the tangents of parameters that the loop reads outside of sites, such as peepholes.

    They have an entry for every row where the equation that reads them has. The loop then adds up
    the gradient of a vector as [B, H], without a sum over rows at every step; that sum is the
    transpose of the broadcast here. For LSTM V of 64 units, T=100, B=32, on two cores this takes
    6.4 ms, and 7.2 with the gradients of vectors taken outside the loop, over a block of steps.
    """
    readers: dict[Any, list[Any]] = {}
    for equation in program.state_equations:
        if not program.in_site(equation):
            for atom in equation.invars:
                if program.kind(atom) == PARAMS and not isinstance(atom, Literal):
                    readers.setdefault(atom, []).append(equation)
    results = [a for a in [*program.new_state, *program.outputs] if not isinstance(a, Literal)]
    vectors: dict[Any, Tangent] = {}
    for atom in dict.fromkeys([*readers, *(a for a in results if program.kind(a) == PARAMS)]):
        tangent = of_params(program, values, dweights, atom)
        if tangent is None:
            continue
        read_by = [] if atom in results else readers[atom]
        shapes = {e.outvars[0].aval.shape for e in read_by}
        if len(shapes) == 1 and all(e.primitive.name in ELEMENTWISE for e in read_by):
            tangent = jnp.broadcast_to(tangent, shapes.pop())
        vectors[atom] = tangent
    return vectors


def transposes(program: Program, weights: Mapping[Any, Array]) -> dict[Any, Array]:
    """Returns the matrices that are multiplied by the state, transposed before the loop.

    The reverse loop multiplies by transposed weights, and would copy them into that order at every
    step. Here the tangent multiplies by the transpose of such a copy, so that its own transpose
    reads the copy as it is. The barrier keeps XLA from canceling the two transpositions.
    """
    found: dict[Any, Array] = {}
    for equation in program.state_equations:
        if equation.primitive.name != "dot_general":
            continue
        matrix = equation.invars[1]
        (_, contracted), (batch, _) = equation.params["dimension_numbers"]
        if isinstance(matrix, Literal) or matrix not in weights or batch:
            continue
        if matrix.aval.ndim == 2 and len(contracted) == 1:
            found[matrix] = lax.optimization_barrier(weights[matrix].T)
    return found


def reads(program: Program, moving: Changing, *, results: bool, hoist: bool) -> Reads:
    """Returns what the two parts of a tangent read, found by running both on shapes.

    Args:
        results: whether the results of `COSTLY` primitives may be stored, or only sites and states.
        hoist: whether the values of the inputs that the state's equations read are computed before
            the loop, and so may be stored.
    """
    ahead = set(program.frontier) if hoist else set()
    storable = [
        variable
        for variable, equation in program.definitions.items()
        if program.kinds[variable] > PARAMS
        and (
            variable in ahead
            or program.in_site(equation)
            or equation.primitive.name in PRODUCTS
            or equation.primitive.name in LOOPS
            or (results and equation.primitive.name in COSTLY)
        )
    ]
    leaves = [*program.weights, *program.state, *program.xs, *storable]
    seen: list[set[Any]] = []

    def both(given: Any, dweights: Any, dstate: Any, dxs: Any) -> None:
        known = dict(zip(leaves, given))
        changes = dict(zip(_pick(program.weights, moving.weights), dweights))
        values = Values(program, known)
        terms = direct(program, values, changes, dict(zip(_pick(program.xs, moving.xs), dxs)))
        seen.append(values.given_reads())
        vectors = by_row(program, Values(program, known), changes)
        values = Values(program, known)
        dstates = dict(zip(_pick(program.state, moving.state), dstate))
        loop(program, values, dstates, terms, vectors, {})
        seen.append(values.given_reads())

    shapes = lambda variables: [shards.shaped(v.aval) for v in variables]
    jax.eval_shape(
        both,
        shapes(leaves),
        *(
            shapes(_pick(variables, numbers))
            for variables, numbers in zip((program.weights, program.state, program.xs), moving)
        ),
    )
    stored = (seen[0] | seen[1]) - {*program.weights, *program.xs}
    return Reads(
        program.sort(stored),
        program.sort(stored & seen[1]),
        [k for k, x in enumerate(program.xs) if x in seen[1]],
    )


def _pick(variables: Sequence[Any], numbers: Sequence[int]) -> list[Any]:
    return [variables[k] for k in numbers]
