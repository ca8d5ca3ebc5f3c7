"""The products of a step in the form that is fastest over time.

    x @ W_i, x @ W_f, ...     become one product, with the matrices side by side
    W @ x, x @ W.T            become x @ W, rows of the batch by a matrix [in, out]
    [x, h] @ W                becomes x @ W_x + h @ W_h: only the second one is for the loop

Matrices are cut, transposed and put together once, before the loop.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Literal

from lstmx import jaxprs
from lstmx.programs._sites import ADDITIONS, INPUTS, PARAMS, STATE
from lstmx.programs._values import Values

if TYPE_CHECKING:
    from lstmx.programs import Program


def arranged(program: "Program") -> Callable[..., list[Any]] | None:
    """Returns the step with its products in this form; None where they are in it already.

    Returns:
        (values of the input variables) -> [new state, outputs], or None.
    """
    terms = _terms(program)
    groups: dict[Any, list[_Term]] = {}
    for term in itertools.chain(*terms.values()):
        groups.setdefault(term.group, []).append(term)
    alone = all(len(group) == 1 for group in groups.values())
    if alone and all(len(of) == 1 and of[0].plain for of in terms.values()):
        return None
    inputs = [*program.params, *program.state, *program.xs]
    return lambda *arguments: _Arranged(program, terms, groups, dict(zip(inputs, arguments))).run()


class _Term(NamedTuple):
    """A product of a value with rows of a matrix.

    Attributes:
        equation: the product that it is a term of.
        operand: the value; its axis `axis` is summed over.
        weights: the matrix; its axis `rows` is summed over.
        start: the first of the rows.
        stop: the end of the rows.
    """

    equation: Any
    operand: Any
    axis: int
    weights: Any
    rows: int
    start: int
    stop: int

    @property
    def key(self) -> tuple[int, int]:
        """Identifies the term."""
        return id(self.equation), self.start

    @property
    def group(self) -> Any:
        """Equal for the terms that one product can compute."""
        how = {k: v for k, v in self.equation.params.items() if k != "dimension_numbers"}
        return self.operand, self.axis, self.weights.aval.dtype, str(sorted(how.items()))

    @property
    def plain(self) -> bool:
        """Whether the product is x @ W already."""
        return self.equation.invars[1] is self.weights and self.rows == 0

    @property
    def left(self) -> bool:
        """Whether the matrix is the left operand of the product."""
        return self.equation.invars[0] is self.weights

    def matrix(self, values: Values) -> Any:
        """Returns the rows of the matrix, [in, out]."""
        # The barrier keeps XLA from merging the transposition with the product that computes the
        # gradient of the matrix, which would then take twice the time.
        stored = values[self.weights]
        matrix = lax.optimization_barrier(stored.T) if self.rows else stored
        return matrix if self.stop - self.start == len(matrix) else matrix[self.start : self.stop]

    def times(self, x: Any, matrix: Any) -> Any:
        """Returns the product of x with a matrix [in, out]."""
        dimensions = (((self.axis,), (0,)), ((), ()))
        params = {**self.equation.params, "dimension_numbers": dimensions}
        return jaxprs.bind(self.equation, [x, matrix], params)[0]


class _Arranged:
    """One evaluation of a step with its products arranged."""

    def __init__(
        self,
        program: "Program",
        terms: dict[int, list[_Term]],
        groups: dict[Any, list[_Term]],
        given: dict[Any, Any],
    ) -> None:
        self._program, self._terms, self._groups = program, terms, groups
        self._values = Values(program, given, self._bind)
        self._products: dict[tuple[int, int], Any] = {}
        # What has the rows of the batch last, as W @ x has, with these rows first. XLA makes one
        # slow product W @ x of a product and a transposition: so none is made that is undone later.
        self._upright: dict[Any, Any] = {}

    def run(self) -> list[Any]:
        """Returns the new state and the outputs."""
        return self._values.all([*self._program.new_state, *self._program.outputs])

    def _bind(self, equation: Any, operands: Sequence[Any]) -> Sequence[Any]:
        name, (result, *_) = equation.primitive.name, equation.outvars
        upright = [
            None if isinstance(a, Literal) else self._upright.get(a) for a in equation.invars
        ]
        everything = all(value is not None for value in upright)
        if (terms := self._terms.get(id(equation))) is not None:
            first, *others = map(self._product, terms)
            total = sum(others, first)
            return [self._fallen(result, total) if terms[0].left else total]
        if name in ADDITIONS and everything:
            return [self._fallen(result, jaxprs.bind(equation, upright)[0])]
        if name == "split" and everything:
            params = {**equation.params, "axis": (equation.params["axis"] - 1) % result.aval.ndim}
            parts = jaxprs.bind(equation, upright, params)
            return [self._fallen(v, part) for v, part in zip(equation.outvars, parts)]
        if name == "transpose" and everything:
            *front, last = equation.params["permutation"]
            if last == 0 and front == sorted(front):
                return upright
        return jaxprs.bind(equation, operands)

    def _fallen(self, variable: Any, upright: Any) -> Any:
        self._upright[variable] = upright
        return jnp.moveaxis(upright, -1, 0)

    def _product(self, term: _Term) -> Any:
        if term.key not in self._products:
            group = self._groups[term.group]
            matrices = [other.matrix(self._values) for other in group]
            whole = matrices[0] if len(group) == 1 else jnp.concatenate(matrices, axis=1)
            product = term.times(self._values[term.operand], whole)
            ends = list(itertools.accumulate(matrix.shape[1] for matrix in matrices))
            parts = [product] if len(group) == 1 else jnp.split(product, ends[:-1], axis=-1)
            self._products.update(zip((other.key for other in group), parts))
        return self._products[term.key]


def _terms(program: "Program") -> dict[int, list[_Term]]:
    """Returns the terms of every product with a matrix of the parameters, by identity."""
    terms: dict[int, list[_Term]] = {}
    for equation in program.equations:
        if equation.primitive.name != "dot_general":
            continue
        kinds = [program.kind(atom) for atom in equation.invars]
        contracted, (batch, _) = equation.params["dimension_numbers"]
        if min(kinds) > PARAMS or max(kinds) == PARAMS or batch or len(contracted[0]) != 1:
            continue
        order = 1 if kinds[0] == PARAMS else -1
        weights, operand = equation.invars[::order]
        rows, axis = (axes[0] for axes in contracted[::order])
        sharded = equation.params.get("out_sharding") is not None
        if isinstance(weights, Literal) or weights.aval.ndim != 2 or sharded:
            continue
        ends = [0]
        parts = _parts(program, operand, axis)
        ends += itertools.accumulate(part.aval.shape[axis] for part in parts)
        terms[id(equation)] = [
            _Term(equation, part, axis, weights, rows, *rows_of)
            for part, rows_of in zip(parts, itertools.pairwise(ends))
        ]
    return terms


def _parts(program: "Program", operand: Any, axis: int) -> Sequence[Any]:
    """Returns what an operand is concatenated of along an axis, if not all of it is the state's."""
    equation = program.definitions.get(operand)
    if equation is None or equation.primitive.name != "concatenate":
        return [operand]
    kinds = {program.kind(atom) for atom in equation.invars}
    literal = any(isinstance(atom, Literal) for atom in equation.invars)
    whole = equation.params["dimension"] != axis or kinds != {INPUTS, STATE} or literal
    return [operand] if whole else equation.invars
