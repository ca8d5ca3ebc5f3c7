"""In which precision a model computes: what is float32, what bfloat16, what float64.

    mode       parameters, state, gates, sums, loss, gradients    operands of matrix products
    float32    float32                                            float32
    bfloat16   float32                                            bfloat16, summed in float32
    float64    float64                                            float64

Mixed precision as in Micikevicius et al. 2018, arXiv:1710.03740. It belongs to the functions of a
cell, not to a context around an unroll: an engine's own derivative may be traced long after such
a context has ended. Nor are parameters cast: biases and sums, which lose most, would be cast too.
Instead the functions are traced, and every product in them is given rounded operands; the same
holds for the products of their derivatives. Products are also marked as bfloat16 for XLA, which
then takes tensor cores; a CPU ignores the mark, and would have computed in float32 unnoticed.
"""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr

from lstmx import checks, jaxprs
from lstmx.types import Array, Cell

MODES = ("float32", "bfloat16", "float64")
TOLERANCE = {"float32": 1e-5, "bfloat16": 5e-2, "float64": 1e-12}
"""By mode, what outputs and gradients may differ by from exact ones, relative to the largest entry
of an array: some ten times what hundreds of steps of the cells here were seen to differ by.

For float32 this needs products in full float32, as on a CPU. Elsewhere JAX may take TF32 (GPU) or
bfloat16 (TPU) unless `jax_default_matmul_precision` is "highest".
"""

_MARK = lax.DotAlgorithmPreset.BF16_BF16_F32
_PRODUCTS = ("dot_general", "conv_general_dilated")
_OWN_DERIVATIVE = ("custom_jvp_call", "custom_vjp_call")


def check(mode: str) -> None:
    """Refuse an unknown mode. Raises ValueError."""
    checks.one_of("precision", mode, MODES)


def scope(mode: str) -> AbstractContextManager[None]:
    """The context in which a run of this mode is traced and called: 64-bit types or not.

    >>> import jax, lstmx
    >>> with lstmx.precision.scope("float64"):
    ...     jax.numpy.ones(3).dtype
    dtype('float64')
    """
    check(mode)
    return jax.enable_x64(mode == "float64")


def dtype(mode: str) -> Any:
    """The type of parameters, state and loss.

    Raises:
        ValueError: unknown mode; float64 where JAX has its 64-bit types switched off.
    """
    check(mode)
    if mode != "float64":
        return jnp.float32
    if jax.dtypes.canonicalize_dtype(jnp.float64) != jnp.float64:
        raise ValueError(
            "precision='float64' while JAX has its 64-bit types switched off; expected it inside "
            "`with lstmx.precision.scope('float64'):`"
        )
    return jnp.float64


def cast(mode: str, tree: Any) -> Any:
    """A pytree with its floats in the type of the mode; the rest as it is. Raises as `dtype`."""
    to = dtype(mode)

    def leaf(array: Any) -> Any:
        return array.astype(to) if jnp.issubdtype(jnp.result_type(array), jnp.floating) else array

    return jax.tree.map(leaf, tree)


def drawn(mode: str, draw: Callable[..., Any]) -> Callable[..., Any]:
    """`draw` with its floats in the type of the mode, but the numbers that float32 draws.

    JAX draws other numbers for float64. Initial values and batches go through here, so that a run
    in float64 is the run in float32, but for rounding.
    """

    @functools.wraps(draw)
    def converted(*arguments: Any) -> Any:
        with jax.enable_x64(False):
            values = draw(*arguments)
        return cast(mode, values)

    return converted if mode == "float64" else draw


@functools.cache
def of(cell: Cell, mode: str) -> Cell:
    """The cell with its products in the precision of the mode; equal arguments, the same object."""
    check(mode)
    if mode != "bfloat16":
        return cell
    parts = (cell.project, cell.recur, cell.update)
    project, recur, update = (products(part, mode) for part in parts)
    return cell._replace(project=project, recur=recur, update=update)


def products(function: Callable[..., Any], mode: str) -> Callable[..., Any]:
    """A function of arrays with its matrix products in the precision of the mode.

    Products inside a function with a derivative of its own (`jax.custom_jvp`) are marked only, so
    that a CPU computes them in float32; one that asks for a precision itself keeps that.
    """
    if mode != "bfloat16":
        return function

    @functools.wraps(function)
    def rounded(*arguments: Any) -> Any:
        with jax.default_matmul_precision(_MARK.name):
            # By a function of this call: JAX keeps what it has traced of one that lives on.
            once = lambda *values: function(*values)
            traced, shapes = jax.make_jaxpr(once, return_shape=True)(*arguments)
        values = jax.tree.leaves(arguments)
        leaves = jaxprs.evaluate(traced.jaxpr, traced.consts, values, _rounded)
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)

    return rounded


def _nearest(array: Array) -> Array:
    """Each entry as the nearest number that bfloat16 has."""
    return lax.reduce_precision(array, exponent_bits=8, mantissa_bits=7)


@jax.custom_jvp
def _round(operand: Array) -> Array:
    """The nearest numbers that bfloat16 has; derivatives pass unchanged."""
    return _nearest(operand)


_round.defjvp(lambda primals, tangents: (_round(*primals), *tangents))


@jax.custom_jvp
def _round_cotangent(result: Array) -> Array:
    """The value unchanged; its cotangent, an operand of the transposed products, is rounded."""
    return result


_round_cotangent.defjvp(lambda primals, tangents: (*primals, _nearest(*tangents)))


def _rounded(equation: Any, operands: list[Any]) -> Any:
    """The results of an equation, its operands rounded where it is a product with the mark."""
    name, params = equation.primitive.name, equation.params
    # A derivative of its own belongs to the function as it is: what it holds stays untouched.
    if name not in _OWN_DERIVATIVE:
        params = jaxprs.rewritten(params, _rounded_program)
    marked = name in _PRODUCTS and params["precision"] == _MARK
    if not marked:
        return jaxprs.bind(equation, operands, params)
    if not all(jnp.issubdtype(operand.dtype, jnp.floating) for operand in operands):
        # Whole numbers stay exact.
        return jaxprs.bind(equation, operands, {**params, "precision": None})
    results = jaxprs.bind(equation, [_round(operand) for operand in operands], params)
    return [_round_cotangent(result) for result in results]


def _rounded_program(program: ClosedJaxpr) -> ClosedJaxpr:
    """The same for a program that an equation holds: of jit, scan, while and cond."""
    run = lambda *values: jaxprs.evaluate(program.jaxpr, program.consts, values, _rounded)
    return jax.make_jaxpr(run)(*program.in_avals)
