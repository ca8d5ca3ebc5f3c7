"""The tangent of one equation, from as few values of the program as possible.

JAX's own rules read all operands of an equation, and with them all that these are computed from.
The rules here read what the derivative needs: nothing for a sum, the other operand for a product,
the result and not the operand for tanh. What no rule reads is neither saved in the forward pass nor
computed again in the reverse pass.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Literal

from lstmx import jaxprs
from lstmx.parallel import shards
from lstmx.programs import PRODUCTS, REARRANGEMENTS, Values
from lstmx.types import Array

Tangent = Any
"""The tangent of a value, an array of its shape, or None for zero."""
LINEAR = (*REARRANGEMENTS, "neg", "reduce_sum", "cumsum", "rev", "copy", "convert_element_type")
"""Primitives that are linear in their one operand."""


def push(
    equation: Any,
    values: Values,
    tangents: Sequence[Tangent],
    transposed: Mapping[Any, Array] = {},
) -> Sequence[Tangent]:
    """Returns the tangents of the results of an equation.

    Args:
        values: the values of the program.
        tangents: those of the operands.
        transposed: matrix of the parameters -> its transpose, which a product reads in its place.
    """
    if all(tangent is None for tangent in tangents):
        return [None] * len(equation.outvars)
    name = equation.primitive.name
    if name == "dot_general" and tangents[1] is None:
        matrix = equation.invars[1]
        if not isinstance(matrix, Literal) and matrix in transposed:
            return [_by_transpose(equation, tangents[0], transposed[matrix])]
    if name in LINEAR and jnp.issubdtype(equation.outvars[0].aval.dtype, jnp.inexact):
        return values.bind(equation, tangents)
    return _RULES.get(name, _of_any)(equation, values, tangents)


def bind_rows(equation: Any, operands: Sequence[Any]) -> Sequence[Any]:
    """Evaluates an equation for K steps at once: a rule of `Values`.

    Operands with one axis more than in the equation are those of K steps, [K, ...].

    A `vmap` over the steps gives the same, but XLA then copies the cotangents before it multiplies:
    the gradients of weights take up to twice the time. With the rows of all steps merged into one
    axis, [K B, H] by [H, G H] is one product of matrices, and so is its transpose.
    """
    axes = [
        0 if jnp.ndim(value) > len(atom.aval.shape) else None
        for value, atom in zip(operands, equation.invars)
    ]
    if not any(axis == 0 for axis in axes):
        return jaxprs.bind(equation, operands)
    if equation.primitive.name == "dot_general" and axes == [0, None]:
        (contracted, _), (batch, _) = equation.params["dimension_numbers"]
        x, matrix = operands
        # Rows that an explicit mesh shards do not merge with the steps into one axis.
        if 0 not in contracted and not batch and jax.typeof(x).sharding.spec[1] is None:
            flat = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
            (result,) = jaxprs.bind(equation, [flat, matrix])
            return [result.reshape(*x.shape[:2], *result.shape[1:])]
    return jax.vmap(lambda *now: jaxprs.bind(equation, now), in_axes=axes)(*operands)


def filled(atom: Any, tangent: Tangent) -> Array:
    """Returns the tangent of an atom, an array of zeros for None."""
    return shards.zeros(atom.aval) if tangent is None else tangent


def _of_result(slope: Callable[[Array], Array]) -> Callable[..., Sequence[Tangent]]:
    """The rule of a function whose derivative is a function of its result."""

    def rule(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
        return [jnp.multiply(*_aligned(tangents[0], slope(values[equation.outvars[0]])))]

    return rule


def _add(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
    return [_total(equation, *tangents)]


def _sub(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
    a, b = tangents
    return [_total(equation, a, None if b is None else -b)]


def _mul(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
    (da, db), (a, b) = tangents, equation.invars
    of_a = None if da is None else jnp.multiply(*_aligned(da, values[b]))
    of_b = None if db is None else jnp.multiply(*_aligned(values[a], db))
    return [_total(equation, of_a, of_b)]


def _div(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
    (da, db), b = tangents, equation.invars[1]
    of_b = None if db is None else -jnp.multiply(*_aligned(values[equation.outvars[0]], db))
    return [jnp.divide(*_aligned(_total(equation, da, of_b), values[b]))]


def _select(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
    cases = map(filled, equation.invars[1:], tangents[1:])
    return values.bind(equation, [values[equation.invars[0]], *cases])


def _concatenate(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
    return values.bind(equation, list(map(filled, equation.invars, tangents)))


def _product(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
    (da, db), (a, b) = tangents, equation.invars
    of_a = None if da is None else values.bind(equation, [da, values[b]])[0]
    of_b = None if db is None else values.bind(equation, [values[a], db])[0]
    return [_total(equation, of_a, of_b)]


def _of_any(equation: Any, values: Values, tangents: Sequence[Tangent]) -> Sequence[Tangent]:
    """The rule of JAX, which reads all operands."""
    operands = values.all(equation.invars)
    changing = [k for k, tangent in enumerate(tangents) if tangent is not None]

    def results(*changed: Any) -> Any:
        now = dict(zip(changing, changed))
        return values.bind(equation, [now.get(k, operand) for k, operand in enumerate(operands)])

    at, along = ([part[k] for k in changing] for part in (operands, tangents))
    found = jax.jvp(results, at, along)[1]
    return [None if tangent.dtype == jax.dtypes.float0 else tangent for tangent in found]


_RULES: dict[str, Callable[..., Sequence[Tangent]]] = {
    "tanh": _of_result(lambda y: 1 - y * y),
    "logistic": _of_result(lambda y: y * (1 - y)),
    "exp": _of_result(lambda y: y),
    "add": _add,
    "add_any": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "select_n": _select,
    "concatenate": _concatenate,
    **dict.fromkeys(PRODUCTS, _product),
}


def _by_transpose(equation: Any, tangent: Array, transposed: Array) -> Array:
    """The product of a tangent with a matrix whose transpose is given."""
    (((lhs,), (rhs,)), batch) = equation.params["dimension_numbers"]
    params = {**equation.params, "dimension_numbers": (((lhs,), (1 - rhs,)), batch)}
    return jaxprs.bind(equation, [tangent, transposed], params)[0]


def _aligned(*values: Array) -> list[Array]:
    """Arrays with equally many axes: under `bind_rows`, some are of K steps and others of one.

    JAX aligns them by itself, unless a user forbids it by `jax_numpy_rank_promotion`.
    """
    rank = max(map(jnp.ndim, values))
    missing = lambda value: range(rank - value.ndim)
    return [jnp.expand_dims(v, missing(v)) if jnp.ndim(v) else v for v in values]


def over_steps(tangent: Array, steps: int, shape: Sequence[int]) -> Array:
    """The tangent of K steps, [K, *shape], of a value whose tangent is equal at all of them.

    Args:
        tangent: of one step, broadcastable to `shape`; or of K steps, which is returned as it is.
        steps: K.

    Copies are made by a product with a vector of ones, since so is their transpose, the gradient of
    a bias: on a CPU, XLA's sum over the rows of all steps takes as long as a product of matrices.
    """
    if jnp.ndim(tangent) > len(shape):
        return tangent
    copied = 0  # leading axes, such as the rows of a batch
    while copied < len(shape) and tangent.shape[copied] == 1:
        copied += 1
    leading = (steps, *shape[:copied])
    ones = lax.optimization_barrier(jnp.ones((math.prod(leading), 1), tangent.dtype))
    copies = (ones @ tangent.reshape(1, tangent.size)).reshape(*leading, *tangent.shape[copied:])
    return jnp.broadcast_to(copies, (steps, *shape))


def _total(equation: Any, *terms: Tangent) -> Tangent:
    """The sum of the terms that are not zero, broadcast to the shape of the result.

    Under `bind_rows`, terms are of K steps or equal at all of them.
    """
    present = [term for term in terms if term is not None]
    shape = equation.outvars[0].aval.shape
    longest = max(present, key=jnp.ndim)
    if jnp.ndim(longest) > len(shape):
        present = [over_steps(term, longest.shape[0], shape) for term in present]
        shape = (longest.shape[0], *shape)
    return jnp.broadcast_to(sum(present[1:], present[0]), shape)
