"""The fused engine: any step function fast, values and every derivative equal to `lax.scan`'s.

Autodiff through a scan takes the gradient of every weight step by step, T small products for each.
Here the tangent program is arranged by hand, from what `lstmx.programs` finds in the step: its
sites, which are sums of products with parameters. A site a = R h + W x + b has the tangent

    outside the loop, over K steps at once    D   = dR h + dW x + W dx + db
    in the loop, the state's tangent alone    da  = R dh + D

The first line needs no dh, since the states are known at every step. The transpose of both, which
JAX derives, is the fused reverse pass: a reverse scan that carries cotangents of the state only,
and outside it the gradients of parameters and inputs as a few large products. As a `custom_jvp` it
keeps forward mode, Hessians, reverse over reverse and `vmap`.

Nothing here depends on a particular cell: products may depend on one another, and derivatives are
taken at the real state and inputs. What the forward pass saves for the tangent is what the tangent
reads; see `Plan.save`.

Steps are taken K at a time, in blocks: the D of a block and its cotangent, [K, B, G, H], are
written by one of the two lines and read by the other, and stay in the cache in between.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax

from lstmx.engines import _derivative
from lstmx.engines._blocks import Remat
from lstmx.engines._passes import Inputs, Static, forward, forward_by_blocks, tangent
from lstmx.engines._plan import Plan, plan_step
from lstmx.engines._step import batch_shape, first, masked_step
from lstmx.parallel import shards
from lstmx.programs import Program, Values, trace
from lstmx.types import Array, Cell, Noise, Params, State, Trace, Unrolled


def refusal(cell: Cell, **requested: bool) -> None:
    """None: every cell runs here."""


def run(
    cell: Cell,
    params: Params,
    state: State,
    xs: Any,
    noise: Noise,
    resets: Array | None,
    mask: Array | None,
    *,
    return_trace: bool,
    remat_every: Remat,
    settings: Mapping[str, Any] = {},
) -> Unrolled:
    """Unroll a cell over time-major inputs; arguments as for `lstmx.engines.scan.run`.

    Args:
        remat_every: save a state every so many steps only, whatever the plan.
        settings: fields of `lstmx.engines.Plan` that overrule the plan for these shapes.
    """
    shape = batch_shape(xs)
    initial = cell.initial_state(params, shape) if resets is not None else None

    def step(given: Any, state: State, now: Any) -> tuple[State, Any]:
        params, initial = given
        x, noise, reset, mask = now
        state, y, gates = masked_step(cell, params, initial, state, x, noise, reset, mask)
        return state, (y, Trace(state, gates) if return_trace else None)

    choose = functools.partial(
        plan_step,
        length=jax.tree.leaves(xs)[0].shape[0],
        size=(math.prod(shape), cell.out_features),
        settings=settings,
        remat_every=remat_every,
    )
    steps = (xs, noise, resets, mask)
    state, (outputs, trace) = scan(step, (params, initial), state, steps, choose)
    return Unrolled(outputs, state, trace)


def scan(
    step: Callable[[Any, Any, Any], tuple[Any, Any]],
    params: Any,
    state: Any,
    xs: Any,
    choose: Callable[[Program], Plan],
) -> tuple[Any, Any]:
    """Applies a step function over time: `lax.scan` with another derivative.

    Args:
        step: (params, state, x) -> (state, y); the new state has the shapes and dtypes of the old.
        xs: pytree of arrays with time leading, [T, ...].
        choose: returns the plan for the traced step.

    Returns:
        the last state, and y of every step, leaves [T, ...].
    """
    program, closed, results = trace(step, params, state, first(xs))
    if program.effects:  # such as to print: to be had once for every step, in order
        return lax.scan(lambda state, x: step(params, state, x), state, xs)
    placed = shards.as_types(state, results[0])
    if any(a is not b for a, b in zip(*map(jax.tree.leaves, (state, placed)))):
        return scan(step, params, placed, xs, choose)
    # What depends on parameters alone is computed here, by plain JAX, once for all steps.
    given = dict(zip(program.params, [*closed, *jax.tree.leaves(params)]))
    weights = Values(program, given).all(program.weights)
    inputs = Inputs(weights, jax.tree.leaves(state), jax.tree.leaves(xs))
    new, ys = _scan(Static(program, choose(program)), inputs)
    into = lambda tree, leaves: jax.tree.unflatten(jax.tree.structure(tree), leaves)
    return into(results[0], new), into(results[1], ys)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _scan(static: Static, inputs: Inputs) -> tuple[list[Array], list[Array]]:
    state, ys, _ = forward(static, inputs, ())
    return state, ys


# Symbolic zeros say which inputs do not change at all: no gradient is arranged for those.
@functools.partial(_scan.defjvp, symbolic_zeros=True)
def _scan_jvp(static: Static, primals: Any, tangents: Any) -> Any:
    (inputs,), (changes,) = primals, tangents
    program, plan = static
    moving = _derivative.changing(program, changes.weights, changes.xs)
    reads = _derivative.reads(program, moving, results=plan.save != "sites", hoist=plan.hoist)
    # What the forward pass saves: all that the tangent reads, or the states from which a block
    # computes it. Within a block, or of one state for each of them, nothing is saved.
    starts = None
    if plan.save == "boundaries":
        state, starts, ys = forward_by_blocks(
            static, inputs, *filter(None, (plan.outer, plan.block))
        )
        saved: list[Array] = []
    else:
        names = program.state if plan.save == "states" else reads.stored
        state, ys, saved = forward(static, inputs, names)
    dstate, dys = tangent(static, inputs, changes, moving, reads, saved, starts)
    return (state, ys), (_tangents(state, dstate), _tangents(ys, dys))


def _tangents(values: Sequence[Array], tangents: Mapping[int, Array]) -> list[Any]:
    """Tangents by number as a list: integers have one of type float0."""
    zero = lambda value: np.zeros(value.shape, jax.dtypes.float0)
    return [tangents.get(k, zero(value)) for k, value in enumerate(values)]
