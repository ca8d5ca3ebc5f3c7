"""Fewer and larger products: those that multiply one value by several matrices become one.

A cell that is written gate by gate, `x @ W_i`, `x @ W_f`, ..., has as many small products. With the
matrices side by side, which are put together once and not at every step, they are one.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
from jax.extend.core import Literal

from lstmx import jaxprs
from lstmx.programs._sites import PARAMS
from lstmx.programs._values import Values

if TYPE_CHECKING:
    from lstmx.programs import Program


def united(program: "Program") -> Callable[..., list[Any]] | None:
    """Returns a step with united products; None where there are none to unite.

    Products with the parameters on the left, as of `W @ x` under `vmap`, are turned around, so that
    the rows of a batch are the rows of the product.

    Returns:
        (values of the input variables) -> [new state, outputs], or None.
    """
    groups = _groups(program)
    turned = {id(e) for e in program.equations if _is_product(program, e, matrix=0)}
    if not groups and not turned:
        return None
    group_of = {id(equation): group for group in groups for equation in group}
    inputs = [*program.params, *program.state, *program.xs]

    def step(*arguments: Any) -> list[Any]:
        done: dict[int, Any] = {}

        def bind(equation: Any, operands: Sequence[Any]) -> Sequence[Any]:
            group = group_of.get(id(equation))
            if group is not None:
                if id(equation) not in done:
                    matrices = [values[e.invars[1]] for e in group]
                    done.update(zip(map(id, group), _together(equation, operands[0], matrices)))
                return [done[id(equation)]]
            if id(equation) in turned:
                return [_turned(equation, *operands)]
            return jaxprs.bind(equation, operands)

        values = Values(program, dict(zip(inputs, arguments)), bind)
        return values.all([*program.new_state, *program.outputs])

    return step


def _groups(program: "Program") -> list[list[Any]]:
    """The products that multiply the same value by several matrices in the same way."""
    groups: dict[Any, list[Any]] = {}
    for equation in program.equations:
        if _is_product(program, equation, matrix=1):
            how = {k: v for k, v in equation.params.items() if k != "out_sharding"}
            key = (equation.invars[0], str(sorted(how.items())), equation.invars[1].aval.dtype)
            groups.setdefault(key, []).append(equation)
    return [group for group in groups.values() if len(group) > 1]


def _is_product(program: "Program", equation: Any, matrix: int) -> bool:
    """Whether an equation multiplies a value by parameters, its operand number `matrix`."""
    if equation.primitive.name != "dot_general":
        return False
    weights, moving = equation.invars[matrix], equation.invars[1 - matrix]
    contracted, (batch, _) = equation.params["dimension_numbers"]
    return (
        not isinstance(weights, Literal)
        and not isinstance(moving, Literal)
        and program.kind(weights) == PARAMS < program.kind(moving)
        and weights.aval.ndim == 2
        and len(contracted[0]) == 1
        and not batch
        and equation.params.get("out_sharding") is None
    )


def _together(equation: Any, x: Any, matrices: Sequence[Any]) -> list[Any]:
    """The products of x with several matrices, as one."""
    (_, (contracted,)), _ = equation.params["dimension_numbers"]
    whole = jnp.concatenate(matrices, axis=1 - contracted)
    (product,) = jaxprs.bind(equation, [x, whole])
    ends = list(itertools.accumulate(m.shape[1 - contracted] for m in matrices))
    return jnp.split(product, ends[:-1], axis=-1)


def _turned(equation: Any, matrix: Any, x: Any) -> Any:
    """The product with its operands exchanged, and its axes in the order of the equation."""
    (lhs, rhs), batch = equation.params["dimension_numbers"]
    params = {**equation.params, "dimension_numbers": ((rhs, lhs), batch)}
    (product,) = jaxprs.bind(equation, [x, matrix], params)
    return jnp.moveaxis(product, -1, 0)
