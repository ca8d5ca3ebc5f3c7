"""A step function as a program: what each of its values depends on, and its pre-activations.

A step `(params, state, x) -> (state, y)` of a recurrent network is traced once. Each value is of a
kind,

    PARAMS    depends on the parameters only: computed once, before the loop over time
    INPUTS    depends on the input of the step, too: may be computed for many steps at once
    STATE     depends on the state, too: computed step by step

A *site* is a pre-activation: a sum of products with parameters and of whatever else is added to
them. Its tangent is again a sum,

    d (h R + u) = dh R + (h dR + du)

The first term belongs into the loop over time. The direct term in brackets does not: where h is
known, it can be computed for many steps at once, and its transpose is a few large products.

The fused engine, wrappers that replace what the products read, and the planner use this.
"""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax.extend.core import Jaxpr, Literal

from lstmx import jaxprs
from lstmx.programs import _products, _sites
from lstmx.programs._sites import (
    COPIES,
    INPUTS,
    PARAMS,
    PRODUCTS,
    REARRANGEMENTS,
    STATE,
)
from lstmx.programs._values import Values

__all__ = [
    "COPIES",
    "INPUTS",
    "PARAMS",
    "PRODUCTS",
    "REARRANGEMENTS",
    "STATE",
    "Program",
    "Values",
    "trace",
]


