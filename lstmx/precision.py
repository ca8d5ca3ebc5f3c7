"""Precision modes of a model: float32, mixed precision with bfloat16, float64.

    mode       parameters, state, gates, biases, loss, gradients    operands of matrix products
    float32    float32                                              float32
    bfloat16   float32                                              bfloat16, summed in float32
    float64    float64                                              float64

Mixed precision follows Micikevicius et al. 2018, arXiv:1710.03740. `of` applies it to the step of a
cell: it traces it, rounds the operands of every matrix product to bfloat16, and evaluates
the program. The products of their derivatives are treated alike. Two simpler ways are wrong:

* A context manager around an unroll: the custom derivative of an engine may be traced after the
  context has ended, and its products would be float32.
* Parameters cast to bfloat16: biases and sums, which lose most accuracy, would be cast too.

Products also carry the preset BF16_BF16_F32, by which XLA uses tensor cores. The rounding is done
in addition, because a CPU ignores the preset and computes in float32.
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
"""Mode -> largest error of outputs and gradients, relative to the largest entry of an array: about
ten times the error that was measured over hundreds of steps with the cells of lstmx.

The value of float32 assumes products in full float32, as on a CPU. Elsewhere JAX may use TF32 (GPU)
or bfloat16 (TPU) unless `jax_default_matmul_precision` is "highest".
"""

_PRESET = lax.DotAlgorithmPreset.BF16_BF16_F32
_PRODUCTS = ("dot_general", "conv_general_dilated")
_CUSTOM_DERIVATIVE = ("custom_jvp_call", "custom_vjp_call")


def check(mode: str) -> None:
    """Raises ValueError if the mode is unknown."""
    checks.one_of("precision", mode, MODES)


def scope(mode: str) -> AbstractContextManager[None]:
    """Returns a context manager that enables or disables 64-bit types, as the mode needs.

    Both tracing and calls of a run belong into it.

    >>> import jax, lstmx
    >>> with lstmx.precision.scope("float64"):
    ...     jax.numpy.ones(3).dtype
    dtype('float64')
    """
    check(mode)
    return jax.enable_x64(mode == "float64")


def dtype(mode: str) -> Any:
    """Returns the dtype of parameters, state and loss.

    Raises:
        ValueError: an unknown mode, or float64 while the 64-bit types of JAX are disabled.
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
    """Returns a pytree with its floats cast to `dtype(mode)`. Raises ValueError as `dtype`."""
    target = dtype(mode)

    def leaf(array: Any) -> Any:
        return (
            array.astype(target) if jnp.issubdtype(jnp.result_type(array), jnp.floating) else array
        )

    return jax.tree.map(leaf, tree)


def drawn(mode: str, sample: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `sample` with its floats in the dtype of the mode, sampled in float32.

    For one key JAX samples different numbers in float64 and in float32. Initial parameters and
    batches are sampled in float32 and cast, so that a run in float64 equals the run in float32 up
    to rounding.
    """

    @functools.wraps(sample)
    def converted(*arguments: Any) -> Any:
        with jax.enable_x64(False):
            values = sample(*arguments)
        return cast(mode, values)

    return converted if mode == "float64" else sample


@functools.cache
def of(cell: Cell, mode: str) -> Cell:
    """Returns the cell with its products in this precision; equal arguments, the same object."""
    check(mode)
    if mode != "bfloat16":
        return cell
    linear = cell.linear and products(cell.linear, mode)
    return cell._replace(step=products(cell.step, mode), linear=linear)


def products(function: Callable[..., Any], mode: str) -> Callable[..., Any]:
    """Returns a function of arrays with its matrix products in the precision of the mode.

    Products inside a function with a custom derivative (`jax.custom_jvp`) get the preset but no
    rounding, so that a CPU computes them in float32. A product with an explicit `precision` keeps
    it.
    """
    if mode != "bfloat16":
        return function

    @functools.wraps(function)
    def rounded(*arguments: Any) -> Any:
        # 1. Trace the function, with the preset on every product that has no explicit precision.
        with jax.default_matmul_precision(_PRESET.name):
            # A new function in every call: JAX caches the trace of a function that outlives it.
            once = lambda *values: function(*values)
            traced, shapes = jax.make_jaxpr(once, return_shape=True)(*arguments)
        # 2. Evaluate the program, rounding the operands of the products that have the preset. This
        # is traced in turn, so that derivatives are taken of the rounded program.
        values = jax.tree.leaves(arguments)
        leaves = jaxprs.evaluate(traced.jaxpr, traced.consts, values, _rounded)
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)

    return rounded


def _nearest(array: Array) -> Array:
    """Returns each entry rounded to bfloat16, in the dtype of the array."""
    return lax.reduce_precision(array, exponent_bits=8, mantissa_bits=7)


@jax.custom_jvp
def _round(operand: Array) -> Array:
    """Rounds an operand to bfloat16; the derivative is the identity."""
    return _nearest(operand)


_round.defjvp(lambda primals, tangents: (_round(*primals), *tangents))


@jax.custom_jvp
def _round_cotangent(result: Array) -> Array:
    """Returns the result of a product unchanged, and rounds its cotangent to bfloat16.

    In the backward pass the cotangent is an operand of the transposed products.
    """
    return result


_round_cotangent.defjvp(lambda primals, tangents: (*primals, _nearest(*tangents)))


def _rounded(equation: Any, operands: list[Any]) -> Any:
    """Returns the results of an equation; a rule of `jaxprs.evaluate`.

    Operands of a product with the preset are rounded.
    """
    name, params = equation.primitive.name, equation.params
    # Products in the programs of loops, branches and jitted calls are rounded too. The program of a
    # custom derivative is not rewritten: its derivative rule belongs to the function as written.
    if name not in _CUSTOM_DERIVATIVE:
        params = jaxprs.rewritten(params, _rounded_program)
    has_preset = name in _PRODUCTS and params["precision"] == _PRESET
    if not has_preset:
        return jaxprs.bind(equation, operands, params)
    if not all(jnp.issubdtype(operand.dtype, jnp.floating) for operand in operands):
        # Integers are exact without rounding, and the preset is for floats only.
        return jaxprs.bind(equation, operands, {**params, "precision": None})
    # XLA of jax 0.10 has no code for a CPU for a product of one number with the preset, and the
    # derivatives by an operand of one number are such products. They do not need tensor cores.
    if 1 in (*(operand.size for operand in operands), *(v.aval.size for v in equation.outvars)):
        params = {**params, "precision": None}
    results = jaxprs.bind(equation, [_round(operand) for operand in operands], params)
    return [_round_cotangent(result) for result in results]


def _rounded_program(program: ClosedJaxpr) -> ClosedJaxpr:
    """Returns an inner program of an equation (jit, scan, while, cond) with rounded products."""
    run = lambda *values: jaxprs.evaluate(program.jaxpr, program.consts, values, _rounded)
    return jax.make_jaxpr(run)(*program.in_avals)