@dataclass(frozen=True, eq=False)
class Program:
    """A traced step. Compares by identity.

    Attributes:
        equations: those with results, in the order of execution; calls are inlined.
        params: input variables; first the values that the step closes over.
        state: input variables.
        xs: input variables.
        new_state: atoms of the new state.
        outputs: atoms of y.
        kinds: variable -> PARAMS, INPUTS or STATE. Values of the inputs that are larger than what
            they are computed from, such as outer products, count as STATE where no product with
            parameters reads them: a step computes them faster than it reads them.
        definitions: variable -> the equation that computes it.
        of_site: the identities of the equations that are part of a site.
        sites: the variables that are sites.
        effects: whether a step does more than to compute its results, such as to print.
    """

    equations: Sequence[Any]
    params: Sequence[Any]
    state: Sequence[Any]
    xs: Sequence[Any]
    new_state: Sequence[Any]
    outputs: Sequence[Any]
    kinds: dict[Any, int]
    definitions: dict[Any, Any]
    of_site: frozenset[int]
    sites: frozenset[Any]
    effects: bool = False

    def kind(self, atom: Any) -> int:
        """Returns the kind of an atom; that of an equation is the kind of its first result."""
        return PARAMS if isinstance(atom, Literal) else self.kinds[atom]

    def in_site(self, equation: Any) -> bool:
        """Returns whether an equation is part of a site."""
        return id(equation) in self.of_site

    @functools.cached_property
    def state_equations(self) -> list[Any]:
        """The equations of kind STATE."""
        return [e for e in self.equations if self.kind(e.outvars[0]) == STATE]

    @functools.cached_property
    def weights(self) -> list[Any]:
        """The values of kind PARAMS that other equations read: what a step needs of `params`."""
        readers = [e for e in self.equations if self.kind(e.outvars[0]) > PARAMS]
        return self._sources(readers, PARAMS)

    @functools.cached_property
    def frontier(self) -> list[Any]:
        """The computed values of kind INPUTS that the equations of the state read."""
        sources = self._sources(self.state_equations, INPUTS)
        return [v for v in sources if v in self.definitions]

    @functools.cached_property
    def entering(self) -> list[Any]:
        """The values of kind INPUTS that equations of the state outside of sites read."""
        atoms = [*self.new_state, *self.outputs]
        for equation in self.state_equations:
            if not self.in_site(equation):
                atoms += equation.invars
        return list(dict.fromkeys(a for a in atoms if self.kind(a) == INPUTS))

    @functools.cached_property
    def order(self) -> dict[Any, int]:
        """Every variable with its place: inputs first, then by equation."""
        names = [*self.params, *self.state, *self.xs, *self.definitions]
        return {variable: number for number, variable in enumerate(names)}

    @functools.cached_property
    def recurrent(self) -> bool:
        """Whether a product with parameters reads the state."""
        return any(e.primitive.name in PRODUCTS and self.in_site(e) for e in self.state_equations)

    @functools.cached_property
    def size(self) -> tuple[int, int]:
        """The rows that a step computes, and the width of its widest product with the state.

        Without such a product, the width of a result of a product with the inputs.
        """
        rows, widths = 1, {INPUTS: 1, STATE: 1}
        for equation in self.equations:
            if equation.primitive.name not in PRODUCTS or not self.in_site(equation):
                continue
            moving, fixed = sorted(equation.invars[:2], key=self.kind, reverse=True)
            kind, result = self.kind(equation.outvars[0]), equation.outvars[0].aval
            # size(x) = rows * width, size(W) = width * outputs, size(x W) = rows * outputs
            width = round(math.sqrt(moving.aval.size * fixed.aval.size / max(result.size, 1)))
            rows = max(rows, moving.aval.size // max(width, 1))
            widths[kind] = max(widths[kind], width)
        return rows, widths[STATE] if self.recurrent else widths[INPUTS]

    def sort(self, variables: Iterable[Any]) -> list[Any]:
        """Returns variables in the order of execution."""
        return sorted(variables, key=self.order.__getitem__)

    def _sources(self, readers: Sequence[Any], kind: int) -> list[Any]:
        """Returns what equations and results read of a kind, with `COPIES` seen through."""
        found: dict[Any, None] = {}
        atoms = [*self.new_state, *self.outputs, *(a for e in readers for a in e.invars)]
        while atoms:
            atom = atoms.pop()
            if isinstance(atom, Literal) or self.kinds[atom] != kind:
                continue
            equation = self.definitions.get(atom)
            if equation is not None and equation.primitive.name in COPIES:
                atoms += equation.invars
            else:
                found[atom] = None
        return list(found)


def trace(
    step: Callable[..., Any], params: Any, state: Any, x: Any
) -> tuple[Program, list[Any], Any]:
    """Traces a step.

    Args:
        step: (params, state, x) -> (state, y).
        params: a pytree of arrays, or of what `jax.eval_shape` returns; so are `state` and `x`.

    Returns:
        The program; the values that the step closes over, which are the first of
        `Program.params`; the results, a pytree of shapes and dtypes.
    """
    # A function made in this call: JAX caches what it traced for as long as the function lives.
    once = lambda *arguments: step(*arguments)
    arguments = (params, state, x)
    traced, results = jax.make_jaxpr(once, return_shape=True)(*arguments)
    # The engine decides what is saved, and computes again the rest, so checkpoints have no effect.
    closed = jaxprs.inlined(traced, (*jaxprs.CALLS, "checkpoint", "remat2"))
    counts = tuple(len(jax.tree.leaves(part)) for part in arguments)
    program = _classified(closed.jaxpr, [], counts)
    consts = list(closed.consts)
    if not program.effects and (arranged := _products.arranged(program)) is not None:
        # What the step closes over becomes arguments of the new step, which may have constants too.
        avals = [v.aval for v in [*closed.jaxpr.constvars, *closed.jaxpr.invars]]
        again = jaxprs.inlined(jax.make_jaxpr(arranged)(*avals))
        invars, known = again.jaxpr.invars, len(consts)
        program = _classified(again.jaxpr.replace(invars=invars[known:]), invars[:known], counts)
        consts += again.consts
    return program, consts, results


def _classified(jaxpr: Jaxpr, closed: Sequence[Any], counts: tuple[int, ...]) -> Program:
    """Returns the program of a traced step.

    Args:
        closed: variables of values that the step closes over, besides those of `jaxpr`.
        counts: numbers of leaves of params, state and x.
    """
    variables = iter(jaxpr.invars)
    of_params, of_state, of_xs = ([next(variables) for _ in range(n)] for n in counts)
    of_params = [*closed, *jaxpr.constvars, *of_params]
    kinds = dict.fromkeys(of_params, PARAMS) | dict.fromkeys(of_xs, INPUTS)
    kinds |= dict.fromkeys(of_state, STATE)
    definitions: dict[Any, Any] = {}
    equations = [equation for equation in jaxpr.eqns if equation.outvars]
    for equation in equations:
        read = [kinds[a] for a in equation.invars if not isinstance(a, Literal)]
        # A derivative of somebody's own need not be linear: it is applied to the cotangent of each
        # step, and not once to the sum of all.
        least = STATE if read and _has_own_derivative(equation) else PARAMS
        kinds |= dict.fromkeys(equation.outvars, max([least, *read]))
        definitions |= dict.fromkeys(equation.outvars, equation)
    of_site, sites = _sites.find(equations, jaxpr.outvars, kinds)
    kinds |= dict.fromkeys(_sites.expanded(equations, of_site, kinds), STATE)
    return Program(
        equations,
        of_params,
        of_state,
        of_xs,
        jaxpr.outvars[: counts[1]],
        jaxpr.outvars[counts[1] :],
        kinds,
        definitions,
        of_site,
        sites,
        bool(jaxpr.effects),
    )


def _has_own_derivative(equation: Any) -> bool:
    """Whether an equation is a `custom_vjp` call, or has one in a loop, branch or call within."""
    if equation.primitive.name == "custom_vjp_call":
        return True
    inner = jaxprs.programs(equation.params)
    return any(_has_own_derivative(each) for program in inner for each in program.jaxpr.eqns)
